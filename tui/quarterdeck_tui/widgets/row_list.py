"""A list drawn line by line, with columns computed for the width there is.

Owns     the cursor: keys, mouse, and which row it is on.
Promises the cursor stays with its row, and the row on its line of the screen, whatever comes or goes around it.
Leaves   which rows there are to the screen, what stands in their columns to the subclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ..marks import FINE, Marks
from ..text import fit, fit_right

ELASTIC_CELLS_MIN = 8


@dataclass(frozen=True, slots=True)
class Column:
    """`cells` 0: takes what the others leave. `shown_from`: the least width of the list at which it is there."""

    title: str
    cells: int
    right: bool = False
    shown_from: int = 0


class Row(Protocol):
    """`id` is what the cursor stays with."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Row)


class RowList(Widget, Generic[R], can_focus=True):
    """Assign `rows`; listen for `Moved` and `Opened`. Subclasses fill `columns`, `values` and `style_of`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Next row", show=False, id="list.down"),
        Binding("k,up", "move(-1)", "Previous row", show=False, id="list.up"),
        Binding("g,home", "top", "First row", show=False, id="list.top"),
        Binding("G,end", "bottom", "Last row", show=False, id="list.bottom"),
        Binding("ctrl+d,pagedown", "page(1)", "Half a page down", show=False, id="list.page_down"),
        Binding("ctrl+u,pageup", "page(-1)", "Half a page up", show=False, id="list.page_up"),
        Binding("enter", "open", "Open", show=False, id="list.open"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "list--head", "list--row", "list--cursor", "list--high", "list--ticked", "list--asleep", "list--empty",
    }  # fmt: skip

    rows: reactive[tuple[R, ...]] = reactive((), repaint=True)
    asleep: reactive[bool] = reactive(False, repaint=True)
    empty: reactive[str] = reactive("", repaint=True)
    marks: Marks = FINE

    class Moved(Message):
        """The operator is about to see another row, by their own doing."""

    class Opened(Message):
        """Enter on a row."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._at: str | None = None  # The id under the cursor; the cursor stays with it.
        self._index = 0
        self._top = 0

    # --- what a subclass says

    def columns(self) -> tuple[Column, ...]:
        """Return the columns for the width there is. The first shows where the cursor is."""
        raise NotImplementedError

    def values(self, index: int, row: R) -> list[str]:
        """Return what stands in the columns after the first, safe to draw."""
        raise NotImplementedError

    def style_of(self, row: R) -> str:
        """Return the component class that the row is drawn with when the cursor is elsewhere."""
        return "list--row"

    def painted(self, row: R | None) -> None:
        """Told at each paint which row stands under the cursor; None: the list is empty."""

    # --- where the cursor is

    @property
    def current(self) -> R | None:
        return self.rows[self._index] if self._index < len(self.rows) else None

    @property
    def index(self) -> int:
        return self._index

    @property
    def room(self) -> int:
        """How many rows can be seen."""
        return max(self.size.height - 1, 1)

    def watch_rows(self, rows: tuple[R, ...]) -> None:
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
                self.go(index)
                return

    def action_move(self, rows: int) -> None:
        self.go(self._index + rows)

    def action_top(self) -> None:
        self.go(0)

    def action_bottom(self) -> None:
        self.go(len(self.rows) - 1)

    def action_page(self, direction: int) -> None:
        self.go(self._index + direction * max(self.room // 2, 1))

    def action_open(self) -> None:
        if self.rows:
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        index = self._top + event.y - 1
        if event.y > 0 and index < len(self.rows):
            self.go(index)

    def on_mouse_scroll_down(self) -> None:
        self.action_move(1)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-1)

    def go(self, index: int) -> None:
        """Put the cursor on a row, the nearest there is."""
        index = max(min(index, len(self.rows) - 1), 0)
        if index != self._index:
            self.post_message(self.Moved())
        self._index = index
        self._settle()

    def _settle(self) -> None:
        current = self.current
        self._at = current.id if current else None
        highest = max(len(self.rows) - self.room, 0)
        self._top = max(self._index - self.room + 1, min(self._top, self._index, highest), 0)
        self.refresh()

    # --- drawing

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._strip(self._cells([column.title for column in self.columns()]), "list--head")
        index = self._top + y - 1
        if index >= len(self.rows):
            if not self.rows:
                self.painted(None)
            return self._strip(fit(f" {self.empty}" if y == 2 and not self.rows else "", width), "list--empty")
        return self._row(index, self.rows[index])

    def _row(self, index: int, row: R) -> Strip:
        here = index == self._index
        if here:
            self.painted(row)
        text = self._cells([self.marks.cursor if here else "", *self.values(index, row)])
        away = "list--asleep" if self.asleep else self.style_of(row)
        return self._strip(text, "list--cursor" if here else away)

    def _cells(self, values: list[str]) -> str:
        columns = self.columns()
        elastic = max(self.size.width - sum(column.cells for column in columns) - len(columns), ELASTIC_CELLS_MIN)
        cells = [column.cells or elastic for column in columns]
        return " ".join(
            fit_right(value, size) if column.right else fit(value, size)
            for column, value, size in zip(columns, values, cells, strict=True)
        )

    def _strip(self, text: str, component: str) -> Strip:
        style: Style = self.get_visual_style(component).rich_style
        return Strip([Segment(fit(text, self.size.width), style)], self.size.width)
