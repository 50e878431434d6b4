"""A HIGH risk costs a typed word: the amount, or where it goes."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
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
    KEYS = "enter approve   up down scroll   esc back, nothing happens"
    BINDINGS = [
        Binding("up", "scroll(-1)", "scroll up", show=False, priority=True),
        Binding("down", "scroll(1)", "scroll down", show=False, priority=True),
        Binding("pageup", "scroll(-8)", "scroll up", show=False, priority=True),
        Binding("pagedown", "scroll(8)", "scroll down", show=False, priority=True),
    ]

    def __init__(self, item: ApprovalView) -> None:
        super().__init__(item.summary)
        self._item = item

    def compose_sheet(self) -> ComposeResult:
        with VerticalScroll(classes="sheet-scroll", can_focus=False):
            yield Static(Content("\n").join(why_text.to_confirm(self._item, TEXT_CELLS)))
        with Horizontal(classes="sheet-ask"):
            yield Static(
                Content.assemble("To approve, type  ", (visible(self._item.confirm_word), "bold reverse"), "  ")
            )
            yield Input(id="word", compact=True)

    def action_scroll(self, rows: int) -> None:
        self.query_one(".sheet-scroll").scroll_relative(y=rows, animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip().casefold() == visible(self._item.confirm_word).strip().casefold():
            self.dismiss(True)
        else:
            self.say("That is not the word; nothing was approved.")
