"""KILL costs a typed word: it ends processes in the middle of what they do."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from .sheet import Sheet

WORD = "KILL"


class KillScreen(Sheet[bool]):
    """Dismisses with True when the word was typed."""

    TITLE_TEXT = "KILL the working processes"
    KEYS = "enter kill   esc back, nothing happens"

    def compose_sheet(self) -> ComposeResult:
        yield Static(Content("Nothing leaves already. This also ends what reads, thinks and writes drafts."))
        yield Static(Content("No work is lost: steps that were under way begin again."))
        with Horizontal(classes="sheet-ask"):
            yield Static(Content.assemble("To do it, type  ", (WORD, "bold reverse"), "  "))
            yield Input(id="word", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip() == WORD:
            self.dismiss(True)
        else:
            self.say("That is not the word; nothing was ended.")
