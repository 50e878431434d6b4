"""A run whose record this version cannot decode: set apart alone, at start too, and readable again by one that can."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.commands import AssetFile, Command, ExamineRuns, LoadAssets, StartRun, SteerRun
from quarterdeck_daemon.core.entities import Alert, Asset, Entity, Plain, Run
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kernel import all_needs, decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store import sealing
from quarterdeck_daemon.store.codec import unpack_entity
from quarterdeck_daemon.store.errors import LogCorrupt
from quarterdeck_daemon.store.rocks import RocksStore

PLAYBOOK = "name: lead\nsteps: [{id: a, agent: x}]\n"


def give(store: RocksStore, command: Command) -> Plain:
    decision = decide(store, command, Env(now_us=1_790_000_000_000_000), head=store.head.seq, actor="operator")
    store.append([decision.commit])
    store.sync()
    return decision.reply


def filled(home: Path) -> RocksStore:
    """A store with two runs under way."""
    store = RocksStore.open(home)
    file = AssetFile(asset_kind="playbook", name="lead", path="p", text=PLAYBOOK, hash=text_hash(PLAYBOOK))
    give(store, LoadAssets(files=(file,)))
    for id in ("odd", "fine"):
        give(store, StartRun(playbook="lead", run_id=id))
    return store


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RocksStore:
    """The same store opened by a version to which the record of `odd` means nothing."""
    filled(tmp_path).close()
    real = unpack_entity

    def unpack(cls: type[Entity], value: bytes) -> Entity:
        entity = real(cls, value)
        if entity.id == "odd":
            raise msgspec.ValidationError("Expected `int`, got `str` - at `$.depth`")
        return entity

    monkeypatch.setattr(sealing, "unpack_entity", unpack)
    return RocksStore.open(tmp_path)


def test_it_is_in_quarantine_with_why_and_the_others_go_on(odd: RocksStore) -> None:
    assert [(run.id, run.status) for run in odd.live(Run)] == [("fine", "running"), ("odd", "quarantined")]
    run = odd.get(Run, "odd")
    assert run is not None
    assert "Expected `int`" in run.trouble
    assert {need.entity for need in all_needs(odd) if need.kind == "step"} == {"fine"}
    assert give(odd, ExamineRuns()) == {"quarantined": ["odd"]}
    assert [alert.topic for alert in odd.live(Alert)] == ["run.quarantined/odd"]
    odd.close()


def test_it_can_be_given_up(odd: RocksStore) -> None:
    give(odd, SteerRun(id="odd", verb="kill"))
    assert [run.id for run in odd.live(Run)] == ["fine"]
    odd.close()


def test_a_version_that_knows_its_shape_reads_it_again(
    odd: RocksStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    give(odd, ExamineRuns())
    odd.close()
    monkeypatch.undo()
    store = RocksStore.open(tmp_path)
    assert [(run.id, run.status) for run in store.live(Run)] == [("fine", "running"), ("odd", "running")]
    store.close()


def test_any_other_record_that_cannot_be_read_is_damage(odd: RocksStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: only runs are set apart; what nobody expects to be odd is never passed over."""

    def unpack(cls: type[Entity], value: bytes) -> Entity:
        raise msgspec.ValidationError("odd")

    monkeypatch.setattr(sealing, "unpack_entity", unpack)
    with pytest.raises(LogCorrupt):
        list(odd.scan(Asset))
    odd.close()
