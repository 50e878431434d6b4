"""What is kept as it was written must be what would be read, and it stays within its room."""

from __future__ import annotations

import pytest
from tests.daemon.core.core_bench import check_read_soon

from quarterdeck_daemon.core.entities import Counter, Run
from quarterdeck_daemon.store import cache as cache_module
from quarterdeck_daemon.store.cache import ENTITY_BYTES, EntityCache
from quarterdeck_protocol.labels import OPERATOR


def test_a_value_that_would_be_another_one_once_it_was_read_is_noticed() -> None:
    """The benches of the core and the simulation check each write of theirs so."""
    run = Run(
        id="r1", playbook="p", playbook_hash="h", inputs={}, status="running", steps={}, at_us=1, labels=OPERATOR
    )
    check_read_soon([run])
    with pytest.raises(AssertionError):
        check_read_soon(
            [Run(**{**{name: getattr(run, name) for name in run.__struct_fields__}, "inputs": {"a": (1,)}})]
        )


def test_it_stays_within_its_room_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "BYTES_MAX", 3 * (ENTITY_BYTES + 10))
    cache = EntityCache()
    for n in range(5):
        cache.keep(Counter(id=str(n), value=n), bytes(10))
        cache.get("counter", "1")
    assert [n for n in range(5) if cache.get("counter", str(n)) is not None] == [1, 3, 4]
    cache.keep(Counter(id="3", value=7), bytes(cache_module.VALUE_BYTES_MAX + 1))
    held = [cache.get("counter", "3"), cache.value("counter", "3"), cache.value("counter", "4")]
    assert held == [None, None, bytes(10)]
