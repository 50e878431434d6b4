"""Bulkheads and queues of the hub: what hangs takes neither all workers nor all hands, and batch work is not starved."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quarterdeck_daemon.core.entities import Priority
from quarterdeck_daemon.core.lines import ORDER, TURNS
from quarterdeck_daemon.core.orders import (
    EffectDone,
    ExecuteEffect,
    Failed,
    Order,
    Outcome,
    ParseDocument,
    RunStep,
    StepDone,
    Work,
)
from quarterdeck_daemon.service import bulkheads, hub
from quarterdeck_daemon.service.bulkheads import HANDS_SHARE, Bulkheads
from quarterdeck_daemon.service.order_queue import OrderQueue
from quarterdeck_daemon.service.roster import CROWD, ORDERS_AT_ONCE, Role

from .test_hub import Rig, rig, waited


def step(agent: str) -> RunStep:
    return RunStep(run="r", step="s", attempt=1, agent=agent, input={}, context={}, now_us=0)


def effect(connector: str) -> ExecuteEffect:
    return ExecuteEffect(
        action="a1",
        operation_id="o",
        connector=connector,
        verb="send",
        args={},
        targets=(),
        approved_hash="",
        epoch=0,
    )


def ask(on: Rig, id: str, work: Work, role: Role = "worker", priority: Priority = "normal") -> asyncio.Task[Outcome]:
    order = Order(id=id, work=work, deadline_ms=20_000)
    return asyncio.get_running_loop().create_task(on.hub.do(order, role, priority))


# --- workers --------------------------------------------------------------------------------------


async def test_a_kind_that_never_answered_leaves_one_worker_to_the_others(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        asked = [ask(on, f"h{n}", step("hanging")) for n in range(4)] + [ask(on, "good", step("good"))]
        await asyncio.sleep(0)
        first, second = await on.process().hello(), await on.process().hello()
        got = {(await first.order()).id, (await second.order()).id}
        assert got == {"h0", "good"}
        for task in asked:
            task.cancel()


async def test_a_kind_that_answers_may_have_them_all(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        asked = [ask(on, f"q{n}", step("quick")) for n in range(3)]
        other = ask(on, "z", ParseDocument(document="doc1", media_type="text/plain", data=b""), priority="batch")
        await asyncio.sleep(0)
        first = await on.process().hello()
        await first.answer((await first.order()).id)
        second = await on.process().hello()
        assert {(await first.order()).id, (await second.order()).id} == {"q1", "q2"}
        for task in (*asked, other):
            task.cancel()


async def test_what_hangs_everywhere_gives_a_worker_back_when_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both workers took orders of one agent while nobody else waited; then somebody does. It costs them no try."""
    monkeypatch.setattr(bulkheads, "HOG_S", 0.2)
    async with rig(tmp_path) as on:
        hanging = [ask(on, f"h{n}", step("hanging")) for n in range(2)]
        one, two = on.child(), on.child()
        first, second = await on.process(pid=one.pid).hello(), await on.process(pid=two.pid).hello()
        assert {(await first.order()).id, (await second.order()).id} == {"h0", "h1"}
        good = ask(on, "good", step("good"))
        async with asyncio.timeout(10):
            while not on.killed:
                await asyncio.sleep(0.02)
        third = await on.process().hello()
        assert (await third.order()).id == "good"
        await third.answer("good")
        assert isinstance(await waited(good), StepDone)
        assert [task.done() for task in hanging] == [False, False]
        for task in hanging:
            task.cancel()


async def test_twin_without_that_the_others_wait_for_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkheads, "HOG_S", 0.2)

    async def nothing(self: hub.Hub) -> None:
        """The protection is switched off."""

    monkeypatch.setattr(hub.Hub, "_break_hog", nothing)
    async with rig(tmp_path) as on:
        hanging = [ask(on, f"h{n}", step("hanging")) for n in range(2)]
        first, second = await on.process().hello(), await on.process().hello()
        await first.order()
        await second.order()
        good = ask(on, "good", step("good"))
        await asyncio.sleep(0.6)
        assert (on.killed, good.done()) == ([], False)
        for task in (*hanging, good):
            task.cancel()


async def test_a_worker_holds_nothing_of_another_kind_behind_what_it_does(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        asked = [ask(on, f"h{n}", step("hanging")) for n in range(CROWD)] + [ask(on, "good", step("good"))]
        await asyncio.sleep(0)
        worker = await on.process().hello()
        assert [(await worker.order()).id for _ in range(2)] == ["h0", "h1"]
        for task in asked:
            task.cancel()


# --- the effector ---------------------------------------------------------------------------------


async def test_a_connector_that_hangs_leaves_hands_to_the_others(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        asked = [ask(on, f"effect/h{n}", effect("mail"), "effector") for n in range(10)]
        asked.append(ask(on, "effect/good", effect("files"), "effector"))
        await asyncio.sleep(0)
        effector = await on.process("effector").hello()
        got = [(await effector.order()).id for _ in range(7)]
        assert got.count("effect/good") == 1
        assert len(got) - 1 == int(HANDS_SHARE * ORDERS_AT_ONCE["effector"])
        await effector.answer("effect/good", EffectDone(result={}))
        assert await waited(asked[-1]) == EffectDone(result={})
        assert not await effector.socket.poll(50)
        for task in asked[:-1]:
            task.cancel()


# --- queues ---------------------------------------------------------------------------------------


def anything(kind: str) -> bool:
    return True


def test_interactive_goes_first_and_batch_waits_for_at_most_eight_others() -> None:
    queue = OrderQueue()
    for n in range(40):
        for priority in ORDER:
            queue.put(f"{priority}{n}", "k", priority)
    taken = [str(queue.take(anything)).rstrip("0123456789") for _ in range(40)]
    assert taken[0] == "interactive"
    assert taken.count("interactive") > taken.count("normal") > taken.count("batch") == 40 // TURNS
    waits = [n for n, one in enumerate(taken) if one == "batch"]
    assert max(b - a for a, b in zip([-1, *waits], waits, strict=False)) <= TURNS


def test_kinds_of_one_class_take_turns_and_orders_of_a_kind_keep_their_order() -> None:
    queue = OrderQueue()
    for n in range(3):
        queue.put(f"a{n}", "a", "normal")
    queue.put("b0", "b", "normal")
    queue.put("a-again", "a", "normal", first=True)
    assert [queue.take(anything) for _ in range(6)] == ["a-again", "b0", "a0", "a1", "a2", None]


def test_what_may_not_go_now_is_passed_by_those_who_may() -> None:
    queue = OrderQueue()
    queue.put("a0", "a", "interactive")
    queue.put("b0", "b", "batch")
    assert queue.take(lambda kind: kind == "b") == "b0"
    assert len(queue) == 1


def test_the_last_room_is_for_what_somebody_waits_for() -> None:
    queue = OrderQueue(room=10)
    for n in range(8):
        queue.put(str(n), "k", "batch")
    room = {priority: queue.has_room(priority) for priority in ORDER}
    assert room == {"interactive": True, "normal": True, "batch": False}


async def test_beyond_its_room_the_queue_says_busy(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        on.hub._queues["worker"] = OrderQueue(room=2)
        first = ask(on, "q0", step("x"), priority="interactive")
        second = ask(on, "q1", step("x"), priority="interactive")
        await asyncio.sleep(0)
        outcome = await waited(ask(on, "q2", step("x"), priority="interactive"))
        assert isinstance(outcome, Failed)
        assert (outcome.failure.failure, outcome.failure.code) == ("transient", "busy")
        first.cancel()
        second.cancel()


# --- trust ----------------------------------------------------------------------------------------


def test_a_kind_is_trusted_after_an_answer_and_not_while_something_of_it_takes_long() -> None:
    now = [0.0]
    known = Bulkheads(lambda: now[0])
    assert not known.answers("k")
    known.began("k", "o1")
    known.ended("k", "o1", answered=True)
    assert known.answers("k")
    known.began("k", "o2")
    now[0] = bulkheads.SLOW_S + 0.1
    assert not known.answers("k")
    known.ended("k", "o2", answered=True)
    now[0] += bulkheads.TRUST_S
    assert not known.answers("k")
