"""Doing: what the kernel needs is done once, and no outcome of it is lost for being awkward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from quarterdeck_daemon.core.commands import AssetFile, LoadAssets, StartRun, SteerRun
from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import DeadLetter, Plain, Priority, Run
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kernel import all_needs
from quarterdeck_daemon.core.orders import Order, Outcome, RunStep, StepDone
from quarterdeck_daemon.service import doing as doing_module
from quarterdeck_daemon.service.doing import Doing
from quarterdeck_daemon.service.engine import Engine
from quarterdeck_daemon.service.hub import Hub
from quarterdeck_daemon.service.recall import Recall
from quarterdeck_daemon.service.roster import Role
from quarterdeck_daemon.store.errors import NoSpace
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.codes import QuarterdeckError

RECALLING = """
name: lead
steps:
  - {id: a, agent: x, in: {n: 7}, timeout: 5s, reads: {known: {recall: "what is known", limit: 3}}}
"""
PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: x, in: {n: 7}, timeout: 5s}\n"


class FillingStore(InMemoryStore):
    """A disk that can be full for a while."""

    full = False
    refused = 0

    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        if self.full:
            self.refused += 1
            raise NoSpace(Path("log"), "full")
        super().append(commits, reserve=reserve)


class Hands:
    """In place of the hub: keeps the orders and answers them when the test says so."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.answers: list[asyncio.Future[Outcome]] = []

    async def do(self, order: Order, role: Role, priority: Priority = "normal") -> Outcome:
        self.orders.append(order)
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


class AbsentIndex:
    """In place of recall: away for as many searches as the test says."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.asked = 0

    async def for_step(self, query: str, *, limit: int, scope: object) -> list[Plain]:
        self.asked += 1
        if self.asked <= self.away:
            raise QuarterdeckError("unavailable", "the indexer is being started", hint="Ask again.")
        return []


class Rig:
    def __init__(self, index: AbsentIndex | None = None) -> None:
        self.store, self.hands = FillingStore(), Hands()
        self.doing = Doing(self.store, cast(Hub, self.hands), cast(Recall, index), lambda: 0)
        self.engine = Engine(self.store, on_events=lambda _: None, on_needs=self.doing.see_to)
        self.doing.attach(self.engine)

    @property
    def run(self) -> Run:
        run = self.store.get(Run, "q")
        assert run is not None
        return run


@asynccontextmanager
async def started(playbook: str = PLAYBOOK, index: AbsentIndex | None = None) -> AsyncIterator[Rig]:
    rig = Rig(index)
    task = asyncio.get_running_loop().create_task(rig.engine.run())
    file = AssetFile(asset_kind="playbook", name="lead", path="p", text=playbook, hash=text_hash(playbook))
    await rig.engine.execute(LoadAssets(files=(file,)))
    await rig.engine.execute(StartRun(playbook="lead", run_id="q"))
    await until(lambda: bool(rig.hands.answers))
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_an_order_says_exactly_what_the_log_says_the_agent_was_given() -> None:
    async with started() as rig:
        (order,) = rig.hands.orders
        assert isinstance(order.work, RunStep)
        event = rig.store.event(rig.run.steps["a"].input_seq)
        assert event is not None
        told = (order.work.input, order.work.context, order.work.now_us, order.deadline_ms)
        assert told == (event.body["input"], event.body["context"], event.at_us, 5_000)


async def test_a_need_that_is_under_way_is_not_started_again() -> None:
    async with started() as rig:
        for _ in range(3):
            rig.doing.see_to(all_needs(rig.store))
        await asyncio.sleep(0.02)
        assert (len(rig.hands.orders), rig.doing.busy) == (1, 1)
        rig.hands.answers[0].set_result(StepDone(output={}))
        await until(lambda: rig.doing.busy == 0)
        assert rig.run.status == "succeeded"


async def test_an_answer_that_cannot_be_recorded_fails_its_step_instead_of_hanging_it() -> None:
    """A number that no log can hold comes out of an agent."""
    async with started() as rig:
        rig.hands.answers[0].set_result(StepDone(output={"n": 10**30}))
        await until(lambda: rig.run.status == "failed")
        (letter,) = rig.store.live(DeadLetter)
        assert (letter.error["failure"], letter.error["code"]) == ("contract", "bad_value")


async def test_an_answer_that_finds_the_disk_full_is_kept_until_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doing_module, "TELL_AGAIN_S", 0.001)
    async with started() as rig:
        rig.store.full = True
        rig.hands.answers[0].set_result(StepDone(output={"kept": True}))
        await until(lambda: rig.store.refused > 2)
        assert rig.run.status == "running"
        rig.store.full = False
        await until(lambda: rig.run.status == "succeeded")
        assert (rig.run.steps["a"].output, len(rig.hands.orders)) == ({"kept": True}, 1)


async def test_a_step_that_recalls_waits_for_an_index_that_is_away_and_then_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The indexer was killed just when a step asked it: the step must not hang until the next restart."""
    monkeypatch.setattr(doing_module, "TELL_AGAIN_S", 0.001)
    async with started(RECALLING, AbsentIndex(away=3)) as rig:
        rig.hands.answers[0].set_result(StepDone(output={}))
        await until(lambda: rig.run.status == "succeeded")
        assert (len(rig.hands.orders), rig.run.steps["a"].attempts) == (1, 1), "one wait, no second try"


async def test_a_run_that_was_cancelled_meanwhile_asks_the_index_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doing_module, "TELL_AGAIN_S", 0.001)
    index = AbsentIndex(away=10_000)
    rig = Rig(index)
    task = asyncio.get_running_loop().create_task(rig.engine.run())
    file = AssetFile(asset_kind="playbook", name="lead", path="p", text=RECALLING, hash=text_hash(RECALLING))
    await rig.engine.execute(LoadAssets(files=(file,)))
    await rig.engine.execute(StartRun(playbook="lead", run_id="q"))
    await until(lambda: index.asked > 2)
    await rig.engine.execute(SteerRun(id="q", verb="cancel"))
    await until(lambda: rig.doing.busy == 0)
    asked = index.asked
    await asyncio.sleep(0.05)  # Fifty of its pauses.
    assert (index.asked, rig.run.status, rig.hands.orders) == (asked, "cancelled", [])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
