"""A habit becomes a rule: its text and what it would have let go in the past are read first."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..rule_draft import RuleDraft, rows
from ..text import visible
from .sheet import Sheet


class RuleScreen(Sheet[bool]):
    """Dismisses with True when the rule is to be written, exactly as it stands here."""

    TITLE_TEXT = "A rule from this: "
    KEYS = "enter write it, and approve   up down scroll   esc back, nothing happens"
    BINDINGS = [
        Binding("enter", "write", "write it", id="rule.write", tooltip="Write the rule, and approve the item"),
        Binding("up,k", "scroll(-1)", "scroll up", show=False),
        Binding("down,j", "scroll(1)", "scroll down", show=False),
        Binding("pageup", "scroll(-8)", "scroll up", show=False),
        Binding("pagedown", "scroll(8)", "scroll down", show=False),
    ]

    def __init__(self, draft: RuleDraft, summary: str) -> None:
        super().__init__(summary)
        self._draft = draft

    def compose_sheet(self) -> ComposeResult:
        with VerticalScroll(classes="sheet-scroll", can_focus=False):
            yield Static(Content("\n").join(Content(visible(row)) for row in rows(self._draft)))

    def action_scroll(self, rows: int) -> None:
        self.query_one(".sheet-scroll").scroll_relative(y=rows, animate=False)

    def action_write(self) -> None:
        self.dismiss(True)
