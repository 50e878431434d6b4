"""No, and why: a digit for the usual reasons, or words. The reason becomes a lesson for the agent."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from .sheet import Sheet

REASONS = ("wrong fact", "wrong tone", "not now", "not our policy", "I do it myself", "should not have asked")


def reason_of(words: str) -> str:
    """Return the reason that `words` stand for: one of the digits, or themselves."""
    text = words.strip()
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(REASONS):
        return REASONS[int(text) - 1]
    return text


class RejectScreen(Sheet[str]):
    """Dismisses with the reason."""

    TITLE_TEXT = "Reject: "
    KEYS = "enter reject   esc back"

    def compose_sheet(self) -> ComposeResult:
        yield Static(Content("Why? (1-6, or write)"))
        first, second = REASONS[:3], REASONS[3:]
        for start, row in ((1, first), (4, second)):
            cells = (f"{number} {reason}".ljust(22) for number, reason in enumerate(row, start=start))
            yield Static(Content("  " + "".join(cells)))
        yield Input(id="reason", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if reason := reason_of(event.value):
            self.dismiss(reason)
        else:
            self.say("A reason is needed: the agent learns from it.")
