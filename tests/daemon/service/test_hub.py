"""The hub over real sockets: processes that die, hang, lie and babble cost one try, never the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import zmq
import zmq.asyncio

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import (
    Answer,
    Arrived,
    DaemonMessage,
    EffectDone,
    ExecuteEffect,
    Failed,
    Hello,
    Kept,
    Offer,
    Order,
    OrderMessage,
    Outcome,
    ParseDocument,
    ProcessMessage,
    RunStep,
    Started,
    StepDone,
    Wanted,
)
from quarterdeck_daemon.service import bulkheads as bulkheads_module
from quarterdeck_daemon.service.hub import TRIES_MAX, Hub
from quarterdeck_daemon.service.roster import CROWD, Role, Roster

TOKENS = {"worker": "w" * 32, "effector": "e" * 32}
DECODER = msgspec.msgpack.Decoder(DaemonMessage)


class Process:
    """A process's end of the line. Its pid is a real one: ours, or that of a child that can be ended."""

    def __init__(self, context: zmq.asyncio.Context, endpoint: str, role: Role, pid: int) -> None:
        self.role, self.pid = role, pid
        self.socket = context.socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    async def say(self, message: ProcessMessage) -> None:
        await self.socket.send_multipart([b"", msgspec.msgpack.encode(message)])

    async def hello(self, token: str | None = None) -> Process:
        await self.say(Hello(role=self.role, pid=self.pid, token=TOKENS[self.role] if token is None else token))
        return self

    async def hear(self) -> DaemonMessage:
        async with asyncio.timeout(10):
            frames = await self.socket.recv_multipart()
        message: DaemonMessage = DECODER.decode(frames[1])
        return message

    async def order(self) -> Order:
        message = await self.hear()
        assert isinstance(message, OrderMessage)
        return message.order

    async def answer(self, id: str, outcome: Outcome | None = None) -> None:
        await self.say(Answer(id=id, outcome=outcome or StepDone(output={"by": self.pid})))


class Rig:
    def __init__(self, folder: Path) -> None:
        self.context = zmq.asyncio.Context()
        self.endpoint = f"ipc://{folder}/orders"
        self.news: list[object] = []
        self.killed: list[int] = []
        self.sockets: list[zmq.asyncio.Socket] = []
        self.children: list[subprocess.Popen[bytes]] = []
        self.hub = Hub(
            self.endpoint, TOKENS, on_started=self._started, on_offer=self._offer, on_arrived=self._arrived, kill=self._kill
        )  # fmt: skip
        self.hub.bind(self.context)
        self.task = asyncio.get_running_loop().create_task(self.hub.run())

    async def _started(self, order: str) -> None:
        self.news.append(order)

    async def _offer(self, offer: Offer) -> DaemonMessage:
        return Wanted(connector=offer.connector, external_ids=offer.external_ids)

    async def _arrived(self, arrived: Arrived) -> DaemonMessage:
        self.news.append(arrived.external_id)
        return Kept(external_id=arrived.external_id)

    async def _kill(self, pid: int, reason: str) -> None:
        self.killed.append(pid)

    def process(self, role: Role = "worker", pid: int | None = None) -> Process:
        made = Process(self.context, self.endpoint, role, os.getpid() if pid is None else pid)
        self.sockets.append(made.socket)
        return made

    def child(self) -> subprocess.Popen[bytes]:
        """A real process of ours, for its pid."""
        self.children.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return self.children[-1]

    def ask(self, id: str, role: Role = "worker", deadline_ms: int = 20_000) -> asyncio.Task[Outcome]:
        work = _step() if role == "worker" else _effect()
        order = Order(id=id, work=work, deadline_ms=deadline_ms)
        return asyncio.get_running_loop().create_task(self.hub.do(order, role))


def end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait(10)


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    made = Rig(folder)
    try:
        yield made
    finally:
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)
        for child in made.children:
            assert child.stdin is not None
            child.stdin.close()
            end(child)
        for socket in made.sockets:
            socket.close(0)
        made.context.destroy(0)


def _step() -> RunStep:
    return RunStep(run="r1", step="a", attempt=1, agent="x", input={}, context={}, now_us=0)


def _effect() -> ExecuteEffect:
    args: Plain = {}
    return ExecuteEffect(
        action="a1", operation_id="qd-1", connector="mail", verb="send", args=args, targets=(), approved_hash="", epoch=0
    )  # fmt: skip


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def waited(task: asyncio.Task[Outcome]) -> Outcome:
    async with asyncio.timeout(10):
        return await task


async def test_an_order_goes_to_a_process_and_its_answer_comes_back(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        asked = on.ask("step/1")
        worker = await on.process().hello()
        order = await worker.order()
        assert (order.id, order.work) == ("step/1", _step())
        await worker.answer("step/1")
        assert await waited(asked) == StepDone(output={"by": os.getpid()})


async def test_the_same_order_asked_for_twice_is_sent_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        asked = [on.ask("same"), on.ask("same")]
        worker, idle = await on.process().hello(), await on.process().hello()
        await worker.answer((await worker.order()).id)
        assert await waited(asked[0]) == await waited(asked[1])
        await asyncio.sleep(0.05)
        assert not await idle.socket.poll(0)


async def test_orders_are_spread_and_a_worker_has_one_at_a_time(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        workers = [await on.process().hello() for _ in range(3)]
        await until(lambda: len(on.hub.processes()) == 3)
        asked = [on.ask(f"o{n}") for n in range(6)]
        first = [(await worker.order()).id for worker in workers]
        assert sorted(first) == ["o0", "o1", "o2"]
        assert [len(row["busy"]) for row in on.hub.processes()] == [1, 1, 1]  # type: ignore[arg-type]  # Lists.
        for worker, id in zip(workers, first, strict=True):
            await worker.answer(id)
        for worker in workers:
            await worker.answer((await worker.order()).id)
        assert [type(await waited(task)) for task in asked] == [StepDone] * 6


async def test_a_worker_that_dies_with_an_order_costs_that_order_one_try(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        child = on.child()
        worker = await on.process(pid=child.pid).hello()
        asked = on.ask("step/1")
        await worker.order()
        end(child)
        outcome = await waited(asked)
        assert isinstance(outcome, Failed)
        assert (outcome.failure.failure, str(child.pid) in outcome.failure.message) == ("crash", True)
        await worker.answer("step/1")  # From beyond the grave.
        assert on.hub.processes() == []


async def test_an_effect_whose_process_died_goes_to_the_next_one_a_limited_number_of_times(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        asked = on.ask("effect/1", "effector")
        for _ in range(TRIES_MAX):
            child = on.child()
            effector = await on.process("effector", child.pid).hello()
            assert (await effector.order()).id == "effect/1"
            end(child)
        outcome = await waited(asked)
        assert isinstance(outcome, Failed)
        assert outcome.failure.failure == "crash"


async def test_reading_a_document_survives_the_deaths_of_its_workers(tmp_path: Path) -> None:
    """A mail whose worker was killed must not end as unreadable."""
    async with rig(tmp_path) as on:
        work = ParseDocument(document="doc1", media_type="message/rfc822", data=b"mail")
        first = asyncio.ensure_future(on.hub.do(Order(id="parse/one", work=work, deadline_ms=20_000), "worker"))
        for _ in range(TRIES_MAX - 1):
            await (await on.process(pid=(child := on.child()).pid).hello()).order()
            end(child)
        survivor = await on.process().hello()
        await survivor.answer((await survivor.order()).id)
        assert await waited(first) == StepDone(output={"by": os.getpid()})


async def test_a_document_that_kills_every_worker_ends_as_failed(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        work = ParseDocument(document="doc1", media_type="message/rfc822", data=b"mail")
        asked = asyncio.ensure_future(on.hub.do(Order(id="parse/one", work=work, deadline_ms=20_000), "worker"))
        for _ in range(TRIES_MAX):
            await (await on.process(pid=(child := on.child()).pid).hello()).order()
            end(child)
        outcome = await waited(asked)
        assert isinstance(outcome, Failed)
        assert outcome.failure.failure == "crash"


async def test_no_order_is_lost_when_the_line_is_found_dead_by_another_order(tmp_path: Path) -> None:
    """The effector dies with two effects; before its death is noticed, a third order fails to be delivered."""
    async with rig(tmp_path) as on:
        child = on.child()
        effector = await on.process("effector", child.pid).hello()
        asked = [on.ask("effect/1", "effector"), on.ask("effect/2", "effector")]
        for _ in asked:
            await effector.order()
        effector.socket.close(0)
        await asyncio.sleep(0.05)
        asked.append(on.ask("effect/3", "effector"))
        end(child)
        next_one = await on.process("effector").hello()
        for _ in asked:
            order = await next_one.order()
            await next_one.answer(order.id, EffectDone(result={"id": order.id}))
        outcomes = [await waited(task) for task in asked]
        assert outcomes == [EffectDone(result={"id": f"effect/{n}"}) for n in (1, 2, 3)]


async def test_a_process_that_says_hello_again_has_forgotten_its_orders(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        effector = await on.process("effector").hello()
        asked = on.ask("effect/1", "effector")
        await effector.order()
        await effector.hello()
        assert (await effector.order()).id == "effect/1"
        await effector.answer("effect/1", EffectDone(result={}))
        assert await waited(asked) == EffectDone(result={})


async def test_a_process_that_hangs_is_ended_at_the_deadline_and_its_late_answer_ignored(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        child = on.child()
        worker = await on.process(pid=child.pid).hello()
        asked = on.ask("step/1", deadline_ms=50)
        await worker.order()
        outcome = await waited(asked)
        assert isinstance(outcome, Failed)
        assert outcome.failure.failure == "timeout"
        await until(lambda: on.killed == [child.pid])
        await worker.answer("step/1")
        again = on.ask("step/1")
        good = await on.process().hello()
        await good.answer((await good.order()).id, StepDone(output={"by": "the good one"}))
        assert await waited(again) == StepDone(output={"by": "the good one"})


async def test_the_other_orders_of_an_effector_that_is_ended_go_to_the_next(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        effector = await on.process("effector").hello()
        slow, other = on.ask("effect/slow", "effector", deadline_ms=50), on.ask("effect/other", "effector")
        await effector.order()
        await effector.order()
        assert isinstance(await waited(slow), Failed)
        next_one = await on.process("effector").hello()
        assert (await next_one.order()).id == "effect/other"
        await next_one.answer("effect/other", EffectDone(result={}))
        assert await waited(other) == EffectDone(result={})


async def test_without_the_token_nobody_gets_orders_or_is_heard(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        for token in ("", "x" * 32, TOKENS["effector"], TOKENS["worker"][:-1], "é" * 32):
            liar = await on.process().hello(token)
            await liar.say(_letter("no.eml"))
        asked = on.ask("step/1")
        await asyncio.sleep(0.05)
        assert (on.hub.processes(), on.news) == ([], [])
        good = await on.process().hello()
        await good.answer((await good.order()).id)
        assert isinstance(await waited(asked), StepDone)


async def test_a_worker_cannot_speak_for_the_effector(tmp_path: Path) -> None:
    """What a worker parses may have taken it over: it brings no news and starts no effects."""
    async with rig(tmp_path) as on:
        worker, effector = await on.process().hello(), await on.process("effector").hello()
        on.ask("effect/1", "effector")
        await effector.order()
        await worker.say(_letter("forged.eml"))
        await worker.say(Started(id="effect/1"))
        await worker.say(Offer(connector="mail", external_ids=("x",)))
        await worker.answer("effect/1", EffectDone(result={}))
        await effector.say(Started(id="effect/999"))
        await effector.say(Started(id="effect/1"))
        await effector.say(_letter("real.eml"))
        assert await effector.hear() == Kept(external_id="real.eml")
        assert sorted(map(str, on.news)) == ["effect/1", "real.eml"]


async def test_garbage_harms_nobody_and_a_good_process_is_still_served(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        babbler = await on.process().hello()
        bad: list[list[bytes]] = [
            [b""], [b"", b""], [b"x", b"y"], [b"", b"\xc1"], [b"", b"\x91" * 100_000], [b"", b"\xdf\xff\xff\xff\xff"],
            [b"", msgspec.msgpack.encode({"type": "hello"})], [b"", msgspec.msgpack.encode({"type": "nobody"})],
            [b"", msgspec.msgpack.encode({"type": "answer", "id": 7, "outcome": None})], [b"", b"a", b"b"],
            [b"", os.urandom(1_000_000)], [b""] * 500,
            [b"", msgspec.msgpack.encode(Answer(id="nobody asked", outcome=StepDone(output={})))],
        ]  # fmt: skip
        for frames in bad:
            await babbler.socket.send_multipart(frames)
        asked = on.ask("step/1")
        await babbler.answer((await babbler.order()).id)
        assert isinstance(await waited(asked), StepDone)
        assert not on.task.done()


async def test_dropped_orders_are_forgotten_and_their_answers_too(tmp_path: Path) -> None:
    """The emergency stop: nothing that was ordered counts any more."""
    async with rig(tmp_path) as on:
        effector, worker = await on.process("effector").hello(), await on.process().hello()
        effect, step = on.ask("effect/1", "effector"), on.ask("step/1")
        await effector.order()
        await worker.order()
        on.hub.drop("effector")
        await asyncio.gather(effect, return_exceptions=True)
        assert effect.cancelled()
        await effector.answer("effect/1", EffectDone(result={}))
        await worker.answer("step/1")
        assert isinstance(await waited(step), StepDone)


async def test_abandoned_work_is_nobody_s_and_whoever_is_at_it_is_ended(tmp_path: Path) -> None:
    """A killed run: its order under way ends the worker, one that waits is forgotten, those of others go on."""
    async with rig(tmp_path) as on:
        child = on.child()
        worker = await on.process(pid=child.pid).hello()
        at_work = on.ask("step/r1/a/1/7")
        await worker.order()
        queued, other = on.ask("step/r1/b/1/8"), on.ask("step/r10/a/1/9")
        await asyncio.sleep(0)  # Both are asked for by now.
        await on.hub.abandon("step/r1/")
        async with asyncio.timeout(10):
            await asyncio.gather(at_work, queued, return_exceptions=True)
        assert (at_work.cancelled(), queued.cancelled(), on.killed) == (True, True, [child.pid])
        await worker.answer("step/r1/a/1/7")
        good = await on.process().hello()
        assert (await good.order()).id == "step/r10/a/1/9"
        await good.answer("step/r10/a/1/9", StepDone(output={"by": "the good one"}))
        assert await waited(other) == StepDone(output={"by": "the good one"})


def _letter(name: str) -> Arrived:
    return Arrived(connector="mail", external_id=name, media_type="message/rfc822", name=name, data=b"x")


async def test_in_a_crowd_a_worker_holds_one_more_order_that_its_death_costs_nothing(tmp_path: Path) -> None:
    """What the worker was doing has failed once; what it merely held goes to the next as if nothing had been."""
    async with rig(tmp_path) as on:
        asked = [on.ask(f"o{n}") for n in range(CROWD + 2)]
        await asyncio.sleep(0)
        child = on.child()
        worker = await on.process(pid=child.pid).hello()
        assert [(await worker.order()).id for _ in range(2)] == ["o0", "o1"]
        assert not await worker.socket.poll(50)
        end(child)
        assert isinstance(await waited(asked[0]), Failed)
        heir = await on.process().hello()
        for _ in asked[1:]:
            await heir.answer((await heir.order()).id)
        assert [type(await waited(task)) for task in asked[1:]] == [StepDone] * (CROWD + 1)


async def quick_ones(on: Rig, worker: Process, count: int) -> None:
    """Some orders that are answered at once: from then on their kind counts as quick."""
    for n in range(count):
        done = on.ask(f"quick{n}")
        await worker.answer((await worker.order()).id)
        assert isinstance(await waited(done), StepDone)


async def test_of_a_kind_that_is_quick_a_worker_holds_several_and_their_order_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkheads_module, "QUICK_S", 10.0)  # However busy the machine is.
    async with rig(tmp_path) as on:
        worker = await on.process().hello()
        await quick_ones(on, worker, 1)
        asked = [on.ask(f"o{n}") for n in range(6 * CROWD)]
        got = [(await worker.order()).id for _ in range(5)]
        assert got == ["o0", "o1", "o2", "o3", "o4"]
        for id in got:
            await worker.answer(id)
        assert all([isinstance(await waited(task), StepDone) for task in asked[:5]])
        for task in asked:
            task.cancel()


@pytest.mark.parametrize("taken_back", [True, False])
async def test_what_is_held_behind_work_that_turns_out_slow_goes_to_another_worker(
    taken_back: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin leaves it where it is, and it waits as long as the slow one takes."""
    monkeypatch.setattr(bulkheads_module, "QUICK_S", 10.0)
    monkeypatch.setattr(bulkheads_module, "SLOW_S", 0.2)
    if not taken_back:
        monkeypatch.setattr(Roster, "take_back_held", lambda self: None)
    async with rig(tmp_path) as on:
        stuck = await on.process().hello()
        await quick_ones(on, stuck, 1)
        asked = [on.ask(f"o{n}") for n in range(3 * CROWD)]
        with_it = [(await stuck.order()).id for _ in range(3)]
        other = await on.process().hello()
        done: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while True:
                    done.append((await other.order()).id)
                    await other.answer(done[-1])
        assert (set(with_it[1:]) <= set(done), with_it[0] in done) == (taken_back, False)
        await stuck.answer(with_it[1], StepDone(output={"by": "too late"}))
        await stuck.answer(with_it[0])
        assert await waited(asked[0]) == StepDone(output={"by": os.getpid()})
        if taken_back:
            assert await waited(asked[1]) == StepDone(output={"by": os.getpid()})
        for task in asked:
            task.cancel()


async def test_the_time_of_a_held_order_runs_from_when_the_one_before_is_done(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        slow = on.ask("slow", deadline_ms=60_000)
        held = [on.ask(f"held{n}", deadline_ms=300) for n in range(CROWD + 1)]
        await asyncio.sleep(0)
        worker = await on.process().hello()
        assert [(await worker.order()).id for _ in range(2)] == ["slow", "held0"]
        await asyncio.sleep(0.5)
        assert not held[0].done()
        await worker.answer("slow")
        assert await waited(slow) == StepDone(output={"by": os.getpid()})
        outcome = await waited(held[0])
        assert isinstance(outcome, Failed)
        assert outcome.failure.failure == "timeout"
        for task in held:
            task.cancel()
