"""Forgetting for good: what would go is shown first, and a typed word carries out exactly that."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from ..labelled import labelled
from ..memories import ForgetPlan
from ..memory_text import plan_lines
from .sheet import Sheet

TEXT_CELLS = 74
WORD = "forget"
WARNING = "It is erased from memory, log, index and this machine's backups. Nothing brings it back; z does not."


class ForgetScreen(Sheet[str]):
    """Dismisses with the hash of the plan that was shown."""

    TITLE_TEXT = "Forget for good: "
    KEYS = "enter forget   esc back, nothing happens"

    def __init__(self, title: str, plan: ForgetPlan) -> None:
        super().__init__(title)
        self._plan = plan

    def compose_sheet(self) -> ComposeResult:
        lines = plan_lines(self._plan, TEXT_CELLS) + labelled("!", WARNING, TEXT_CELLS, "$text-error bold")
        with VerticalScroll(classes="sheet-scroll", can_focus=False):
            yield Static(Content("\n").join(lines))
        with Horizontal(classes="sheet-ask"):
            yield Static(Content.assemble("To forget, type  ", (WORD, "bold reverse"), "  "))
            yield Input(id="word", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip().casefold() == WORD:
            self.dismiss(self._plan.plan)
        else:
            self.say("That is not the word; nothing was forgotten.")
