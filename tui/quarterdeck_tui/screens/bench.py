"""The Bench: what waits for a yes, why, what runs, what was decided last."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.reactive import reactive
from textual.widgets import Input

from ..arrangement import TABS, Arrangement, Tab, rows, sorted_by_risk
from ..requests import OpenWhy, Refresh
from ..views import BenchView, Shown
from ..widgets.alert_lines import ROWS_MAX, AlertLines
from ..widgets.approval_list import ApprovalList
from ..widgets.deed_lines import DeedLines
from ..widgets.lines import TabLine
from ..widgets.running_lines import RunningLines
from ..widgets.why_pane import WhyPane
from .deciding import DecidingScreen

ALERT_ROWS_FROM = 30  # Screen rows; below, the worst alert has one row and the others are counted.
EMPTY_WORDS = {
    "connecting": "Connecting to the daemon ...",
    "lost": "",
    "absent": "",
    "live": "Nothing waits for you. Work goes on by itself; what needs a yes appears here.",
}


class BenchScreen(DecidingScreen):
    """The first screen. New items are counted and wait at the end of the list; nothing moves by itself."""

    PLACE = "Bench"
    AUTO_FOCUS = "ApprovalList"
    BINDINGS = [
        Binding("w", "why", "why", id="why", tooltip="Everything about this item, with its evidence"),
        Binding("x", "tick", "mark", id="mark", tooltip="Mark this row; verbs act on all marked"),
        Binding("slash", "filter", "filter", id="filter", key_display="/", tooltip="Narrow the list as you type"),
        Binding(
            "ctrl+r", "sort", "Sort by risk", show=False, id="sort", tooltip="Take in new items, highest risk first"
        ),
        Binding("tab", "tab(1)", "Next tab", show=False, id="tab.next"),
        Binding("shift+tab", "tab(-1)", "Previous tab", show=False, id="tab.previous"),
        Binding("escape", "back", "Clear filter and marks", show=False, id="back"),
    ]

    tab: reactive[Tab] = reactive("all", init=False)
    query_text: reactive[str] = reactive("", init=False)

    arrangement = Arrangement()

    def compose_work(self) -> ComposeResult:
        marks = self.context.marks
        tabs, items, pane = TabLine(), ApprovalList(id="list"), WhyPane(id="why")
        running, beside, alerts = RunningLines(id="running"), RunningLines(id="running-beside"), AlertLines()
        for widget in (tabs, items, pane, running, beside, alerts):
            widget.marks = marks
        yield tabs
        with Container(id="desk"):
            with Vertical(id="left"):
                yield items
                yield beside
            yield pane
        yield alerts
        yield running
        yield DeedLines()
        yield Input(id="filter", compact=True, placeholder="words, risk:high, agent:sales, to:name; esc clears")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False

    # --- data in

    def show(self, view: BenchView) -> None:
        self.arrangement = self.arrangement.with_items(view.approvals)
        present = frozenset(Shown(one.id, one.shown_hash) for one in view.approvals)
        self.list.ticked &= present
        self.list.asleep = view.link != "live"
        self.list.empty = EMPTY_WORDS[view.link]
        for running in self.query(RunningLines):
            running.runs = view.runs
        alerts = self.query_one(AlertLines)
        alerts.rows_max = ROWS_MAX if self.size.height >= ALERT_ROWS_FROM else 1
        alerts.alerts = view.alerts
        self.query_one(DeedLines).view = view
        self._arrange()

    def watch_now_us(self, now_us: int) -> None:
        super().watch_now_us(now_us)
        if self.composed:
            self.list.now_us = now_us
            self.query_one(DeedLines).now_us = now_us
            for running in self.query(RunningLines):
                running.now_us = now_us

    def watch_tab(self) -> None:
        self._arrange()

    def watch_query_text(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """Draw the rows that the tab and the filter leave, in their order."""
        views = self.view.approvals
        found = rows(self.arrangement, views, self.tab, self.query_text)
        self.list.new = self.arrangement.new
        self.list.rows = found
        tabs = self.query_one(TabLine)
        tabs.chosen = self.tab
        tabs.counts = tuple(len(rows(self.arrangement, views, tab)) for tab in TABS)
        tabs.note = self._note(len(found))
        self._follow_cursor()

    def _note(self, found: int) -> str:
        """Return the words at the right of the tabs: what is new, marked, filtered."""
        new = [view for view in self.view.approvals if view.id in self.arrangement.new]
        high = sum(view.risk == "high" for view in new)
        words = []
        if new:
            words.append(f"{len(new)} new{f', {high} HIGH' if high else ''}: ^r sorts")
        if self.list.ticked:
            words.append(f"{len(self.list.ticked)} marked")
        if self.query_text:
            words.append(f"{found} of {len(self.view.approvals)} for /{self.query_text}")
        return "   ".join(words) or "tab: next tab"

    @property
    def list(self) -> ApprovalList:
        return self.query_one(ApprovalList)

    def _follow_cursor(self) -> None:
        self.query_one(WhyPane).view = self.list.current

    # --- the operator

    def shown(self) -> Shown | None:
        return None if self.too_small else self.list.drawn

    def chosen(self) -> tuple[Shown, ...]:
        if self.list.ticked:
            return tuple(sorted(self.list.ticked, key=lambda one: one.id))
        return super().chosen()

    def sent(self, ids: frozenset[str]) -> None:
        self.list.ticked = frozenset(one for one in self.list.ticked if one.id not in ids)
        self.list.leave(ids)
        self._follow_cursor()

    def on_row_list_moved(self) -> None:
        self.context.guard.moved()
        self._follow_cursor()

    def on_approval_list_painted(self, event: ApprovalList.Painted) -> None:
        self.context.guard.drawn(event.shown, self.context.clock.mono_ms())

    def on_row_list_opened(self) -> None:
        self.action_why()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        self.tab = event.tab

    def action_why(self) -> None:
        if self.list.current is not None:
            self.post_message(OpenWhy(self.list.current))

    def action_tick(self) -> None:
        shown = self.shown()
        if shown is not None:
            self.list.ticked ^= {shown}
            self.list.action_move(1)
            self._arrange()

    def action_tab(self, step: int) -> None:
        self.tab = TABS[(TABS.index(self.tab) + step) % len(TABS)]

    def action_sort(self) -> None:
        self.arrangement = sorted_by_risk(self.view.approvals)
        self._arrange()
        self.post_message(Refresh())

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_text = event.value

    def on_input_submitted(self) -> None:
        self.list.focus()
        self.query_one("#filter").display = bool(self.query_text)

    def action_back(self) -> None:
        """Leave the filter, then the marks; the Bench itself is where everything goes back to."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.list.focus()
        elif self.list.ticked:
            self.list.ticked = frozenset()
            self._arrange()
        else:
            self.say("ctrl+q leaves; the daemon goes on working.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Single letters never act while a field has the focus."""
        typing = isinstance(self.focused, Input)
        return not typing or action in ("back", "tab") or action.startswith("app.")
