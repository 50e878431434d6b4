"""A sheet over the screen: title, content, one line of keys. Escape closes it and nothing has happened."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ..text import visible

T = TypeVar("T")


class Sheet(ModalScreen[T]):
    """Subclasses yield their content from `compose_sheet`."""

    TITLE_TEXT = ""
    KEYS = "esc back"
    BINDINGS = [Binding("escape", "close", "back", id="sheet.close", tooltip="Close; nothing happens")]

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self._heading = title

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet"):
            yield Static(Content(f"{self.TITLE_TEXT}{visible(self._heading)}"), classes="sheet-title")
            yield from self.compose_sheet()
            said = Static(id="sheet-said")
            said.display = False
            yield said
            yield Static(Content(self.KEYS), classes="sheet-keys")

    def compose_sheet(self) -> ComposeResult:
        yield from ()

    def say(self, text: str) -> None:
        line = self.query_one("#sheet-said", Static)
        line.display = True
        line.update(Content.styled(visible(text), "$text-error bold"))

    def action_close(self) -> None:
        self.dismiss(None)
