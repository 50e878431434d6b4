"""Flows: the runs, and the plan of the one under the cursor."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from .. import flow_text
from ..context import Context
from ..flows import FlowView, flow, flows
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import Column
from ..widgets.table_list import TableList
from ..widgets.tabs import Tabs
from .steering import SteeringScreen

RUNS_MAX = 200
TABLE = (
    Column("RUN", 7), Column("PLAYBOOK", 24), Column("STATE", 10), Column("STEPS", 5, right=True),
    Column("AGE", 4, right=True), Column("WHY", 0),
)  # fmt: skip
TABS = ("live", "all")


class FlowsScreen(SteeringScreen):
    """Live runs, or all of them, the newest first."""

    PLACE = "Flows"
    AUTO_FOCUS = "TableList"
    NOTHING = "No run is under way. tab shows those that have ended."
    BINDINGS = [
        Binding("tab,shift+tab", "tab", "live/all", id="tab.next", tooltip="Runs under way, or all of them"),
        Binding("escape,q", "back", "back", show=False, id="back"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tab = TABS[0]
        self._runs: tuple[FlowView, ...] = ()
        self._more = False
        self._unreadable = 0
        self._opened: FlowView | None = None

    def compose_work(self) -> ComposeResult:
        yield Tabs()
        with Container(classes="desk"):
            runs = TableList(id="runs")
            runs.table = TABLE
            yield runs
            yield DetailPane(id="detail")

    async def read(self) -> None:
        page = await self.ask("run.list", {"limit": RUNS_MAX, "live": self._tab == "live"})
        self._runs, self._unreadable = flows(page)
        self._more = bool(page.get("next"))
        self._fill()
        if (row := self.query_one(TableList).current) is not None:
            self._opened = flow(await self.ask("run.get", {"id": row.id}))

    def current_run(self) -> FlowView | None:
        row = self.query_one(TableList).current
        return next((run for run in self._runs if row is not None and run.id == row.id), None)

    def draw(self) -> None:
        self._fill()
        run, pane = self.current_run(), self.query_one(DetailPane)
        if run is None:
            pane.tell("", "No run", "", [])
            return
        known = self._opened is not None and self._opened.id == run.id
        shown = self._opened if known and self._opened is not None else run
        lines = flow_text.run_lines(shown, pane.cells, self.now_us, self.context.marks)
        pane.tell(run.id, f"{run.id} {run.playbook}", flow_text.run_state(run), lines)

    def _fill(self) -> None:
        self.query_one(TableList).rows = tuple(flow_text.run_row(run, self.now_us) for run in self._runs)
        tabs = self.query_one(Tabs)
        tabs.names, tabs.chosen = TABS, self._tab
        asks = sum(bool(run.asks) and not run.ended for run in self._runs)
        over = f"the newest {RUNS_MAX}   " if self._more else ""
        over += f"{self._unreadable} could not be read   " if self._unreadable else ""
        tabs.note = f"{over}{len(self._runs)} runs{f', {asks} ask you' if asks else ''}"

    def moved(self) -> None:
        self.draw()
        self.want()

    def on_row_list_opened(self) -> None:
        if (run := self.current_run()) is not None:
            self.open_run(run.id)

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self._tab = event.name
        self.want()

    def action_tab(self) -> None:
        self._tab = TABS[1 - TABS.index(self._tab)]
        self.draw()
        self.want()
