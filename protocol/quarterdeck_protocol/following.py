"""Following the log without gaps or doubles, whatever the PUB socket loses. Pure; the client does the reading."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from .calls import Result
from .codes import QuarterdeckError
from .events import Event

Place = Literal["next", "old", "gap"]


class Follower:
    """Knows the last event handed on and where another one belongs.

    kinds   which events the consumer wants: exact kinds, or `noun.*`; none: all.
            The others are followed too, for only then a missing number means a loss.
    """

    def __init__(self, after: int, kinds: Iterable[str] = ()) -> None:
        self.last = after
        wanted = tuple(kinds)
        self._exact = frozenset(kind for kind in wanted if not kind.endswith("*"))
        self._prefixes = tuple(kind[:-1] for kind in wanted if kind.endswith("*"))

    def place(self, event: Event) -> Place:
        """Say where an event from the PUB socket belongs."""
        if event.seq <= self.last:
            return "old"
        return "next" if event.seq == self.last + 1 else "gap"

    def advance(self, event: Event) -> bool:
        """Take an event, from the socket or the timeline; return whether to hand it on."""
        if event.seq <= self.last:
            return False
        self.last = event.seq
        return self._wants(event.kind)

    def behind(self, head: int) -> bool:
        """Return whether a log that ends at `head` holds events not seen yet.

        Raises `out_of_range` when it is shorter than what was seen.
        """
        if head < self.last:
            raise QuarterdeckError(
                "out_of_range",
                f"the log ends at {head}, but events up to {self.last} were seen",
                hint="It was restored from a backup or is another workspace: begin again from 0.",
            )
        return head > self.last

    def _wants(self, kind: str) -> bool:
        if not self._exact and not self._prefixes:
            return True
        return kind in self._exact or kind.startswith(self._prefixes)


class _Page(msgspec.Struct):
    items: list[Event]
    next: int | None = None


class _Hello(msgspec.Struct):
    seq: int


def events_page(result: Result) -> tuple[list[Event], bool]:
    """Return the events of one `timeline.read`, and whether there are more."""
    page = result.into(_Page)
    return page.items, page.next is not None and bool(page.items)


def head_of(result: Result) -> int:
    """Return where the log ends, from a `system.hello`."""
    return result.into(_Hello).seq
