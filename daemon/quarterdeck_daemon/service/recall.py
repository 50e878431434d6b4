"""Recall: keeps the keyword index behind the log, and searches it.

Owns     the position up to which memories are indexed.
Promises a search sees every memory that was durable when it was asked, or says how far the index is behind;
         the index is rebuilt from the records when it is missing or doubtful, while searches go on.
Leaves   ranking to store/keyword.py.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence

from quarterdeck_protocol.events import Event

from ..core.entities import Memory, Plain
from ..store.api import IndexRow, KeywordHit, KeywordIndex, Store

BATCH_MAX = 2_000
SLICE = 2_000  # Events looked at before others get their turn.
PAUSE_S = 0.02  # Commits cost milliseconds, so what arrives together is indexed together.
BEHIND_WAIT_S = 1.0
MEMORY_KINDS: frozenset[str] = frozenset(("memory.remembered", "document.parsed", "memory.endorsed"))

log = logging.getLogger("quarterdeck.recall")


class Recall:
    """Feed it with `notice`; run `run` as one task."""

    def __init__(self, store: Store, index: KeywordIndex) -> None:
        self._store = store
        self._index = index
        self._pending: dict[str, None] = {}
        self._indexing = 0
        self._seen_seq = index.seq
        self._caught_up = False
        self._work = asyncio.Event()
        self._moved = asyncio.Condition()

    def notice(self, events: Sequence[Event]) -> None:
        """Take in durable events, in order."""
        for event in events:
            if event.kind in MEMORY_KINDS:
                self._pending.update(dict.fromkeys(_memories_of(event)))
                self._seen_seq = max(self._seen_seq, event.seq)
        if self._pending:
            self._work.set()

    async def catch_up(self) -> int:
        """Queue what the log has and the index has not, in slices, so that others are served meanwhile.

        Returns how many memories wait then.
        """
        after, head = self._index.seq, self._store.head.seq
        while events := list(itertools.islice(self._store.events(after=after, before=head + 1), SLICE)):
            self.notice(events)
            after = events[-1].seq
            await asyncio.sleep(0)
        self._caught_up = True
        async with self._moved:
            self._moved.notify_all()
        return len(self._pending)

    async def run(self) -> None:
        """Catch up, then index until cancelled. Nothing is indexed before, lest the index claim a past it has not."""
        await self.catch_up()
        while True:
            await self._work.wait()
            await asyncio.sleep(PAUSE_S)
            ids = list(self._pending)[:BATCH_MAX]
            upto = self._seen_seq if len(ids) == len(self._pending) else self._index.seq
            rows = [row for row in map(self._row, ids) if row is not None]
            for id in ids:
                del self._pending[id]  # Before the work: what changes meanwhile must be done once more.
            self._indexing = len(ids)
            await asyncio.to_thread(self._index.put, rows, removed=(), seq=upto)
            self._indexing = 0
            if not self._pending:
                self._work.clear()
            async with self._moved:
                self._moved.notify_all()

    async def search(self, query: str, *, limit: int, where: dict[str, str | tuple[str, ...]]) -> list[KeywordHit]:
        """Search what is durable by now; waits up to a second for the index to have it."""
        await self._wait_for(self._seen_seq if self._caught_up else self._store.head.seq)
        return await asyncio.to_thread(self._index.search, query, limit=limit, where=where)

    async def for_step(self, query: str, *, limit: int) -> list[Plain]:
        """What a step's `recall` read receives: believed memories only, best first."""
        found: list[Plain] = []
        for hit in await self.search(query, limit=limit * 4, where={}) if query.strip() else []:
            memory = self._store.get(Memory, hit.id)
            # What came from outside is not recalled into drafts until the operator has endorsed it.
            if memory is not None and memory.tier != "review" and len(found) < limit:
                plain: Plain = {"id": hit.id, "title": memory.title, "text": memory.text, "score": hit.score}
                found.append({**plain, "source": memory.source})
        return found

    @property
    def behind(self) -> int:
        return len(self._pending) + self._indexing + (not self._caught_up)

    def note_position(self) -> None:
        """Remember, when all is indexed, that the rest of the log holds no memory: the next start need not look."""
        if not self.behind and self._index.seq < self._store.head.seq:
            self._index.put((), removed=(), seq=self._store.head.seq)

    async def _wait_for(self, seq: int) -> None:
        async def reached() -> None:
            async with self._moved:
                await self._moved.wait_for(lambda: self._index.seq >= seq or not self.behind)

        try:
            await asyncio.wait_for(reached(), BEHIND_WAIT_S)
        except TimeoutError:
            log.info("the index is %d memories behind", self.behind)

    def _row(self, id: str) -> IndexRow | None:
        memory = self._store.get(Memory, id)
        if memory is None or memory.forgotten:
            return None
        return IndexRow(
            id=memory.id,
            title=memory.title,
            text=memory.text,
            tier=memory.tier,
            memory_kind=memory.memory_kind,
            namespace=memory.namespace,
            source=memory.source,
            tags=memory.tags,
            at_us=memory.at_us,
        )


def _memories_of(event: Event) -> list[str]:
    if event.kind == "document.parsed":
        chunks = event.body["chunks"]
        return [str(chunk["id"]) for chunk in chunks] if isinstance(chunks, list) else []
    id = str(event.body["id"])
    return [] if "/" in id else [id]
