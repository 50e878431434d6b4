"""The list of approvals.

Promises `drawn` names exactly the item and hash of the painted cursor row.
"""

from __future__ import annotations

from textual.message import Message
from textual.reactive import reactive

from ..clock import age, due
from ..text import visible
from ..views import ApprovalView, Shown
from .row_list import Column, RowList

KIND_CELLS_FROM = 110  # From this width on, the act has a column of its own.
RISK_WORDS = {"low": "low", "medium": "med", "high": "HIGH"}

NARROW = (
    Column("", 1), Column("#", 3, right=True), Column("RISK", 5), Column("AGENT", 10), Column("WHAT", 0),
    Column("CONF", 4, right=True), Column("AGE", 4, right=True), Column("DUE", 4, right=True),
)  # fmt: skip
WIDE = (*NARROW[:4], Column("KIND", 16), *NARROW[4:])


class ApprovalList(RowList[ApprovalView]):
    """Listen for `Painted` too."""

    ticked: reactive[frozenset[Shown]] = reactive(frozenset(), repaint=True)
    new: reactive[frozenset[str]] = reactive(frozenset(), repaint=True)
    now_us: reactive[int] = reactive(0, repaint=True)

    class Painted(Message):
        """Another item, or another version of it, now stands under the cursor on the screen."""

        def __init__(self, shown: Shown | None) -> None:
            super().__init__()
            self.shown = shown

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.drawn: Shown | None = None

    def painted(self, row: ApprovalView | None) -> None:
        shown = None if row is None else Shown(row.id, row.shown_hash)
        if shown != self.drawn:
            self.drawn = shown
            self.post_message(self.Painted(shown))

    def columns(self) -> tuple[Column, ...]:
        return WIDE if self.size.width >= KIND_CELLS_FROM else NARROW

    def values(self, index: int, row: ApprovalView) -> list[str]:
        sign = self.marks.ticked if self._ticked(row) else self.marks.new if row.id in self.new else ""
        sign = sign or (self.marks.alarm if row.risk == "high" else "")
        kind = [visible(row.act)] if self.columns() is WIDE else []
        confidence = "-" if row.confidence is None else f"{row.confidence:.2f}".removeprefix("0")
        times = (age(row.at_us, self.now_us), due(row.expires_us, self.now_us))
        head = [f"{index + 1}{sign}" if sign else f"{index + 1} ", RISK_WORDS[row.risk], visible(row.agent)]
        return [*head, *kind, visible(row.summary), confidence, *times]

    def style_of(self, row: ApprovalView) -> str:
        return "list--ticked" if self._ticked(row) else "list--high" if row.risk == "high" else "list--row"

    def _ticked(self, row: ApprovalView) -> bool:
        return Shown(row.id, row.shown_hash) in self.ticked
