"""Forks of a real log on disk: equal to then, stopped, whole or not there, and what was forgotten is in none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from quarterdeck_daemon.core.commands import (
    BecomeFork,
    BeginErasure,
    Command,
    MakeLink,
    Names,
    PutFact,
    Remember,
)
from quarterdeck_daemon.core.entities import ENTITIES, Erasure, Fact, Memory, Origin, Plain, Stop
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service import fork
from quarterdeck_daemon.service.fence import read_fence
from quarterdeck_daemon.service.fork import Fork, make_fork, place_of
from quarterdeck_daemon.service.workspace import CONFIG_NAME, STATE_NAME
from quarterdeck_daemon.store.api import Removal
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.codes import QuarterdeckError


class Base:
    """A workspace with a log, without processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / CONFIG_NAME).write_text("", encoding="utf-8")
        self.store = RocksStore.open(folder / STATE_NAME)

    def tell(self, command: Command) -> int:
        head = self.store.head.seq
        decision = decide(self.store, command, Env(now_us=1_000_000 * (head + 1)), head=head, actor="operator")
        self.store.append([decision.commit])
        self.store.sync()
        return self.store.head.seq


@pytest.fixture
def origin(tmp_path: Path) -> Base:
    return Base(tmp_path / "origin")


async def quiet(phase: Plain) -> None: ...


async def forked(origin: Base, at: int, name: str = "fork", tell: Callable[[Plain], Awaitable[None]] = quiet) -> Path:
    made = await make_fork(origin.store, Fork(origin=origin.folder, at_seq=at, name=name), tell=tell)
    return Path(str(made["path"]))


async def test_a_fork_is_the_state_of_then_with_a_first_command_of_its_own(origin: Base) -> None:
    origin.tell(PutFact(fact_kind="k", key="a", value={"n": 1}))
    origin.tell(PutFact(fact_kind="k", key="b", value={"n": 1}))
    at = origin.tell(MakeLink(source="fact:k/a", relation="knows", target="fact:k/b"))
    origin.tell(MakeLink(source="fact:k/a", relation="knows", target="fact:k/b", remove=True))
    origin.tell(PutFact(fact_kind="k", key="a", value={"n": 2}))
    origin.tell(Remember(text="later"))
    path = await forked(origin, at)
    store = RocksStore.open(path / STATE_NAME)
    try:
        own = [event.kind for event in store.events(after=at)]
        assert own == ["workspace.forked", "stop.engaged"]
        for cls in ENTITIES.values():
            if cls not in (Stop, Origin):
                assert list(store.scan(cls)) == list(origin.store.scan(cls, as_of=at)), cls.kind
        assert [link.target for link in store.links_from("fact:k/a")] == ["fact:k/b"]
        assert [one.value for one in store.history(Fact, "k/a")] == [{"n": 1}]
        assert store.verify().broken_at is None
        fence, stop = read_fence(path / STATE_NAME / "fence"), store.get(Stop, "stop")
        assert stop is not None
        assert (fence.stopped, fence.epoch) == (True, stop.epoch)
        found = store.get(Origin, "workspace")
        assert found is not None
        assert (found.at_seq, found.forked_from) == (at, str(origin.folder))
    finally:
        store.close()
        origin.store.close()


async def test_what_came_after_is_not_in_the_files_of_a_fork_either(origin: Base) -> None:
    at = origin.tell(PutFact(fact_kind="k", key="a", value={"n": 1}))
    origin.tell(PutFact(fact_kind="k", key="unmistakable-name", value={"n": 1}))
    path = await forked(origin, at)
    origin.store.close()
    files = [one for one in (path / STATE_NAME / "log").glob("*") if one.is_file()]
    assert not any(b"unmistakable-name" in one.read_bytes() for one in files)
    ours = [one for one in (origin.folder / STATE_NAME / "log").glob("*") if one.is_file()]
    assert any(b"unmistakable-name" in one.read_bytes() for one in ours), "the search can find it"


async def test_what_was_forgotten_is_in_no_fork_of_before(origin: Base) -> None:
    at = origin.tell(Remember(text="Ines is ill"))
    names = Names(epoch=0, subjects=("memory:m1",), entities=("memory:m1",), events=(1,))
    origin.tell(BeginErasure(removal=names, counts={"memory": 1}))
    assert next(origin.store.live(Erasure)).id == "er1"
    origin.store.erase(Removal(epoch=0, subjects=names.subjects, entities=names.entities, events=names.events))
    path = await forked(origin, at)
    store = RocksStore.open(path / STATE_NAME)
    try:
        assert list(store.scan(Memory)) == []
        event = store.event(1)
        assert event is not None
        assert event.body == {"erased": True}
    finally:
        store.close()
        origin.store.close()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": "origin"}, "conflict"), ({"name": "a/b"}, "bad_value"), ({"name": ".."}, "bad_value"), ({}, "bad_value"),
        ({"name": "x" * 101}, "bad_value"), ({"path": "relative"}, "bad_value"), ({"path": "/no/such/folder/x"}, "bad_value"),
        ({"name": "a", "path": "/b"}, "bad_value"), ({"path": "/srv/.quarterdeck/x"}, "bad_value"), ({"name": "a\nb"}, "bad_value"),
    ],
)  # fmt: skip
def test_a_place_that_will_not_do_is_refused(origin: Base, more: dict[str, str], code: str) -> None:
    origin.store.close()
    with pytest.raises(QuarterdeckError) as refused:
        place_of(Fork(origin=origin.folder, at_seq=1, **more))
    assert refused.value.code == code


async def test_nothing_to_fork_and_no_disk_are_said_plainly(origin: Base) -> None:
    with pytest.raises(QuarterdeckError) as empty:
        await forked(origin, 0)
    assert empty.value.code == "out_of_range"
    origin.tell(Remember(text="x"))
    with pytest.raises(QuarterdeckError) as beyond:
        await forked(origin, 99)
    assert (beyond.value.code, sorted(origin.folder.parent.iterdir())) == ("out_of_range", [origin.folder])
    origin.store.close()
    with pytest.raises(QuarterdeckError) as no_disk:
        await make_fork(InMemoryStore(), Fork(origin=origin.folder, at_seq=1, name="x"), tell=quiet)
    assert no_disk.value.code == "unavailable"


class Killed(BaseException):
    """The daemon dies here; nothing of it runs any more."""


async def dying(phase: Plain) -> None:
    if phase["phase"] == "events":
        raise Killed


async def killed_in_the_middle(origin: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(20):
        origin.tell(PutFact(fact_kind="k", key="a", value={"n": n}))
    with monkeypatch.context() as dead:
        dead.setattr(shutil, "rmtree", lambda *args, **more: None)
        with pytest.raises(Killed):
            await forked(origin, 10, tell=dying)


async def test_a_kill_in_the_middle_leaves_no_fork_and_the_next_attempt_clears_up(
    origin: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed_in_the_middle(origin, monkeypatch)
    left = [one.name for one in origin.folder.parent.iterdir() if one != origin.folder]
    assert len(left) == 1
    assert left[0].startswith(".fork.fork-")
    monkeypatch.setattr(fork, "is_alive", lambda pid: False)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    path = await forked(origin, 10)
    assert sorted(origin.folder.parent.iterdir()) == sorted([origin.folder, path])
    origin.store.close()


async def test_the_twin_that_works_in_place_leaves_half_a_fork(origin: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork, "staging_of", lambda target: target)
    await killed_in_the_middle(origin, monkeypatch)
    half = origin.folder.parent / "fork"
    assert (half / CONFIG_NAME).is_file(), "it looks like a workspace"
    assert not (half / STATE_NAME / "fence").exists(), "and it is not stopped"
    origin.store.close()


def test_a_fork_is_begun_once(origin: Base) -> None:
    origin.tell(Remember(text="x"))
    origin.tell(BecomeFork(fork="f", forked_from="/a", at_seq=1, epoch=1))
    with pytest.raises(QuarterdeckError) as again:
        origin.tell(BecomeFork(fork="f", forked_from="/a", at_seq=1, epoch=2))
    assert again.value.code == "conflict"
    origin.store.close()
