"""One run: its plan as a graph, a row a step; answer, pause, skip, try again, edit, hand over, cancel."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from .. import flow_text
from ..context import Context
from ..flows import FlowView, StepView, flow
from ..labelled import labelled
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import Column
from ..widgets.table_list import TableList, TableRow
from .edit_values import EditValuesScreen
from .prompt import PromptScreen, something
from .steering import SteeringScreen

NARROW = (
    Column("#", 3, right=True), Column("STEP", 20), Column("WHO", 0), Column("STATE", 14), Column("TOOK", 5, right=True),
)  # fmt: skip


class RunScreen(SteeringScreen):
    """The cursor is on a step; verbs of the run and of that step."""

    PLACE = "Run"
    AUTO_FOCUS = "TableList"
    NOTHING = "This run has no steps."
    BINDINGS = [
        Binding("s", "skip", "skip", id="step.skip", tooltip="Go on without this step"),
        Binding("R", "retry", "retry", id="step.retry", tooltip="Try this failed step again"),
        Binding("e", "edit", "edit", id="step.edit", tooltip="Give this step other input"),
        Binding("m", "reassign", "hand over", id="step.reassign", tooltip="Have another agent do this step"),
        Binding("escape,q", "back", "back", id="back", key_display="esc"),
    ]

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(context)
        self.id_of_run = id
        self.run: FlowView | None = None

    def compose_work(self) -> ComposeResult:
        with Container(classes="desk"):
            yield TableList(id="steps")
            yield DetailPane(id="detail")

    async def read(self) -> None:
        self.run = flow(await self.ask("run.get", {"id": self.id_of_run}))

    def current_run(self) -> FlowView | None:
        return self.run

    def current_step(self) -> StepView | None:
        row = self.query_one(TableList).current
        return self.run.step(row.id) if self.run is not None and row is not None else None

    # --- drawing

    def draw(self) -> None:
        run, steps = self.run, self.query_one(TableList)
        if run is None:
            return
        graph = flow_text.graph_of(run, self.now_us, self.context.marks)
        steps.table = (Column("", len(next(iter(graph.values()), ""))), *NARROW)
        critical = frozenset(flow_text.critical_ids(run, self.now_us))
        steps.rows = tuple(
            self._row(number, run, step, graph[step.id], step.id in critical)
            for number, step in enumerate(flow_text.steps_in_order(run, self.now_us), start=1)
        )
        steps.refresh()
        self._draw_step(run)

    def _row(self, number: int, run: FlowView, step: StepView, rails: str, critical: bool) -> TableRow:
        state = flow_text.state_of(run, step, self.now_us)
        style = "list--high" if step.status == "failed" else "list--ticked" if critical else "list--row"
        name = f"{step.id}{' *' if critical else ''}"
        cells = (rails, str(number), name, step.agent or step.does, state, flow_text.took(step, self.now_us))
        return TableRow(step.id, cells, style)

    def _draw_step(self, run: FlowView) -> None:
        pane, step = self.query_one(DetailPane), self.current_step()
        width = pane.cells
        head = labelled("critical", flow_text.path_words(run, self.now_us), width)
        if step is not None:
            lines = flow_text.step_lines(run, step, width, self.now_us)
            right = flow_text.state_of(run, step, self.now_us)
            pane.tell(step.id, f"{run.id} {run.playbook} / {step.id}", right, [*head, *lines])

    # --- the operator

    def on_row_list_opened(self) -> None:
        """Enter: the run that is this step's work; else what is asked here."""
        step = self.current_step()
        if step is not None and step.run:
            self.open_run(step.run)
        else:
            self.action_answer()

    def asked(self) -> tuple[str, ...]:
        step = self.current_step()
        here = self.run.asks_at(step) if self.run is not None and step is not None else ()
        return here or super().asked()

    def action_retry(self) -> None:
        if (step := self.current_step()) is not None:
            line = f"quarterdeck runs retry {self.id_of_run} {step.id}"
            self.change(line, "run.retry_step", {"id": self.id_of_run, "step": step.id}, f"{step.id} is tried again.")

    def action_skip(self) -> None:
        if (step := self.current_step()) is None:
            return

        def skipped(reason: str | None) -> None:
            if reason is not None:
                line = f"quarterdeck runs skip {self.id_of_run} {step.id}"
                params = {"id": self.id_of_run, "step": step.id, "reason": reason}
                self.change(line, "run.skip_step", params, f"{step.id} is skipped; the run goes on without it.")

        about = labelled("", "The run goes on without it, and it stays skipped. Why? It may be left out.", 74)
        self.app.push_screen(PromptScreen(f"Skip {step.id} of {self.id_of_run}", about, does="skip it"), skipped)

    def action_edit(self) -> None:
        if (step := self.current_step()) is None:
            return
        again = (
            "It has been done; with other input it is done again, as far as nothing of it has left."
            if step.ended
            else ""
        )
        about = again or "Fields that its next try gets in place of the playbook's."

        def edited(fields: dict[str, object] | None) -> None:
            if fields:
                names = " ".join(f"{name}=..." for name in fields)
                line = f"quarterdeck runs edit {self.id_of_run} {step.id} {names}"
                params = {"id": self.id_of_run, "step": step.id, "input": fields, "rerun_after": step.ended}
                self.change(line, "run.edit_step", params, f"{step.id} gets the new input.")

        self.app.push_screen(EditValuesScreen(f"Input of {step.id}", step.input, about), edited)

    def action_reassign(self) -> None:
        if (step := self.current_step()) is None:
            return

        def named(agent: str | None) -> None:
            if agent:
                line = f"quarterdeck runs reassign {self.id_of_run} {step.id} {agent}"
                params = {"id": self.id_of_run, "step": step.id, "agent": agent}
                self.change(line, "run.reassign", params, f"{agent} does {step.id} now.")

        about = labelled("now", step.agent or "nobody", 74)
        title = f"Who does {step.id} instead?"
        prompt = PromptScreen(title, about, placeholder="name of an agent", check=something, does="hand it over")
        self.app.push_screen(prompt, named)
