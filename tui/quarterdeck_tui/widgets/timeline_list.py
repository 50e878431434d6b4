"""The events of a stretch of the log. Its first and last row are not those of the log: see `Edge`."""

from __future__ import annotations

from typing import Literal

from textual.message import Message
from textual.reactive import reactive

from ..past import short_words
from ..text import visible
from ..timeline import EventRow
from .row_list import Column, RowList

WIDE_FROM = 96

NARROW = (
    Column("", 1), Column("TIME", 12, right=True), Column("WHO", 9), Column("KIND", 18), Column("RUN", 4), Column("WHAT", 0),
)  # fmt: skip
WIDE = (
    Column("", 1), Column("EVENT", 9, right=True), Column("TIME", 12, right=True), Column("WHO", 18), Column("KIND", 22),
    Column("RUN", 6), Column("WHAT", 0),
)  # fmt: skip


class TimelineList(RowList[EventRow]):
    """Listen for `Edge` too."""

    now_us: reactive[int] = reactive(0, repaint=True)
    marked: reactive[int] = reactive(0, repaint=True)  # The event that a comparison begins with.

    class Edge(Message):
        """The operator wants the beginning or the end of the log."""

        def __init__(self, end: Literal["oldest", "newest"]) -> None:
            super().__init__()
            self.end = end

    def action_top(self) -> None:
        self.post_message(self.Edge("oldest"))

    def action_bottom(self) -> None:
        self.post_message(self.Edge("newest"))

    def columns(self) -> tuple[Column, ...]:
        return WIDE if self.size.width >= WIDE_FROM else NARROW

    def values(self, index: int, row: EventRow) -> list[str]:
        sign = "(A) " if row.seq == self.marked else f"{self.marks.alarm} " if row.failing else ""
        wide = self.columns() is WIDE
        who = row.actor if wide else row.actor.removeprefix("agent:").removeprefix("connector:")
        head = [str(row.seq)] if wide else []
        said = f"{sign}{row.gist}"
        return [
            *head,
            short_words(row.at_us, self.now_us),
            visible(who),
            visible(row.kind),
            visible(row.run),
            visible(said),
        ]

    def style_of(self, row: EventRow) -> str:
        return "list--high" if row.failing else "list--ticked" if row.deciding else "list--row"
