"""`:` and a word: the places and deeds that have a name."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from ..commands import COMMANDS, understood
from ..text import fit
from .sheet import Sheet

NAME_CELLS = 12


class CommandScreen(Sheet[str]):
    """Dismisses with a line that is understood."""

    TITLE_TEXT = "Go to, or do"
    KEYS = "tab complete   enter do it   esc back"
    BINDINGS = [Binding("tab", "complete", "complete", show=False, priority=True)]

    def compose_sheet(self) -> ComposeResult:
        lines = [Content.assemble((fit(f"  {one.name}", NAME_CELLS + 2), "bold"), one.about) for one in COMMANDS]
        yield Static(Content("\n").join(lines))
        yield Input(
            id="line", compact=True, suggester=SuggestFromList([one.name for one in COMMANDS], case_sensitive=False)
        )

    def action_complete(self) -> None:
        self.query_one(Input).action_cursor_right()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        found = understood(event.value)
        if isinstance(found, str):
            self.say(f"Not known: {found}.")
        else:
            self.dismiss(event.value)
