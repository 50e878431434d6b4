"""The engine: the one writer. Commands queue up, are decided one by one, and become durable together.

Owns     the order of commands and the moment of acknowledgement.
Promises an answer is given after the sync of its events, never before; one that was refused changed nothing.
         When a write or sync fails, no answer is given for what it carried and the process must end: the log,
         not this memory, knows what happened.
Leaves   what a command means to core/kernel.py, doing the needs to `on_needs`.

Group commit: while one sync runs, further commands queue; the next sync covers them all. On a disk that was quick the
last time the sync runs here, since handing it to a thread would take longer than the sync; else in a thread.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import random
import time
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.commands import Command, EngageStop, Needs, ReleaseStop
from ..core.entities import Plain
from ..core.kernel import Decision, decide
from ..core.table import Draft, Table
from ..core.turn import Env
from ..store.api import Store
from ..store.errors import LogCorrupt, StoreFailed

QUEUE_MAX = 10_000  # Commands that wait; beyond it the caller is told `busy`.
URGENT = (EngageStop, ReleaseStop)  # Written even when the disk is nearly full.
BATCH_MAX = 512  # Commands that share one sync.
SYNC_HERE_S = 0.005  # A disk that took less the last time is waited for here.
SAME_US = 1_000  # A clock that stands still, or steps back by no more than that, is no clock that was set back.

log = logging.getLogger("quarterdeck.engine")


def wall_clock_us() -> int:
    return time.time_ns() // 1_000


class Executed(msgspec.Struct, frozen=True):
    """A durable answer: the reply and the log position that it reflects."""

    reply: Plain
    seq: int


class _Waiting(msgspec.Struct):
    command: Command
    actor: str
    cause: str | None
    request_id: str | None
    body_hash: str
    answer: asyncio.Future[Executed]


class Engine:
    """Feed it commands with `execute`; run `run` as the only task that writes."""

    def __init__(
        self,
        store: Store,
        *,
        on_events: Callable[[Sequence[Event]], None],
        on_needs: Callable[[Sequence[Needs]], None],
        now_us: Callable[[], int] = wall_clock_us,
    ) -> None:
        self.store = self._store = store  # As it is, without any scope.
        self._on_events = on_events
        self._on_needs = on_needs
        self.now_us = now_us
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._arrived = asyncio.Event()
        self._synced = asyncio.Condition()
        self._chance = random.Random()
        self.durable_seq = store.head.seq
        self._last_us = _last_us(store)
        self._sync_s = float("inf")  # What the last sync took.
        self.failed: BaseException | None = None

    async def execute(
        self,
        command: Command,
        *,
        actor: str = "kernel",
        cause: str | None = None,
        request_id: str | None = None,
        body_hash: str = "",
    ) -> Executed:
        """Decide the command and return its answer once it is durable.

        Raises QuarterdeckError: the refusal, `busy` when too many wait, `unavailable` when the store has failed.
        """
        if self.failed is not None:
            raise _store_failed(self.failed)
        if len(self._queue) >= QUEUE_MAX:
            raise QuarterdeckError("busy", f"{QUEUE_MAX} commands wait already", hint="Try again in a moment.")
        answer: asyncio.Future[Executed] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(command, actor, cause, request_id, body_hash, answer))
        self._arrived.set()
        return await answer

    async def settled(self) -> int:
        """Wait until all that a read can see is durable; return that position."""
        seen = self._store.head.seq
        if self.durable_seq >= seen and self.failed is None:
            return seen
        async with self._synced:
            await self._synced.wait_for(lambda: self.durable_seq >= seen or self.failed is not None)
        if self.failed is not None:
            raise _store_failed(self.failed)
        return seen

    async def drained(self) -> None:
        """Wait until nothing waits to be written."""
        while self._queue and self.failed is None:
            await asyncio.sleep(0.005)
        await self.settled()

    async def run(self) -> None:
        """Write until cancelled or until the store fails; then raise what it failed with."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(0)  # Whoever was woken together with the first asks now, and shares its sync.
            batch = [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]
            if not self._queue:
                self._arrived.clear()
            try:
                await self._commit(batch)
            except (Exception, asyncio.CancelledError) as error:
                await self._fail(error, batch)
                raise

    async def _commit(self, batch: list[_Waiting]) -> None:
        outcomes = self._decide_all(batch)
        if self._store.head.seq > self.durable_seq:
            await self._sync()
            self.durable_seq = self._store.head.seq
            await self._tell_settled()
        self._answer(batch, outcomes)

    async def _sync(self) -> None:
        if self._sync_s < SYNC_HERE_S:
            self._timed_sync()
        else:
            await asyncio.to_thread(self._timed_sync)

    def _timed_sync(self) -> None:
        began = time.perf_counter()
        self._store.sync()
        self._sync_s = time.perf_counter() - began

    async def _tell_settled(self) -> None:
        async with self._synced:
            self._synced.notify_all()

    def _decide_all(self, batch: list[_Waiting]) -> list[Decision | QuarterdeckError]:
        """Decide the commands one on top of the other and write them together.

        When the store refuses the whole, nothing of it was written, and they are decided again one by one, so that
        only the one that cannot be stored is refused.
        """
        if len(batch) == 1 or any(isinstance(item.command, URGENT) for item in batch):
            return [self._decide_alone(item) for item in batch]
        draft = Draft(self._store)
        head = self._store.head.seq
        outcomes: list[Decision | QuarterdeckError] = []
        for item in batch:
            outcome = self._decide(item, draft, head)
            outcomes.append(outcome)
            if isinstance(outcome, Decision):
                draft.puts |= {(entity.kind, entity.id): entity for entity in outcome.commit.puts}
                head += len(outcome.commit.events)
        commits = [one.commit for one in outcomes if isinstance(one, Decision) and one.commit.events]
        try:
            self._store.append(commits)
        except (StoreFailed, LogCorrupt):
            raise
        except QuarterdeckError:
            return [self._decide_alone(item) for item in batch]
        return outcomes

    def _decide_alone(self, item: _Waiting) -> Decision | QuarterdeckError:
        outcome = self._decide(item, self._store, self._store.head.seq)
        if isinstance(outcome, QuarterdeckError) or not outcome.commit.events:
            return outcome
        try:
            self._store.append([outcome.commit], reserve=isinstance(item.command, URGENT))
        except (StoreFailed, LogCorrupt):
            raise
        except QuarterdeckError as error:
            return error
        return outcome

    def _decide(self, item: _Waiting, table: Table, head: int) -> Decision | QuarterdeckError:
        env = Env(now_us=self._moment_us(), chance=self._chance.random(), last_us=self._last_us)
        try:
            decision = decide(
                table,
                item.command,
                env,
                head=head,
                actor=item.actor,
                cause=item.cause,
                request_id=item.request_id,
                body_hash=item.body_hash,
            )
            if decision.commit.events:
                self._last_us = env.now_us
            return decision
        except (StoreFailed, LogCorrupt):
            raise
        except QuarterdeckError as error:
            return error
        except (
            AssertionError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            # A mistake of ours: nothing of this command was written, the others go on.
            log.exception("command %s failed", type(item.command).__name__)
            return QuarterdeckError("internal", f"{type(item.command).__name__}: {error}", hint="quarterdeck logs")

    def _moment_us(self) -> int:
        """The time of the next command. No two have the same, so that the events of one are known by theirs."""
        now_us = self.now_us()
        return self._last_us + 1 if self._last_us - SAME_US < now_us <= self._last_us else now_us

    def _answer(self, batch: Sequence[_Waiting], outcomes: Sequence[Decision | QuarterdeckError]) -> None:
        """All that became durable together is told together: first what happened, then what is needed, then to whom."""
        decisions = [one for one in outcomes if isinstance(one, Decision)]
        if events := [event for one in decisions for event in one.commit.events]:
            self._on_events(events)
        self._on_needs([need for one in decisions for need in one.needs])
        for item, outcome in zip(batch, outcomes, strict=True):
            if item.answer.done():
                continue
            if isinstance(outcome, QuarterdeckError):
                item.answer.set_exception(outcome)
            else:
                own = outcome.commit.events
                item.answer.set_result(Executed(outcome.reply, own[-1].seq if own else self.durable_seq))

    async def _fail(self, error: BaseException, batch: list[_Waiting]) -> None:
        self.failed = error
        await self._tell_settled()
        for item in (*batch, *self._queue):
            if not item.answer.done():
                item.answer.set_exception(_store_failed(error))
        self._queue.clear()


def _store_failed(error: BaseException) -> QuarterdeckError:
    return QuarterdeckError(
        "unavailable",
        f"the log cannot be written: {error}",
        hint="The daemon restarts from the log by itself; ask again with the same request id.",
    )


def _last_us(store: Store) -> int:
    """When the last event happened: what happens before that shows that the clock was set back."""
    last = store.event(store.head.seq)
    return last.at_us if last is not None else 0
