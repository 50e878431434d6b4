"""Recall: keeps the index behind the log, and asks it.

Owns     how far the indexer has been fed.
Promises a search sees every memory and fact that was durable when it was asked, or says how far the index is
         behind. The indexer is fed from where it says it stands, whatever happened to it or to its files; an index
         of another log is begun anew.
Leaves   ranking to the indexer, what a hit looks like to the handlers.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import hashlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec

from quarterdeck_protocol.codes import CODES, Code, QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.declared import ReadScope
from ..core.entities import Memory, Plain
from ..core.orders import Failed, Order, Outcome, PutRows, RowsFound, RowsPut, SearchRows
from ..recall.api import Applied, Feed, Find, Question, Row
from ..recall.narrowing import narrowed
from ..store.api import Store
from .callers import as_caller
from .hub import Hub
from .index_rows import Found, concerns_rows, rows_of

RECENT_MAX = 1_000  # Events that are kept until they are fed.
SLICE = 1_000  # Events looked at before others get their turn.
ROWS_MAX = 2_000  # Of one put.
BYTES_MAX = 8 * 1024 * 1024
PAUSE_S = 0.1  # A commit of the index costs milliseconds, so what arrives together is fed together; a search ends it.
IDLE_EVENTS_MAX = 5_000  # After so many events without a row the index is told where the log stands.
BEHIND_WAIT_S = 1.0
INDEXER_WAIT_S = 3.0  # For an indexer that is just being started again.
SEARCH_DEADLINE_MS = 5_000
PUT_DEADLINE_MS = 120_000
TRIES_MAX = 2
FACTS_BESIDE = 3  # A step recalls memories; facts that are found too must not take their places.
NOTE_WAIT_S = 0.5
AGAIN_S = 1.0  # After rows were refused: a full disk, say.
FILL_AGAIN_S = 10.0  # After a part that lacks rows took none: its embedder cannot be asked.

_FINDS = msgspec.msgpack.Decoder(list[list[Find]])

log = logging.getLogger("quarterdeck.recall")


class Answers(msgspec.Struct, frozen=True):
    """One list of finds for each question; behind: events that the index has yet to see; words_only: see RowsFound."""

    finds: list[list[Find]]
    behind: int
    words_only: bool = False


class Recall:
    """Feed it with `notice`; run `run` as one task. The hub tells of indexers with `met`."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store, self._hub = store, hub
        self._applied: Applied | None = None  # None while there is no indexer.
        self._foreign = False  # There is one, whose index belongs to another log.
        self._looked = 0  # Events up to here have been fed, or held no row.
        self._durable = store.head.seq
        self._wanted = store.head.seq  # The last event that a search must see.
        self._recent: collections.deque[Event] = collections.deque(maxlen=RECENT_MAX)  # Spares reading them again.
        self._work = asyncio.Event()
        self._pulse: asyncio.Event = asyncio.Event()  # Set, and replaced, whenever one of the above moves.
        self._awaited = asyncio.Event()  # Somebody waits for what is not fed yet.
        self._numbers = itertools.count(1)
        self._fills_at_s = 0.0  # On the loop's clock.
        self.words_only = False  # Whether meaning did not count in the last answer.

    def notice(self, events: Sequence[Event]) -> None:
        """Take in durable events, in order."""
        self._recent.extend(events)
        for event in events:
            self._durable = max(self._durable, event.seq)
            if concerns_rows(event):
                self._wanted = max(self._wanted, event.seq)
        self._work.set()

    def met(self, applied: bytes | None) -> None:
        """An indexer came and says how far its index goes; None: it went."""
        stands = None if applied is None else msgspec.msgpack.decode(applied, type=Applied)
        self._foreign = stands is not None and self._of_another_log(stands)
        self._looked = stands.fed if stands is not None and not self._foreign else 0
        self._stand(None if self._foreign else stands)  # What it knows is not asked for.

    @property
    def applied(self) -> Applied | None:
        """How far the index goes; None while there is no indexer."""
        return self._applied

    @property
    def behind(self) -> int:
        """Events that some part of the index has yet to see."""
        if self._applied is None:
            return self._wanted
        reached = self._looked if self._applied.feed_from >= self._applied.fed else self._applied.seq
        return max(0, self._wanted - reached)

    def _stand(self, applied: Applied | None) -> None:
        self._applied = applied
        self._work.set()
        self._stir()

    def _stir(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    # --- feeding ---

    async def run(self) -> None:
        """Feed the indexer until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            if self._foreign:
                log.warning("the index belongs to another log; it is built anew")
                self._foreign = not await self._put(Feed(seq=0, after=0, at=0, anew=True))
            while (applied := self._applied) is not None and await self._feed(applied):
                await asyncio.sleep(0)

    async def _feed(self, applied: Applied) -> bool:
        """One slice: of what is new, else of what a part lacks. Returns whether to go on at once."""
        if self._looked < self._durable:
            return await self._feed_new(applied)
        if applied.feed_from < applied.fed:
            return await self._fill(applied)
        return False

    async def _feed_new(self, applied: Applied) -> bool:
        events = self._events(self._looked, self._durable)
        if len(events) < SLICE // 4:
            await self._pause()  # More of the same is likely on its way.
            events = self._events(self._looked, self._durable)
        found, upto = rows_of(self._store, events), events[-1].seq
        telling = found.rows or found.erased or upto - applied.fed > IDLE_EVENTS_MAX
        if telling and not await self._put_all(found, applied.fed, upto):
            return False
        if self._applied is not None:
            self._looked = max(self._looked, upto)
            self._stir()
        return True

    async def _pause(self) -> None:
        """A short while, or until somebody waits for what is fed next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_S):
                await self._awaited.wait()
        self._awaited.clear()

    async def _fill(self, applied: Applied) -> bool:
        """What a part lacks that began anew, in the order of the log; what is known of later on stays."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._fills_at_s:
            return False
        events = self._events(applied.feed_from, applied.fed)
        took = await self._put_all(rows_of(self._store, events), applied.feed_from, events[-1].seq)
        if took and self._applied is not None and self._applied.feed_from == applied.feed_from:
            self._fills_at_s = loop.time() + FILL_AGAIN_S
            loop.call_later(FILL_AGAIN_S, self._work.set)
        return took

    def _events(self, after: int, upto: int) -> list[Event]:
        while self._recent and self._recent[0].seq <= after:
            self._recent.popleft()
        if self._recent and self._recent[0].seq == after + 1:
            return [event for event in itertools.islice(self._recent, SLICE) if event.seq <= upto]
        return list(itertools.islice(self._store.events(after=after, before=upto + 1), SLICE))

    async def _put_all(self, found: Found, after: int, upto: int) -> bool:
        """Several puts when there is much; only the last one says that all up to `upto` is there."""
        batches = list(_batches(list(found.rows.values()))) or [[]]
        for batch in batches:
            last = batch is batches[-1]
            feed = Feed(
                rows=tuple(batch),
                erased=tuple(found.erased) if last else (),
                seq=upto if last else after,
                after=after,
                at=upto,
                anchor=self._anchor(upto) if last else "",
            )
            if not await self._put(feed):
                return False
        return True

    async def _put(self, feed: Feed) -> bool:
        """Returns whether the indexer took it; else it is asked again from where it says it stands."""
        work = PutRows(body=msgspec.msgpack.encode(feed))
        outcome = await self._hub.do(self._order("put", work, PUT_DEADLINE_MS), "indexer")
        if isinstance(outcome, RowsPut):
            applied = msgspec.msgpack.decode(outcome.body, type=Applied)
            if feed.anew or applied.fed < feed.after:
                self._looked = applied.fed  # It began anew.
            self._stand(applied)
            return True
        if self._applied is not None or self._foreign:
            log.warning("the indexer did not take rows: %s", _said(outcome))
            await asyncio.sleep(AGAIN_S)
            self._work.set()
        return False

    def _of_another_log(self, applied: Applied) -> bool:
        position = applied.anchor.partition(":")[0]
        if not position.isdigit():
            return applied.fed > self._store.head.seq
        return self._anchor(int(position)) != applied.anchor

    def _anchor(self, seq: int) -> str:
        """What makes the log at this position this log: the chain up to the event, and the event's own time."""
        event = self._store.event(seq)
        if event is None:
            return f"{seq}:"
        seen = f"{event.prev_mac!r} {event.id} {event.at_us} {event.kind}"
        return f"{seq}:{hashlib.blake2b(seen.encode(), digest_size=8).hexdigest()}"

    async def purge(self, wait_s: float) -> bool:
        """Have the index begin with nothing, so that what was forgotten is in none of its files.

        Returns whether the old one is gone; without an indexer now, the next one is told when it comes.
        """
        self._foreign = True
        self._stand(None)
        return await self._wait(lambda: not self._foreign, wait_s)

    async def note_position(self) -> None:
        """At the end of a life, when all is indexed: tell the index so, and the next start need not look."""
        applied = self._applied
        if applied is not None and not self.behind and applied.fed < self._looked:
            upto = self._looked
            with contextlib.suppress(TimeoutError):  # Then the next start looks through these events once more.
                async with asyncio.timeout(NOTE_WAIT_S):
                    await self._put(Feed(seq=upto, after=applied.fed, at=upto, anchor=self._anchor(upto)))

    # --- asking ---

    async def search(self, questions: Sequence[Question]) -> Answers:
        """Ask, after a short wait for what was durable a moment ago to be searchable.

        Raises QuarterdeckError: `unavailable` when no indexer answers in time, `out_of_range` for a limit.
        """
        asked = [as_caller(question) for question in questions]
        answers = await self._search([question for question in asked if question is not None])
        found = iter(answers.finds)
        finds = [next(found) if question is not None else [] for question in asked]
        return Answers(finds, answers.behind, answers.words_only)

    async def _search(self, questions: Sequence[Question]) -> Answers:
        if not questions:
            return Answers([], self.behind)
        wanted = self._wanted
        if await self._wait(lambda: self._applied is not None, INDEXER_WAIT_S):
            if self._looked < wanted:
                self._awaited.set()
            await self._wait(lambda: self._looked >= wanted, BEHIND_WAIT_S)
        outcome: Outcome | None = None
        for _ in range(TRIES_MAX):
            if not await self._wait(lambda: self._applied is not None, INDEXER_WAIT_S):
                break
            work = SearchRows(body=msgspec.msgpack.encode(list(questions)))
            outcome = await self._hub.do(self._order("search", work, SEARCH_DEADLINE_MS), "indexer")
            if isinstance(outcome, RowsFound):
                finds = _FINDS.decode(outcome.body)
                self.words_only = outcome.words_only
                return Answers(finds, self.behind, outcome.words_only)
            if isinstance(outcome, Failed) and outcome.failure.failure == "permanent":
                raise _refusal(outcome)
        raise QuarterdeckError(
            "unavailable",
            f"the search index does not answer{': ' + _said(outcome) if outcome is not None else ''}",
            hint="It is started again by itself; try again in a moment, or see `quarterdeck logs --role indexer`.",
        )

    async def for_step(self, query: str, *, limit: int, scope: ReadScope | None = None) -> list[Plain]:
        """What a step's `recall` read receives: believed memories within its agent's scope only, best first."""
        wide = Question(query=query, limit=limit * FACTS_BESIDE, not_tiers=("review",))
        question = narrowed(wide, scope or ReadScope())
        if not query.strip() or question is None:
            return []
        found: list[Plain] = []
        for find in (await self.search([question])).finds[0]:
            # What came from outside is not recalled into drafts until the operator has endorsed it.
            memory = self._store.get(Memory, find.entity.partition(":")[2])
            if memory is not None and memory.current and memory.tier != "review" and len(found) < limit:
                plain: Plain = {"id": memory.id, "title": memory.title, "text": memory.text, "score": find.score}
                found.append({**plain, "source": memory.source})
        return found

    async def _wait(self, holds: Callable[[], bool], wait_s: float) -> bool:
        """Until it holds; False when it did not in time."""
        if holds():
            return True
        try:
            async with asyncio.timeout(wait_s):
                while not holds():
                    await self._pulse.wait()
        except TimeoutError:
            log.info("the index is %d events behind", self.behind)
            return False
        return True

    def _order(self, kind: str, work: PutRows | SearchRows, deadline_ms: int) -> Order:
        return Order(id=f"{kind}/{next(self._numbers)}", work=work, deadline_ms=deadline_ms)


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """At most ROWS_MAX rows and about BYTES_MAX of text each; none when there are no rows."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        if batch and (len(batch) == ROWS_MAX or size > BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += len(row.text) + len(row.title)
    if batch:
        yield batch


def _said(outcome: Outcome) -> str:
    return outcome.failure.message if isinstance(outcome, Failed) else f"a {type(outcome).__name__}"


def _refusal(failed: Failed) -> QuarterdeckError:
    failure = failed.failure
    code = cast(Code, failure.code) if failure.code in CODES else "unavailable"
    return QuarterdeckError(code, failure.message, hint=failure.hint)
