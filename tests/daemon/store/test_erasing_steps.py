"""An erasure in steps: others read and append meanwhile, and nothing that they write is lost or left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from quarterdeck_daemon.core.commands import Command, PutFact, Remember
from quarterdeck_daemon.core.entities import Fact, Memory
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store import erasing
from quarterdeck_daemon.store.api import Removal
from quarterdeck_daemon.store.content_keys import ContentKeys
from quarterdeck_daemon.store.rocks import RocksStore

NOTES = 300
FACTS = tuple(f"fact:client/c{number}" for number in range(100))


def told(store: RocksStore, command: Command) -> None:
    head = store.head.seq
    decision = decide(store, command, Env(now_us=1_000_000 * (head + 1)), head=head, actor="operator")
    store.append([decision.commit])


@pytest.fixture
def store(tmp_path: Path) -> RocksStore:
    store = RocksStore.open(tmp_path / "home", free_bytes_min=0)
    for number in range(NOTES):
        told(store, Remember(text=f"note {number}"))
    for name in FACTS:
        told(store, PutFact(fact_kind="client", key=name.rpartition("/")[2], value={"name": "before"}))
    store.sync()
    return store


def removal(store: RocksStore) -> Removal:
    names = tuple(f"memory:m{number}" for number in range(1, NOTES + 1)) + FACTS
    events = tuple(range(1, store.head.seq + 1))
    return Removal(epoch=store.epoch, subjects=names, entities=names, events=events)


def test_what_is_written_while_rows_go_stays(store: RocksStore, tmp_path: Path) -> None:
    """The operator puts facts of the same names, again and again, while their old rows are taken away."""
    for step in store.erasing(removal(store)):
        if not step.aside:
            step.do()
            continue
        work = threading.Thread(target=step.do)
        work.start()
        round = 0
        while work.is_alive() or round == 0:
            for name in FACTS:
                told(
                    store, PutFact(fact_kind="client", key=name.rpartition("/")[2], value={"name": f"after {round}"})
                )
            told(store, Remember(text=f"later {round}"))
            round += 1
        work.join()
    store.close()
    again = RocksStore.open(tmp_path / "home", free_bytes_min=0)
    facts = [again.get(Fact, name.removeprefix("fact:")) for name in FACTS]
    assert all(fact is not None and str(fact.value["name"]).startswith("after") for fact in facts)
    assert not any(memory.text.startswith("note") for memory in again.scan(Memory))
    assert any(memory.text.startswith("later") for memory in again.scan(Memory))
    for name in FACTS:
        assert all(version.value != {"name": "before"} for version in again.history(Fact, name.removeprefix("fact:")))
    assert again.verify().broken_at is None
    again.close()


class NoLock:
    """The twin's lock: it holds nobody back."""

    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_the_twin_without_the_lock_loses_what_was_written_between_look_and_deletion(
    store: RocksStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is looked at, found forgotten, written anew, and deleted."""
    fresh = PutFact(fact_kind="client", key="c0", value={"name": "after"})
    real = erasing.Eraser._link_rows

    def late(eraser: erasing.Eraser, entity: str, before: int) -> object:
        if entity == FACTS[0]:
            told(store, fresh)
        return real(eraser, entity, before)

    monkeypatch.setattr(store, "_writing", NoLock())
    monkeypatch.setattr(erasing.Eraser, "_link_rows", late)
    store.erase(removal(store))
    assert store.get(Fact, "client/c0") is None


def test_no_key_of_before_is_kept_by_a_thread_that_was_deriving_it(tmp_path: Path) -> None:
    """What was derived of the old tree is put where nobody looks any more."""
    keys = ContentKeys.found(tmp_path / "content.key")
    sealed = keys.seal("memory:m1", b"secret", b"x")
    old = keys._ciphers
    state = keys.written_without(("memory:m1",), ())
    keys.use(state)
    assert keys.open(sealed, b"x") is None
    old[ContentKeys.index_in(sealed)] = next(iter(old.values()))  # The slow thread comes to its end now.
    assert keys.open(sealed, b"x") is None
