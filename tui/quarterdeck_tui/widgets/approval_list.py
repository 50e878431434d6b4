"""The list of approvals, drawn line by line with columns computed for the width there is.

Owns     the cursor and what was last painted under it.
Promises `drawn` names exactly the item and hash of the painted cursor row; rows never move under it.
Leaves   which rows there are to the screen, what a key does to the app.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ..clock import age, due
from ..marks import FINE, Marks
from ..text import fit, fit_right, visible
from ..views import ApprovalView, Shown

KIND_CELLS_FROM = 110  # From this width on, the act has a column of its own.
RISK_WORDS = {"low": "low", "medium": "med", "high": "HIGH"}


@dataclass(frozen=True, slots=True)
class Column:
    """`cells` 0: takes what the others leave."""

    title: str
    cells: int
    right: bool = False


NARROW = (
    Column("", 1), Column("#", 3, right=True), Column("RISK", 5), Column("AGENT", 10), Column("WHAT", 0),
    Column("CONF", 4, right=True), Column("AGE", 4, right=True), Column("DUE", 4, right=True),
)  # fmt: skip
WIDE = (*NARROW[:4], Column("KIND", 16), *NARROW[4:])


class ApprovalList(Widget, can_focus=True):
    """Assign `rows`; listen for `Painted`, `Moved` and `Opened`."""

    BINDINGS = [
        Binding("j,down", "move(1)", "Next row", show=False, id="list.down"),
        Binding("k,up", "move(-1)", "Previous row", show=False, id="list.up"),
        Binding("g,home", "top", "First row", show=False, id="list.top"),
        Binding("G,end", "bottom", "Last row", show=False, id="list.bottom"),
        Binding("ctrl+d,pagedown", "page(1)", "Half a page down", show=False, id="list.page_down"),
        Binding("ctrl+u,pageup", "page(-1)", "Half a page up", show=False, id="list.page_up"),
        Binding("enter", "open", "Open", show=False, id="list.open"),
    ]
    COMPONENT_CLASSES = {
        "list--head", "list--row", "list--cursor", "list--high", "list--ticked", "list--asleep", "list--empty",
    }  # fmt: skip

    rows: reactive[tuple[ApprovalView, ...]] = reactive((), repaint=True)
    ticked: reactive[frozenset[Shown]] = reactive(frozenset(), repaint=True)
    new: reactive[frozenset[str]] = reactive(frozenset(), repaint=True)
    asleep: reactive[bool] = reactive(False, repaint=True)
    now_us: reactive[int] = reactive(0, repaint=True)
    empty: reactive[str] = reactive("", repaint=True)
    marks: Marks = FINE

    class Painted(Message):
        """Another item, or another version of it, now stands under the cursor on the screen."""

        def __init__(self, shown: Shown | None) -> None:
            super().__init__()
            self.shown = shown

    class Moved(Message):
        """The operator is about to see another row, by their own doing."""

    class Opened(Message):
        """Enter on a row."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.drawn: Shown | None = None
        self._at: str | None = None  # The id under the cursor; the cursor stays with it.
        self._index = 0
        self._top = 0

    # --- where the cursor is

    @property
    def current(self) -> ApprovalView | None:
        return self.rows[self._index] if self._index < len(self.rows) else None

    def watch_rows(self, rows: tuple[ApprovalView, ...]) -> None:
        """Keep the cursor on its item, and the item on its line of the screen."""
        found = next((index for index, row in enumerate(rows) if row.id == self._at), None)
        if found is None:
            self._index = max(min(self._index, len(rows) - 1), 0)
        else:
            self._top += found - self._index
            self._index = found
        self._settle()

    def on_resize(self) -> None:
        self._settle()

    def leave(self, ids: frozenset[str]) -> None:
        """Move on to the next row that is not among `ids`: those were just decided."""
        for index in (*range(self._index, len(self.rows)), *range(self._index, -1, -1)):
            if index < len(self.rows) and self.rows[index].id not in ids:
                self._go(index)
                return

    def action_move(self, rows: int) -> None:
        self._go(self._index + rows)

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._go(len(self.rows) - 1)

    def action_page(self, direction: int) -> None:
        self._go(self._index + direction * max(self._room // 2, 1))

    def action_open(self) -> None:
        if self.rows:
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        index = self._top + event.y - 1
        if event.y > 0 and index < len(self.rows):
            self._go(index)

    def on_mouse_scroll_down(self) -> None:
        self.action_move(1)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-1)

    def _go(self, index: int) -> None:
        index = max(min(index, len(self.rows) - 1), 0)
        if index != self._index:
            self.post_message(self.Moved())
        self._index = index
        self._settle()

    def _settle(self) -> None:
        current = self.current
        self._at = current.id if current else None
        highest = max(len(self.rows) - self._room, 0)
        self._top = max(self._index - self._room + 1, min(self._top, self._index, highest), 0)
        self.refresh()

    @property
    def _room(self) -> int:
        return max(self.size.height - 1, 1)

    # --- drawing

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._strip(self._cells([column.title for column in self._columns]), "list--head")
        index = self._top + y - 1
        if index >= len(self.rows):
            if not self.rows:
                self._painted(None)
            return self._strip(fit(f" {self.empty}" if y == 2 and not self.rows else "", width), "list--empty")
        row = self.rows[index]
        if index == self._index:
            self._painted(Shown(row.id, row.shown_hash))
        return self._row(index, row)

    def _painted(self, shown: Shown | None) -> None:
        if shown != self.drawn:
            self.drawn = shown
            self.post_message(self.Painted(shown))

    def _row(self, index: int, row: ApprovalView) -> Strip:
        here = index == self._index
        ticked = Shown(row.id, row.shown_hash) in self.ticked
        mark = self.marks.cursor if here else ""
        sign = self.marks.ticked if ticked else self.marks.new if row.id in self.new else ""
        sign = sign or (self.marks.alarm if row.risk == "high" else "")
        values = [mark, f"{index + 1}{sign}" if sign else f"{index + 1} ", RISK_WORDS[row.risk], visible(row.agent)]
        values += [visible(row.act)] if len(self._columns) == len(WIDE) else []
        confidence = "-" if row.confidence is None else f"{row.confidence:.2f}".removeprefix("0")
        values += [visible(row.summary), confidence, age(row.at_us, self.now_us), due(row.expires_us, self.now_us)]
        kind = "list--cursor" if here else "list--ticked" if ticked else "list--high" if row.risk == "high" else ""
        return self._strip(self._cells(values), "list--asleep" if self.asleep and not here else kind or "list--row")

    @property
    def _columns(self) -> tuple[Column, ...]:
        return WIDE if self.size.width >= KIND_CELLS_FROM else NARROW

    def _cells(self, values: list[str]) -> str:
        columns = self._columns
        elastic = max(self.size.width - sum(column.cells for column in columns) - len(columns), 8)
        cells = [column.cells or elastic for column in columns]
        return " ".join(
            fit_right(value, size) if column.right else fit(value, size)
            for column, value, size in zip(columns, values, cells, strict=True)
        )

    def _strip(self, text: str, component: str) -> Strip:
        style: Style = self.get_visual_style(component).rich_style
        return Strip([Segment(fit(text, self.size.width), style)], self.size.width)
