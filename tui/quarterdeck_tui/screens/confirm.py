"""A HIGH risk costs a typed word: the amount, or where it goes."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from .. import why_text
from ..text import visible
from ..views import ApprovalView
from .sheet import Sheet

TEXT_CELLS = 74


class ConfirmScreen(Sheet[bool]):
    """Dismisses with True when the word was typed."""

    TITLE_TEXT = "HIGH risk: "
    KEYS = "enter approve   esc back, nothing happens"

    def __init__(self, item: ApprovalView) -> None:
        super().__init__(item.summary)
        self._item = item

    def compose_sheet(self) -> ComposeResult:
        with VerticalScroll(classes="sheet-scroll", can_focus=False):
            yield Static(Content("\n").join(why_text.full(self._item, TEXT_CELLS, spaced=False)))
        yield Static(Content.assemble("To approve, type  ", (visible(self._item.confirm_word), "bold reverse")))
        yield Input(id="word", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip().casefold() == visible(self._item.confirm_word).strip().casefold():
            self.dismiss(True)
        else:
            self.say("That is not the word; nothing was approved.")
