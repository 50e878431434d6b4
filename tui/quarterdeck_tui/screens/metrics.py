"""Metrics: what work costs, by whom and for what; how often you were asked, and how it turned out."""

from __future__ import annotations

from datetime import datetime, timedelta

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from .. import figures
from ..context import Context
from ..figures import CostView, Day, WeekView
from ..replies import Plain, iso
from ..team import CostLine
from ..views import BenchView
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import Column
from ..widgets.table_list import TableList
from ..widgets.tabs import Tabs
from .reading import ReadingScreen

TABS = ("agent", "model", "purpose", "connector", "outcome")
RANGES = (1, 7, 30)  # Days.
BARS = 7  # Days drawn, however long the range is.
TABLE = (
    Column("", 14), Column("CALLS", 6, right=True), Column("TOKENS", 9, right=True), Column("WORK", 7, right=True),
    Column("EACH", 6, right=True), Column("COST", 7, right=True), Column("SHARE OF WORK", 0),
)  # fmt: skip


class MetricsScreen(ReadingScreen):
    """Reads when it is opened and when asked to, not at each event: it adds up whole days."""

    PLACE = "Metrics"
    AUTO_FOCUS = "TableList"
    NOTHING = "Nothing was used in this time."
    BINDINGS = [
        Binding("r", "range", "range", id="metrics.range", tooltip="Today, 7 days, 30 days"),
        Binding("tab", "tab(1)", "by next", id="tab.next", tooltip="By agent, model, purpose, connector, outcome"),
        Binding("shift+tab", "tab(-1)", "by previous", show=False, id="tab.previous"),
        Binding("ctrl+r", "want", "read again", id="refresh", tooltip="Add up anew"),
        Binding("escape,q", "back", "back", show=False, id="back"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._by = TABS[0]
        self._days = RANGES[1]
        self._lines: tuple[CostLine, ...] = ()
        self._sum = CostView()
        self._bars: tuple[Day, ...] = ()
        self._week: WeekView | None = None

    def compose_work(self) -> ComposeResult:
        yield Tabs()
        with Container(classes="desk"):
            lines = TableList(id="lines")
            lines.table = TABLE
            yield lines
            yield DetailPane(id="detail")

    def show(self, view: BenchView) -> None:
        if self.was_read:
            self._seen_seq = view.status.seq
        super().show(view)

    async def read(self) -> None:
        now = self.context.clock.local()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since = _iso(midnight - timedelta(days=self._days - 1))
        self._sum, self._lines = figures.cost(await self.ask("cost.report", {"since": since, "by": self._by}))
        self._week = figures.week(await self.ask("digest.get", {"span": "week"}))
        bars = []
        for back in range(BARS - 1, -1, -1):
            day = midnight - timedelta(days=back)
            until: Plain = {"until": _iso(day + timedelta(days=1))} if back else {}
            found, _ = figures.cost(await self.ask("cost.report", {"since": _iso(day), **until}))
            bars.append(Day(figures.day_name(day), found))
        self._bars = tuple(bars)

    # --- drawing

    def draw(self) -> None:
        tabs, pane, marks = self.query_one(Tabs), self.query_one(DetailPane), self.context.marks
        tabs.names, tabs.chosen = TABS, self._by
        range_words = "today" if self._days == 1 else f"{self._days} days"
        tabs.note = f"{range_words}: {self._sum.calls} calls, {self._sum.money}"
        most = max((line.seconds for line in self._lines), default=0.0)
        self.query_one(TableList).rows = tuple(figures.cost_row(line, most, marks) for line in self._lines)
        lines = figures.plots(self._bars, self._sum, self._week, pane.cells, marks)
        pane.tell("figures", "Figures", "J K scroll", lines)

    # --- the operator

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self._by = event.name
        self.want()

    def action_tab(self, step: int) -> None:
        self._by = TABS[(TABS.index(self._by) + step) % len(TABS)]
        self.want()

    def action_range(self) -> None:
        self._days = RANGES[(RANGES.index(self._days) + 1) % len(RANGES)]
        self.want()


def _iso(at: datetime) -> str:
    return iso(int(at.timestamp() * 1_000_000))
