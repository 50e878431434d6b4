"""Capturing: has new texts read for facts, in the background, and hands what was found to the kernel.

Owns     the way from "a note or document was taken in" to the command `Capture`; who is known, by name.
Promises every text is read once, also across a restart: the log says up to where that was done. It waits while
         workers have other things to do, holds at most one order of theirs, and a text that breaks a rule costs itself.
Leaves   what to look for to agents/capture.py, what a finding means to core/proposals.py.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import re
import time
from collections.abc import Iterator, Sequence
from email.utils import parseaddr

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.commands import Capture, Captured
from ..core.entities import CaptureMark, Document, Fact, Memory
from ..core.orders import Failed, FindFacts, Finding, FoundFacts, Order, SourceText
from ..core.parties import Parties
from ..core.proposals import is_source
from ..store.api import Store
from .engine import Engine
from .hub import Hub
from .workspace import About

BATCH_TEXTS = 16
BATCH_CHARS = 60_000
TEXT_CHARS_MAX = 40_000
DEADLINE_MS = 30_000
QUIET_WAIT_S = 2.0  # So long it gives way to other work before it takes its turn.
QUIET_POLL_S = 0.05
AGAIN_S = 1.0  # After a refusal of the engine.
MARK_EVERY = 1_000  # Events that a restart may have to look at once more.
BACKLOG_MAX = 50_000  # Texts that wait in memory; beyond it the log is read for them.
RECENT_MAX = 20_000  # Events of an older log, without a mark, that are looked through.
READ_EVERY = 200  # Events or facts read before others have their turn.

# A fact worth proposing has a digit, an address or a promise in it; the rest needs no worker.
_PROMISING = re.compile(
    r"[\d@]|\b(?:will|shall|werden?|schicken?|sende|ska|kommer att|vais|allons|voy a|vamos a)\b|['’]ll\b", re.I
)
_SOURCES = {"memory.remembered": ("memory", "id"), "document.parsed": ("document", "document")}
# What may change facts without saying which: then who is known is asked anew.
_SWEEPING = re.compile(r"rewind|restored|forgotten|erased|expired|imported")

log = logging.getLogger("quarterdeck.capturing")


class Capturing:
    """Tell it the events with `notice`; `run` is its loop."""

    def __init__(self, store: Store, hub: Hub, engine: Engine, about: About) -> None:
        self._store, self._hub, self._engine = store, hub, engine
        self._own = _own_names(about)
        self._backlog: collections.deque[tuple[int, str]] = collections.deque()  # (sequence, kind:id)
        self._news = asyncio.Event()
        self._caught_up = False  # Whether the backlog holds all that the log has beyond the mark.
        self._seen = 0  # Log position up to which texts were read.
        self._working = 0
        self._parties: Parties | None = None
        self._changed: set[str] = set()

    @property
    def waiting(self) -> int:
        """Texts that are still to be read."""
        return len(self._backlog) + self._working + (not self._caught_up)

    def notice(self, events: Sequence[Event]) -> None:
        for event in events:
            self._notice_fact(event)
            source = _source_of(event)
            if source is None:
                continue
            if len(self._backlog) >= BACKLOG_MAX:
                self._caught_up = False
            elif self._caught_up:
                self._backlog.append((event.seq, source))
            self._news.set()

    def _notice_fact(self, event: Event) -> None:
        if event.kind.startswith("fact.") and "key" in event.body:
            self._changed.add(f"{event.body.get('kind')}/{event.body['key']}")
        elif event.kind == "memory.endorsed":
            self._changed.add(str(event.body.get("id")))
        elif _SWEEPING.search(event.kind):
            self._parties = None

    async def run(self) -> None:
        """Read until cancelled."""
        self._seen = self._durable_mark()
        while True:
            if not self._caught_up:
                await self._catch_up()
            batch = self._next_batch()
            if not batch:
                await self._note_position()
                self._news.clear()
                if not self._backlog and self._caught_up:
                    await self._news.wait()
                continue
            await self._work_through(batch)

    # --- what is to be read ---

    def _durable_mark(self) -> int:
        mark = self._store.get(CaptureMark, "mark")
        return mark.upto if mark is not None else max(0, self._store.head.seq - RECENT_MAX)

    async def _catch_up(self) -> None:
        """Read the log from where the last life, or the full backlog, left off."""
        self._caught_up = True  # From here on `notice` adds what comes.
        head = self._store.head.seq
        found: list[tuple[int, str]] = []
        known = {seq for seq, _ in self._backlog}
        for seq in range(self._seen + 1, head + 1):
            if seq % READ_EVERY == 0:
                await asyncio.sleep(0)
            event = self._store.event(seq)
            source = _source_of(event) if event is not None and seq not in known else None
            if source is not None:
                found.append((seq, source))
            if len(found) + len(self._backlog) >= BACKLOG_MAX:
                self._caught_up = False
                break
        self._backlog = collections.deque(sorted({*found, *self._backlog}))

    def _next_batch(self) -> list[SourceText]:
        """Take texts from the backlog, as many as one order carries. What needs no look is passed over."""
        batch: list[SourceText] = []
        chars = passed = 0
        while self._backlog and len(batch) < BATCH_TEXTS and chars < BATCH_CHARS and passed < READ_EVERY:
            seq, name = self._backlog.popleft()
            self._seen = max(self._seen, seq)
            passed += 1
            text = self._text(name)
            if text is not None and _PROMISING.search(text.text):
                batch.append(text)
                chars += len(text.text)
        self._working = len(batch)
        return batch

    def _text(self, name: str) -> SourceText | None:
        kind, _, id = name.partition(":")
        document = self._store.get(Document, id) if kind == "document" else None
        found = document or (self._store.get(Memory, id) if kind == "memory" else None)
        if found is None or not is_source(found):
            return None
        return SourceText(
            source=name,
            text=found.text[:TEXT_CHARS_MAX],
            at_us=found.at_us,
            title=found.title,
            media_type=document.media_type if document is not None else "",
            meta=document.meta if document is not None else {},
            by_operator=found.labels.integrity == "operator",
        )

    # --- reading and telling ---

    async def _work_through(self, batch: list[SourceText]) -> None:
        try:
            await self._quiet()
            items = await self._find(batch)
            captured = tuple([await self._resolved(source, findings) for source, findings in items if findings])
            if captured:
                await self._tell(captured)
            else:
                await self._note_position()
        finally:
            self._working = 0

    async def _quiet(self) -> None:
        """Give way while all workers have something to do, for a while."""
        until = time.monotonic() + QUIET_WAIT_S
        while time.monotonic() < until:
            busy = [bool(row["busy"]) for row in self._hub.processes() if row["role"] == "worker"]
            if busy and not all(busy):
                return
            await asyncio.sleep(QUIET_POLL_S)

    async def _find(self, batch: list[SourceText]) -> list[tuple[str, tuple[Finding, ...]]]:
        work = FindFacts(texts=tuple(batch), own=self._own)
        order = Order(id=f"capture/{self._seen}/{batch[0].source}", work=work, deadline_ms=DEADLINE_MS)
        outcome = await self._hub.do(order, "worker")
        if isinstance(outcome, FoundFacts):
            return [(item.source, item.findings) for item in outcome.items]
        reason = outcome.failure.message if isinstance(outcome, Failed) else "an answer of the wrong kind"
        if len(batch) == 1:
            log.warning("%s was not read for facts: %s", batch[0].source, reason)
            return []
        log.info("%d texts are read one by one: %s", len(batch), reason)
        return [item for text in batch for item in await self._find([text])]

    async def _resolved(self, source: str, findings: tuple[Finding, ...]) -> Captured:
        parties = await self._known()
        return Captured(
            source=source,
            findings=tuple(
                msgspec.structs.replace(
                    finding,
                    known=parties.find(finding.mentions, account="iban" in finding.value),
                    related=parties.find(finding.beside),
                    mentions=(),
                    beside=(),
                )
                for finding in findings
            ),
        )

    async def _tell(self, captured: tuple[Captured, ...]) -> None:
        """Hand the findings to the kernel; a full disk or queue only costs time."""
        command = Capture(upto=self._seen, items=captured)
        while True:
            try:
                await self._engine.execute(command, actor="capture")
                return
            except QuarterdeckError as error:
                log.warning("findings refused: %s", error.message, extra={"fields": {"code": error.code}})
                if error.code not in ("no_space", "busy"):
                    return
            await asyncio.sleep(AGAIN_S)

    async def _note_position(self) -> None:
        """Record how far the log was read, now and then: a restart looks at the rest once more, which changes nothing."""
        if self._seen - self._durable_mark() >= MARK_EVERY:
            await self._tell(())

    # --- who is known ---

    async def _known(self) -> Parties:
        if self._parties is None:
            self._changed.clear()
            parties = Parties()
            for count, fact in enumerate(self._store.scan(Fact)):
                parties.put(fact)
                if count % READ_EVERY == 0:
                    await asyncio.sleep(0)
            self._parties = parties
        while self._changed:
            fact_now = self._store.get(Fact, self._changed.pop())
            if fact_now is not None:
                self._parties.put(fact_now)
        return self._parties


def _source_of(event: Event) -> str | None:
    named = _SOURCES.get(event.kind)
    id = event.body.get(named[1]) if named is not None else None
    return f"{named[0]}:{id}" if named is not None and isinstance(id, str) else None


def _own_names(about: About) -> tuple[str, ...]:
    """The house itself: what stands under its own mails is nobody else's address."""
    name, address = parseaddr(about.operator)
    return tuple(_present((about.name, name, address, address.partition("@")[2])))


def _present(names: Sequence[str]) -> Iterator[str]:
    return (name for name in names if name and name != "localhost")
