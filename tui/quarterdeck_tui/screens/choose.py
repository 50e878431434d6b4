"""Go on run by run: the ticked ones go on, the others stay paused."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from ..context import Context
from ..views import DeedView, RunView
from ..widgets.tick_list import TickList
from .sheet import Sheet


class ChooseScreen(Sheet[tuple[str, ...]]):
    """Dismisses with the ids of the runs that go on. All are ticked at first, but those already paused."""

    TITLE_TEXT = "Which runs go on?"
    KEYS = "x tick   * all or none   enter resume what is ticked   esc stay stopped"
    AUTO_FOCUS = "TickList"
    BINDINGS = [
        Binding("enter", "resume", "resume the ticked", id="choose.resume", tooltip="Open again; the others pause"),
    ]

    def __init__(self, context: Context, runs: tuple[RunView, ...], deeds: tuple[DeedView, ...]) -> None:
        super().__init__()
        held = {deed.id for deed in deeds if deed.held}
        self._rows = tuple((run.id, _line(run, held)) for run in runs)
        self._ticked = frozenset(run.id for run in runs if run.status != "paused")
        self._shared = context

    def compose_sheet(self) -> ComposeResult:
        yield Static(Content("A held effect of a run that stays paused is not sent."), classes="sheet-line")
        yield TickList(self._rows, self._ticked, self._shared.marks)

    def action_resume(self) -> None:
        ticked = self.query_one(TickList).ticked
        self.dismiss(tuple(id for id, _ in self._rows if id in ticked))


def _line(run: RunView, held: set[str]) -> str:
    steps = f"{run.done}/{run.total}" if run.total else ""
    waits = ", ".join(f"{id} {'held' if id in held else 'waits for you'}" for id in run.waits_for)
    state = waits or ("paused already" if run.status == "paused" else "at work")
    return f"{run.id:<6} {run.playbook:<24} {steps:>5}  {state}"
