"""What differs between two marks of the log: which records, who changed them, and field by field how."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from ..context import Context
from ..labelled import labelled, short
from ..replies import Plain, each
from ..text import cut, visible
from ..views import BenchView
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import Column
from ..widgets.table_list import TableList, TableRow
from .browsing import ANSWER_MS
from .frame import FrameScreen
from .reading import ReadingScreen

PAGE = 100
ITEMS_MAX = 400
SIGNS = {"added": "+", "changed": "~", "removed": "-"}
COLUMNS = (
    Column("", 1),
    Column("KIND", 9),
    Column("WHAT", 0),
    Column("BY", 18, shown_from=100),
    Column("EVENT", 9, right=True),
)


class _Field(msgspec.Struct, frozen=True):
    name: str
    before: object = None
    after: object = None


class _Item(msgspec.Struct, frozen=True):
    id: str
    kind: str = ""
    change: str = ""
    title: str = ""
    fields: tuple[_Field, ...] = ()
    text: str = ""
    was: str = ""
    seq: int = 0
    event: str = ""
    actor: str = ""
    run: str = ""
    reason: str = ""
    events: int = 0


class DiffScreen(ReadingScreen):
    """From event `first` to event `last`. The past does not change: it is read once."""

    PLACE = "Difference"
    AUTO_FOCUS = "TableList"
    NOTHING = "Nothing differs between the two."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "back", "back", id="back", key_display="esc")]

    def __init__(self, context: Context, view: BenchView, first: int, last: int) -> None:
        super().__init__(context)
        self.set_reactive(FrameScreen.view, view)
        self._first, self._last = first, last
        self._items: dict[str, _Item] = {}
        self._head: Plain = {}
        self._more = False

    def compose_work(self) -> ComposeResult:
        yield Static(id="browse-line")
        table = TableList(id="list")
        table.table = COLUMNS
        yield table
        yield DetailPane(id="told")

    async def ask(self, method: str, params: Plain, *, line: str = "") -> Plain:
        answer = await self.context.session.read(method, params, line=line, deadline_ms=ANSWER_MS)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def read(self) -> None:
        if self.was_read:
            return
        params: Plain = {"a": self._first, "b": self._last, "limit": PAGE}
        line = f"quarterdeck diff {self._first} {self._last}"
        while len(self._items) < ITEMS_MAX:
            self._head = await self.ask("snapshot.diff", params, line=line)
            self._items |= {one.id: one for one in each(self._head.get("items"), _Item)[0]}
            self._more = bool(self._head.get("next"))
            if not self._more:
                break
            params, line = params | {"cursor": self._head["next"]}, ""
        self.query_one(TableList).rows = tuple(_row(one) for one in self._items.values())

    def draw(self) -> None:
        if not self.composed or not self.size.width:
            return
        counts = self._head.get("counts")
        said = "  ".join(_counted(kind, found) for kind, found in counts.items()) if isinstance(counts, dict) else ""
        cut_off = f"   only the first {ITEMS_MAX} are listed" if self._more else ""
        line = f" from event {self._first} to {self._last}   {said}{cut_off}"
        self.query_one("#browse-line", Static).update(Content(cut(visible(line), self.size.width)))
        row, pane = self.query_one(TableList).current, self.query_one("#told", DetailPane)
        item = self._items.get(row.id) if row is not None else None
        if item is not None:
            pane.tell(item.id, item.title or item.id, item.change, _lines(item, pane.cells))


def _row(item: _Item) -> TableRow:
    what = f"{item.id.partition(':')[2] or item.id}  {item.title}".rstrip()
    style = "list--high" if item.change == "removed" else "list--row"
    return TableRow(item.id, (SIGNS.get(item.change, "?"), item.kind, what, item.actor, str(item.seq or "")), style)


def _counted(kind: str, found: object) -> str:
    counts = found if isinstance(found, dict) else {}
    return f"{kind} " + " ".join(f"{SIGNS[name]}{counts[name]}" for name in SIGNS if counts.get(name))


def _lines(item: _Item, width: int) -> list[Content]:
    by = f"{item.event} {item.seq}  by {item.actor}" + (f"  in {item.run}" if item.run else "")
    lines = labelled("changed", by if item.event else "", width)
    lines += labelled("why", item.reason, width) + labelled("instead of", item.was, width)
    for field in item.fields:
        lines += labelled(
            "-", f"{field.name} = {short(field.before)}" if field.before is not None else "", width, "$text-error"
        )
        lines += labelled(
            "+", f"{field.name} = {short(field.after)}" if field.after is not None else "", width, "$text-success"
        )
    lines += [line for text in item.text.splitlines() for line in labelled("", text, width)]
    return lines or labelled("", "No field of it is shown.", width)
