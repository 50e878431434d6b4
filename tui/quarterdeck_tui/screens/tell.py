"""An answer in full, to be read and scrolled."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from .sheet import Sheet

TELL_CELLS = 74


class TellScreen(Sheet[None]):
    """Shows the lines it was given."""

    KEYS = "arrows scroll   esc back"
    BINDINGS = [Binding("q", "close", "back", show=False)]

    def __init__(self, title: str, lines: Sequence[Content]) -> None:
        super().__init__(title)
        self._told = lines

    def compose_sheet(self) -> ComposeResult:
        with VerticalScroll(classes="sheet-scroll"):
            yield Static(Content("\n").join(self._told))
