"""What the Timeline asks of the daemon: stretches of the log, one event opened, how busy times were.

Owns     how many calls one key may cost. Promises no reading looks through more than `PAGES_MAX` pages.
Leaves   what is done with it to the screen. Every reading raises QuarterdeckError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from . import replies
from .past import Past, iso
from .replies import Plain
from .timeline import EventRow, Wanted, Window, fitting

PAGE = 100
PAGES_MAX = 4  # For one key; the daemon looks at 50,000 events for a page that few events fit.
BUCKETS = 48
AT_ONCE = 4
COMPARED_MAX = 12  # Records of "memory then" that are read then and now.
LATER_US = 1_000_000

Ask = Callable[[str, Plain], Awaitable[Plain]]


class Opened(msgspec.Struct, frozen=True):
    """`timeline.event` as it is read here."""

    event: Event
    inputs: Plain = {}
    context: Plain = {}
    prompt: str = ""
    output: Plain = {}
    verdict: Plain = {}
    args: Plain = {}
    cost: str = "0"
    cause: Event | None = None
    consequences: tuple[Event, ...] = ()
    context_tokens: Plain = {}
    context_forgotten: tuple[str, ...] = ()
    context_differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recalled:
    """A record that a step was shown: as it was then, and whether it is another one now."""

    id: str
    title: str
    then_seq: int
    now_seq: int | None  # None: it can no longer be read.

    @property
    def changed(self) -> bool:
        return self.now_seq != self.then_seq


@dataclass(frozen=True, slots=True)
class Density:
    """How many events each stretch of time had. `start_us` to `end_us` in equal stretches."""

    start_us: int
    end_us: int
    counts: tuple[int, ...]


class TimelineReads:
    """Reads by `ask`, which raises QuarterdeckError."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def newest(self, filter: Wanted, head: int) -> Window:
        """The end of the log. `head`: the newest event that is known of."""
        rows, older = await self._older(head + 1, filter)
        return Window(rows, older, None, head)

    async def older(self, window: Window, filter: Wanted) -> Window:
        if window.older is None:
            return window
        return window.with_older(*await self._older(window.older, filter))

    async def newer(self, window: Window, filter: Wanted, head: int) -> Window:
        """What follows the window: its next page, or what has come since."""
        after = window.seen if window.newer is None else window.newer
        rows, newer = await self._newer(after, filter)
        return window.with_newer(rows, newer, head if newer is None else newer)

    async def around(self, seq: int, filter: Wanted, head: int) -> Window:
        """A stretch with `seq`, or where it would stand, in its middle."""
        rows, older = await self._older(seq + 1, filter)
        return await self.newer(Window(rows, older, seq, seq), filter, head)

    async def _older(self, before: int, filter: Wanted) -> tuple[tuple[EventRow, ...], int | None]:
        rows, at = await self._pages("before", before, filter)
        return rows[::-1], at

    async def _newer(self, after: int, filter: Wanted) -> tuple[tuple[EventRow, ...], int | None]:
        return await self._pages("after", after, filter)

    async def _pages(self, end: str, start: int, filter: Wanted) -> tuple[tuple[EventRow, ...], int | None]:
        """Return the next rows in the daemon's order, and where it goes on; None: at the end of the log."""
        found: tuple[EventRow, ...] = ()
        at: int | None = start
        for _ in range(PAGES_MAX):
            page = await self._ask("timeline.read", {end: at, "limit": PAGE, "filter": filter.filter})
            found += fitting(replies.events(page), filter)
            at = _position(page.get("next"))
            if at is None or len(found) >= PAGE // 2:
                break
        return found, at

    async def at(self, at_us: int) -> int:
        """Return the newest event at that time or before it; 0 when the log began later."""
        page = await self._ask("timeline.read", {"as_of": iso(at_us), "limit": 1})
        found = replies.events(page)
        return found[0].seq if found else 0

    async def first(self) -> Past | None:
        """Where the log begins."""
        found = replies.events(await self._ask("timeline.read", {"after": 0, "limit": 1}))
        return Past(found[0].at_us, found[0].seq) if found else None

    async def neighbour(self, seq: int, kinds: tuple[str, ...], *, forward: bool) -> int | None:
        """Return the next event of those kinds, seen from `seq`."""
        end: Plain = {"after": seq} if forward else {"before": seq}
        page = await self._ask("timeline.read", {**end, "limit": 1, "filter": {"kinds": list(kinds)}})
        found = replies.events(page)
        return found[0].seq if found else None

    async def opened(self, seq: int) -> Opened:
        return msgspec.convert(await self._ask("timeline.event", {"seq": seq}), Opened, strict=False)

    async def policy(self, action: str, seq: int) -> Plain:
        """Why the rules say what they say about an action, as they stood then."""
        return await self._ask("policy.explain", {"id": action, "as_of": seq})

    async def memory_then(self, opened: Opened) -> tuple[Recalled, ...]:
        """Return the records that a step was shown, each compared with what it is now."""
        shown = versions(opened)[:COMPARED_MAX]
        return tuple(await asyncio.gather(*(self._recalled(id, seq) for id, seq in shown)))

    async def _recalled(self, id: str, seq: int) -> Recalled:
        then = await self._record({"id": id, "as_of": seq})
        now = await self._record({"id": id})
        title = str((then or now or {}).get("title") or (then or now or {}).get("key") or "")
        return Recalled(id, title, seq, None if now is None else _position(now.get("seq")))

    async def _record(self, params: Plain) -> Plain | None:
        try:
            return await self._ask("memory.get", params)
        except QuarterdeckError as error:
            if error.code in ("not_found", "forgotten", "out_of_range", "bad_value"):
                return None
            raise

    async def density(self, start_us: int, end_us: int) -> Density:
        """Count the events of `BUCKETS` equal stretches, by the position of the log at each border."""
        borders = [start_us + (end_us - start_us) * number // BUCKETS for number in range(BUCKETS + 1)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def position(at_us: int) -> int:
            async with gate:
                return await self.at(at_us)

        found = await asyncio.gather(*(position(at_us) for at_us in borders))
        return Density(start_us, end_us, tuple(max(b - a, 0) for a, b in pairwise(found)))


def versions(opened: Opened) -> list[tuple[str, int]]:
    """Return the records and their versions that the event's step was shown, each once."""
    reads = opened.event.body.get("reads")
    found: dict[str, int] = {}
    for read in reads.values() if isinstance(reads, dict) else ():
        pairs = read.get("of") if isinstance(read, dict) else None
        for pair in pairs if isinstance(pairs, (list, tuple)) else ():
            if isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[1], int):
                found.setdefault(str(pair[0]), pair[1])
    return list(found.items())


def _position(value: object) -> int | None:
    return value if isinstance(value, int) else None
