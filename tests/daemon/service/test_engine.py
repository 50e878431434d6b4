"""The engine: answers come after the sync, one sync serves many, a refusal changes nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quarterdeck_daemon.core.commands import Command, EngageStop, Needs, PutFact, Remember, SteerRun
from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Memory, Plain
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.service import engine as engine_module
from quarterdeck_daemon.service.engine import Engine, Executed
from quarterdeck_daemon.store.errors import NoSpace, StoreFailed
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event


@pytest.fixture(autouse=True)
def in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most stories here need a sync that is held back while the loop goes on."""
    monkeypatch.setattr(engine_module, "SYNC_HERE_S", 0.0)


class WatchedStore(InMemoryStore):
    """Says what happened when; `gate` holds syncs back, `full` and `broken` fail them."""

    def __init__(self) -> None:
        super().__init__()
        self.story: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.full = self.broken = False

    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        if self.full and not reserve:
            raise NoSpace(Path("log"), "full")
        super().append(commits, reserve=reserve)
        self.story.append("append")

    def sync(self) -> None:
        assert self.gate.wait(10), "the test never opened the gate"
        if self.broken:
            raise StoreFailed(Path("log"), "input/output error")
        super().sync()
        self.story.append("sync")


class Rig:
    def __init__(self, kind: type[Engine] = Engine) -> None:
        self.store = WatchedStore()
        self.events: list[Event] = []
        self.needs: list[Needs] = []
        self.engine = kind(self.store, on_events=self._on_events, on_needs=self.needs.extend)
        self.task = asyncio.get_running_loop().create_task(self.engine.run())

    def _on_events(self, events: Sequence[Event]) -> None:
        self.events.extend(events)
        self.store.story.append("publish")

    def ask(self, command: Command, request_id: str | None = None) -> asyncio.Task[Executed]:
        work = self.engine.execute(command, actor="operator", request_id=request_id, body_hash=repr(command))
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda _: self.store.story.append("answer"))
        return task


@asynccontextmanager
async def rig(kind: type[Engine] = Engine) -> AsyncIterator[Rig]:
    made = Rig(kind)
    try:
        yield made
    finally:
        made.store.gate.set()
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def note(text: str) -> Remember:
    return Remember(text=text)


async def test_an_answer_and_its_news_come_after_the_sync() -> None:
    async with rig() as on:
        on.store.gate.clear()
        asked = on.ask(note("one"))
        await until(lambda: "append" in on.store.story)
        await asyncio.sleep(0.02)
        assert (asked.done(), on.events, on.needs) == (False, [], [])
        on.store.gate.set()
        done = await asked
        assert (done.seq, on.engine.durable_seq) == (1, 1)
        assert on.store.story == ["append", "sync", "publish", "answer"]


class HastyEngine(Engine):
    """The twin: it answers when it has decided."""

    async def _commit(self, batch: list[engine_module._Waiting]) -> None:
        for item in batch:
            self._answer([item], [self._decide_alone(item)])
        await asyncio.to_thread(self._store.sync)


async def test_the_twin_that_answers_first_loses_what_it_acknowledged() -> None:
    lost: dict[str, bool] = {}
    for kind in (Engine, HastyEngine):
        async with rig(kind) as on:
            on.store.gate.clear()
            asked = on.ask(note("one"))
            await until(lambda on=on: "append" in on.store.story)  # type: ignore[misc]  # Bound per turn.
            await asyncio.sleep(0.02)
            survivor = on.store.crashed()
            lost[kind.__name__] = asked.done() and survivor.get(Memory, "m1") is None
    assert lost == {"Engine": False, "HastyEngine": True}


async def test_commands_that_wait_during_a_sync_share_the_next_one() -> None:
    async with rig() as on:
        on.store.gate.clear()
        first = on.ask(note("first"))
        await until(lambda: "append" in on.store.story)
        others = [on.ask(note(f"n{n}")) for n in range(100)]
        await asyncio.sleep(0)
        on.store.gate.set()
        answers = [(await task).seq for task in (first, *others)]
        assert answers == list(range(1, 102))
        assert on.store.story.count("sync") == 2


@pytest.mark.parametrize(("quick_s", "waits"), [(10.0, True), (0.0, False)])
async def test_only_a_disk_that_was_quick_is_waited_for_in_the_loop(
    quick_s: float, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first sync tells how quick it is; with the limit at nothing no sync keeps the loop."""
    monkeypatch.setattr(engine_module, "SYNC_HERE_S", quick_s)
    async with rig() as on:
        threads: list[bool] = []
        sync = on.store.sync

        def noted() -> None:
            threads.append(threading.current_thread() is threading.main_thread())
            sync()

        on.store.sync = noted  # type: ignore[method-assign]  # Looked at from outside.
        for n in range(3):
            await on.ask(note(f"n{n}"))
        assert threads == [False, waits, waits]


async def test_a_refused_command_changes_nothing_and_costs_its_neighbours_nothing() -> None:
    async with rig() as on:
        on.store.gate.clear()
        first = on.ask(note("before"))
        await until(lambda: "append" in on.store.story)
        bad = [on.ask(SteerRun(id="nobody", verb="cancel")), on.ask(note(" "))]
        broken = on.ask(SteerRun(id="nobody", verb=None))  # type: ignore[arg-type]  # A mistake of ours.
        good = on.ask(note("after"))
        await asyncio.sleep(0)
        on.store.gate.set()
        refusals = await asyncio.gather(*bad, broken, return_exceptions=True)
        codes = [error.code for error in refusals if isinstance(error, QuarterdeckError)]
        assert codes == ["not_found", "bad_value", "not_found"]
        assert ((await first).seq, (await good).seq) == (1, 2)
        assert [event.kind for event in on.store.events()] == ["memory.remembered"] * 2


@pytest.mark.parametrize(
    "error", [AssertionError, KeyError, ZeroDivisionError, AttributeError, RecursionError, ValueError]
)
async def test_a_mistake_of_ours_in_one_command_does_not_end_the_daemon(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the same command would end it again after each restart."""

    def breaking(*args: object, **kwargs: object) -> object:
        if isinstance(args[1], SteerRun):
            raise error("a mistake")
        return decide(*args, **kwargs)  # type: ignore[arg-type]  # Handed through.

    monkeypatch.setattr("quarterdeck_daemon.service.engine.decide", breaking)
    async with rig() as on:
        with pytest.raises(QuarterdeckError) as refused:
            await on.engine.execute(SteerRun(id="r", verb="cancel"))
        assert (refused.value.code, on.store.head.seq) == ("internal", 0)
        assert (await on.ask(note("goes on"))).seq == 1


async def test_a_failed_sync_refuses_all_that_wait_and_ends_the_engine() -> None:
    async with rig() as on:
        await on.ask(note("durable"))
        on.store.gate.clear()
        first = on.ask(note("in the batch"))
        await until(lambda: on.store.story.count("append") == 2)
        queued = [on.ask(note("queued")) for _ in range(3)]
        await asyncio.sleep(0)
        on.store.broken = True
        on.store.gate.set()
        outcomes = await asyncio.gather(first, *queued, return_exceptions=True)
        assert [error.code for error in outcomes if isinstance(error, QuarterdeckError)] == ["unavailable"] * 4
        with pytest.raises(StoreFailed):
            await on.task
        for late in (on.engine.execute(note("late")), on.engine.settled()):
            with pytest.raises(QuarterdeckError) as refused:
                await late
            assert refused.value.code == "unavailable"
        assert [event.body["text"] for event in on.events] == ["durable"]
        assert on.store.crashed().head.seq == 1


async def test_a_full_disk_refuses_work_and_still_takes_the_stop() -> None:
    async with rig() as on:
        on.store.full = True
        with pytest.raises(QuarterdeckError) as refused:
            await on.ask(note("no room"))
        assert refused.value.code == "no_space"
        assert (await on.ask(EngageStop(epoch=1, reason="enough"))).reply["stopped"] is True
        on.store.full = False
        assert (await on.ask(note("room again"))).seq == 2


async def test_the_same_request_gets_its_first_answer_also_from_another_life() -> None:
    async with rig() as on:
        first = await on.ask(note("once"), "q1")
        again = await on.ask(note("once"), "q1")
        assert (again.reply, on.store.head.seq) == (first.reply, first.seq)
        with pytest.raises(QuarterdeckError) as refused:
            await on.ask(note("something else"), "q1")
        assert refused.value.code == "id_conflict"
        survivor = on.store.crashed()
    next_life = Engine(survivor, on_events=lambda _: None, on_needs=lambda _: None)
    task = asyncio.get_running_loop().create_task(next_life.run())
    repeated = await next_life.execute(note("once"), request_id="q1", body_hash=repr(note("once")))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (repeated.reply, survivor.head.seq) == (first.reply, first.seq)


async def test_two_clients_that_compare_and_set_at_once_have_one_winner() -> None:
    async with rig() as on:
        value: Plain = {"n": 1}
        asked = [on.ask(PutFact(fact_kind="k", key="a", value=value, if_version=0)) for _ in range(10)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        codes = [error.code for error in outcomes if isinstance(error, QuarterdeckError)]
        assert codes == ["conflict"] * 9


async def test_more_than_the_queue_holds_is_told_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "QUEUE_MAX", 5)
    async with rig() as on:
        on.store.gate.clear()
        first = on.ask(note("in the batch"))
        await until(lambda: "append" in on.store.story)
        waiting = [on.ask(note("waits")) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(QuarterdeckError) as refused:
            await on.ask(note("too much"))
        assert refused.value.code == "busy"
        on.store.gate.set()
        await asyncio.gather(first, *waiting)


async def test_settled_waits_for_what_a_read_can_see() -> None:
    async with rig() as on:
        on.store.gate.clear()
        asked = on.ask(note("seen before it is durable"))
        await until(lambda: on.store.head.seq == 1)
        reading = asyncio.get_running_loop().create_task(on.engine.settled())
        await asyncio.sleep(0.02)
        assert not reading.done()
        on.store.gate.set()
        assert (await reading, (await asked).seq) == (1, 1)


async def test_a_caller_that_gave_up_does_not_disturb_the_batch() -> None:
    async with rig() as on:
        on.store.gate.clear()
        impatient, patient = on.ask(note("a")), on.ask(note("b"))
        await until(lambda: on.store.head.seq == 2)
        impatient.cancel()
        await asyncio.sleep(0)
        on.store.gate.set()
        assert (await patient).seq == 2
        assert on.engine.durable_seq == 2


async def test_commands_of_one_batch_see_each_other_and_a_bad_one_among_them_is_refused_alone() -> None:
    """The third cannot be stored; the store refuses the batch, and the others are decided again without it."""
    async with rig() as on:
        on.store.gate.clear()
        first = on.ask(note("in the batch before"))
        await until(lambda: on.store.head.seq == 1)
        value: Plain = {"n": 1}
        asked = [
            on.ask(PutFact(fact_kind="k", key="a", value=value, if_version=0)),
            on.ask(PutFact(fact_kind="k", key="a", value=value, if_version=1)),
            on.ask(PutFact(fact_kind="k", key="b", value={"n": 10**30})),
            on.ask(PutFact(fact_kind="k", key="a", value=value, if_version=2)),
            on.ask(PutFact(fact_kind="k", key="a", value=value, if_version=0)),
        ]
        await asyncio.sleep(0)
        on.store.gate.set()
        outcomes = await asyncio.gather(first, *asked, return_exceptions=True)
        told = [one.seq if isinstance(one, Executed) else type(one).__name__ for one in outcomes]
        assert told == [1, 2, 3, "QuarterdeckError", 4, "QuarterdeckError"]
        assert [event.kind for event in on.store.events()] == ["memory.remembered"] + ["fact.asserted"] * 3
