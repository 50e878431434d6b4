"""A backup becomes a workspace of its own: verified, stopped, and without what was forgotten since."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.commands import (
    BeginErasure,
    CloseErasure,
    Command,
    Names,
    ProveErasure,
    PutFact,
    Remember,
)
from quarterdeck_daemon.core.entities import Counter, Erasure, Fact, Memory, Origin, Stop
from quarterdeck_daemon.core.erasure import was_forgotten
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service import copies, restoring
from quarterdeck_daemon.service.fence import read_fence
from quarterdeck_daemon.service.restoring import Restoration, Wanted, plan_restore, restore
from quarterdeck_daemon.service.workspace import CONFIG_NAME, DEFAULT_CONFIG_TEXT, STATE_NAME
from quarterdeck_daemon.store.api import Removal
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.codes import QuarterdeckError

SECRET = "Ines Duarte is allergic to walnuts"


class House:
    """A workspace with a log, without processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / CONFIG_NAME).write_text("# ours\n", encoding="utf-8")
        self.store = RocksStore.open(folder / STATE_NAME, free_bytes_min=0)

    def tell(self, command: Command) -> None:
        head = self.store.head.seq
        decision = decide(self.store, command, Env(now_us=1_000_000 * (head + 1)), head=head, actor="operator")
        self.store.append([decision.commit])
        self.store.sync()

    def back_up(self, away: Path) -> Path:
        """Make a backup and carry it off, out of reach of this house."""
        copies.create(self.store, copies.folder_of(self.folder / STATE_NAME, "monday"))
        return Path(shutil.move(self.folder / STATE_NAME / "backup" / "monday", away))

    def begin_forgetting(self) -> Removal:
        names = Names(epoch=self.store.epoch, subjects=("memory:m1",), entities=("memory:m1",), events=(1,))
        self.tell(BeginErasure(removal=names, counts={"memory": 1}, names=("files:ines.md",)))
        return msgspec.convert(msgspec.to_builtins(names), Removal)

    def forget(self) -> None:
        self.store.erase(self.begin_forgetting())
        self.tell(ProveErasure(id="er1", proof={"events": 0}))
        self.tell(CloseErasure(id="er1"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "company")
    house.tell(Remember(text=SECRET))
    house.tell(PutFact(fact_kind="k", key="a", value={"n": 1}))
    return house


def opened(made: Restoration) -> RocksStore:
    return RocksStore.open(made.into / STATE_NAME, free_bytes_min=0)


def test_a_restored_workspace_is_the_state_of_the_backup_and_begins_stopped(house: House, tmp_path: Path) -> None:
    backup = house.back_up(tmp_path / "stick")
    at = house.store.head.seq
    house.tell(Remember(text="later"))
    plan = plan_restore(Wanted(backup=str(backup), workspace=house.folder))  # Its own log is open meanwhile.
    result = restore(plan, reason="a test")
    house.store.close()
    assert plan.into == tmp_path / "company-restored"
    assert (result["seq"], result["verified"], result["stopped"]) == (at, True, True)
    store = opened(plan)
    try:
        assert [one.text for one in store.scan(Memory)] == [SECRET]
        fact = store.get(Fact, "k/a")
        assert fact is not None
        assert fact.value == {"n": 1}
        assert [event.kind for event in store.events(after=at)] == ["workspace.forked", "stop.engaged"]
        stop, origin = store.get(Stop, "stop"), store.get(Origin, "workspace")
        assert stop is not None
        assert origin is not None
        assert (stop.engaged, read_fence(plan.into / STATE_NAME / "fence").stopped) == (True, True)
        assert (origin.forked_from, origin.at_seq) == (str(house.folder), at)
        assert (plan.into / CONFIG_NAME).read_text() == "# ours\n"
    finally:
        store.close()


def test_looking_writes_nothing_anywhere(house: House, tmp_path: Path) -> None:
    backup = house.back_up(tmp_path / "stick")
    said = plan_restore(Wanted(backup=str(backup), workspace=house.folder)).said()
    house.store.close()
    assert (said["events"], said["seq"], said["origin"]) == (2, 2, str(house.folder))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["company", "stick"]
    assert copies.check(house.folder / STATE_NAME, backup).faults == ()


@pytest.mark.parametrize("what", ["itself", "a full folder", "an empty folder", "a file", "a dangling link"])
def test_nothing_is_restored_over_anything(house: House, tmp_path: Path, what: str) -> None:
    backup = house.back_up(tmp_path / "stick")
    house.store.close()
    place = house.folder if what == "itself" else tmp_path / "place"
    if what.endswith("folder"):
        place.mkdir()
    if what in ("a full folder", "a file"):
        (place / "x" if what == "a full folder" else place).write_text("mine")
    if what == "a dangling link":
        place.symlink_to(tmp_path / "nowhere")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(QuarterdeckError) as refused:
        plan_restore(Wanted(backup=str(backup), into=place, workspace=house.folder))
    assert (refused.value.code, sorted(str(path) for path in tmp_path.rglob("*"))) == ("conflict", before)


# --- what was forgotten since ---------------------------------------------------------------------


def test_what_was_forgotten_since_does_not_come_back(house: House, tmp_path: Path) -> None:
    """Neither its text, nor its number, nor the file that it came from."""
    backup = house.back_up(tmp_path / "stick")
    house.forget()
    plan = plan_restore(Wanted(backup=str(backup), workspace=house.folder))
    result = restore(plan)
    house.store.close()
    assert (plan.forgets, result["forgotten"], result["lacks"]) == (True, ["er1"], plan.lacks)
    store = opened(plan)
    try:
        memory, counter, erasure = store.get(Memory, "m1"), store.get(Counter, "m"), store.get(Erasure, "er1")
        assert memory is not None
        assert (memory.text, memory.forgotten) == ("", True)
        assert counter is not None
        assert counter.value == 1
        assert erasure is not None
        assert (erasure.stage, list(store.live(Erasure))) == ("closed", [])
        assert (was_forgotten(store, "files:ines.md"), was_forgotten(store, "files:other.md")) == (True, False)
        first = store.event(1)
        assert first is not None
        assert first.body == {"erased": True}
        assert store.verify().broken_at is None
    finally:
        store.close()
    texts = [path for path in plan.into.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert texts == []


def test_without_the_workspace_it_came_from_it_is_said_that_it_comes_back(house: House, tmp_path: Path) -> None:
    """The twin: nothing to learn the forgetting from, so the text is there, and nobody is left in doubt."""
    backup = house.back_up(tmp_path / "stick")
    house.forget()
    house.store.close()
    shutil.copyfile(house.folder / STATE_NAME / "chain.key", tmp_path / "kept.key")
    shutil.rmtree(house.folder)
    plan = plan_restore(Wanted(backup=str(backup), into=tmp_path / "new", key=tmp_path / "kept.key"))
    restore(plan)
    assert plan.lacks[0].startswith("what was forgotten after it was made is in it again")
    assert (tmp_path / "new" / CONFIG_NAME).read_text() == DEFAULT_CONFIG_TEXT
    store = opened(plan)
    assert [one.text for one in store.scan(Memory)] == [SECRET]
    store.close()


def test_the_workspace_is_found_by_what_the_backup_notes(house: House, tmp_path: Path) -> None:
    """Called from elsewhere: key and forgettings come from where the backup was made."""
    backup = house.back_up(tmp_path / "stick")
    house.forget()
    house.store.close()
    plan = plan_restore(Wanted(backup=str(backup), into=tmp_path / "new"))
    assert (plan.origin, plan.forgets, [one["id"] for one in plan.forgotten]) == (house.folder, True, ["er1"])


def test_while_something_is_being_forgotten_nothing_is_restored(house: House, tmp_path: Path) -> None:
    """It is begun in the log, and its keys are still there: handing them over would bring it back."""
    backup = house.back_up(tmp_path / "stick")
    house.begin_forgetting()
    house.store.close()
    with pytest.raises(QuarterdeckError) as refused:
        plan_restore(Wanted(backup=str(backup), workspace=house.folder))
    assert refused.value.code == "conflict"


def test_another_workspace_is_not_taken_for_its_origin(house: House, tmp_path: Path) -> None:
    backup = house.back_up(tmp_path / "stick")
    house.store.close()
    house.folder.rename(tmp_path / "moved")
    other = House(tmp_path / "other")
    other.tell(Remember(text="x"))
    other.store.close()
    key = tmp_path / "moved" / STATE_NAME / "chain.key"
    with pytest.raises(QuarterdeckError) as lost:
        plan_restore(Wanted(backup=str(backup), workspace=other.folder))
    assert (lost.value.code, "--key" in lost.value.hint) == ("not_found", True)
    plan = plan_restore(Wanted(backup=str(backup), workspace=other.folder, key=key))
    assert plan.origin is None


# --- damage ---------------------------------------------------------------------------------------


def test_a_changed_backup_is_refused(house: House, tmp_path: Path) -> None:
    backup = house.back_up(tmp_path / "stick")
    house.store.close()
    path = max((one for one in (backup / "log").iterdir()), key=lambda one: one.stat().st_size)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(QuarterdeckError) as refused:
        plan_restore(Wanted(backup=str(backup), workspace=house.folder))
    assert (refused.value.code, "damaged" in refused.value.message) == ("bad_value", True)


def test_a_backup_that_was_cut_and_relabelled_is_refused(house: House, tmp_path: Path) -> None:
    """Its manifest fits its files, but the end that it names is not the one that was noted with the key."""
    backup = house.back_up(tmp_path / "stick")
    house.store.close()
    manifest = copies.manifest_of(backup)
    shorter = msgspec.structs.replace(manifest, seq=manifest.seq - 1)
    (backup / copies.MANIFEST).write_bytes(msgspec.json.encode(shorter))
    with pytest.raises(QuarterdeckError) as refused:
        plan_restore(Wanted(backup=str(backup), workspace=house.folder))
    assert "anchor" in refused.value.message


@pytest.mark.parametrize("path", ["../../outside", "/etc/hostname", ""])
def test_a_manifest_cannot_name_files_outside_of_the_backup(house: House, tmp_path: Path, path: str) -> None:
    backup = house.back_up(tmp_path / "stick")
    house.store.close()
    manifest = copies.manifest_of(backup)
    first = msgspec.structs.replace(manifest.files[0], path=path)
    changed = msgspec.structs.replace(manifest, files=(first, *manifest.files[1:]))
    (backup / copies.MANIFEST).write_bytes(msgspec.json.encode(changed))
    with pytest.raises(QuarterdeckError) as refused:
        plan_restore(Wanted(backup=str(backup), workspace=house.folder))
    assert (refused.value.code, "names" in refused.value.message) == ("bad_value", True)


@pytest.mark.parametrize("name", ["nothing-here", "../../etc", ""])
def test_what_is_no_backup_is_said_to_be_none(house: House, tmp_path: Path, name: str) -> None:
    house.store.close()
    with pytest.raises(QuarterdeckError) as refused:
        plan_restore(Wanted(backup=name and str(tmp_path / name), workspace=house.folder))
    assert refused.value.code == "not_found"


def test_a_try_that_breaks_off_leaves_no_workspace(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = house.back_up(tmp_path / "stick")
    house.store.close()
    plan = plan_restore(Wanted(backup=str(backup), workspace=house.folder))

    def full(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(restoring, "write_fence", full)
    with pytest.raises(QuarterdeckError) as broken:
        restore(plan)
    assert broken.value.code == "unavailable"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["company", "stick"]


def test_what_a_killed_try_left_is_cleared_by_the_next(house: House, tmp_path: Path) -> None:
    backup = house.back_up(tmp_path / "stick")
    house.store.close()
    dead = next(pid for pid in range(30_000, 4_000_000) if not os.path.exists(f"/proc/{pid}"))
    half = tmp_path / f".company-restored.fork-{dead}-abcd"
    (half / STATE_NAME).mkdir(parents=True)
    restore(plan_restore(Wanted(backup=str(backup), workspace=house.folder)))
    assert not half.exists()
    assert (tmp_path / "company-restored" / CONFIG_NAME).is_file()
