"""A group: what is alike is decided together, each with a tick of its own. A tick that is off says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from ..context import Context
from ..text import visible
from ..views import ApprovalView, Decision, Shown
from ..widgets.tick_list import TickList
from .sheet import Sheet


@dataclass(frozen=True, slots=True)
class Together:
    """What is done with the ticked ones."""

    decision: Decision
    items: tuple[Shown, ...]


class GroupScreen(Sheet[Together]):
    """Dismisses with the verb and what is ticked, as it was shown here; with nothing for one by one."""

    KEYS = "a ok to the ticked  r reject  s snooze  x tick  * all  o one by one"
    AUTO_FOCUS = "TickList"
    BINDINGS = [
        Binding("a", "decide('approve')", "ok", id="group.approve", tooltip="Approve all that is ticked"),
        Binding("r", "decide('reject')", "reject", id="group.reject", tooltip="Reject all that is ticked"),
        Binding("s", "decide('snooze')", "snooze", id="group.snooze", tooltip="Ask again about the ticked later"),
        Binding("o", "close", "one by one", id="group.one", tooltip="Back to the list, one by one"),
    ]

    def __init__(self, context: Context, items: Sequence[ApprovalView]) -> None:
        first = items[0]
        super().__init__(f"{len(items)} x {first.act} by {first.agent}, {first.risk} risk")
        self._items = tuple(items)
        self._shared = context

    def compose_sheet(self) -> ComposeResult:
        first = self._items[0]
        yield Static(
            Content(f"Same in all: agent, verb, template, rule {visible(first.rule)} ({visible(first.rule_where)})."),
            classes="sheet-line",
        )
        rows = tuple((item.id, _line(item)) for item in self._items)
        ticked = frozenset(item.id for item in self._items if item.ticked)
        yield TickList(rows, ticked, self._shared.marks)
        yield Static(id="group-about")

    def on_mount(self) -> None:
        ticks = self.query_one(TickList)
        self.watch(ticks, "at", self._tell)
        self.watch(ticks, "ticked", self._tell)

    def _tell(self) -> None:
        """Under the list: how many are ticked, and why the tick of this row is off."""
        ticks = self.query_one(TickList)
        item = self._items[ticks.at]
        why = f"   {item.id}: {item.outlier}" if item.outlier else ""
        said = f"{len(ticks.ticked)} of {len(self._items)} ticked{visible(why)}"
        self.query_one("#group-about", Static).update(Content(said))

    def action_decide(self, decision: Decision) -> None:
        ticked = self.query_one(TickList).ticked
        items = tuple(Shown(item.id, item.shown_hash) for item in self._items if item.id in ticked)
        if items:
            self.dismiss(Together(decision, items))
        else:
            self.say("No tick is on.")


def _line(item: ApprovalView) -> str:
    """Return the row of one item; why its tick is off stands before what it says, so that it is never cut."""
    where = ", ".join(item.targets) or "nobody outside"
    off = f"! {item.outlier} - " if item.outlier else ""
    return f"{item.id:<5} {off}{where} - {item.summary}"
