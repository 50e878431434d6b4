"""No, and why: a digit for the usual reasons, or words. `ctrl+l` says who learns it; at first nobody does."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, Static

from ..text import visible
from ..views import ApprovalView, LessonView, Rejection
from .sheet import Sheet

REASONS = ("wrong fact", "wrong tone", "not now", "not our policy", "I do it myself", "should not have asked")


def reason_of(words: str) -> str:
    """Return the reason that `words` stand for: one of the digits, or themselves."""
    text = words.strip()
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(REASONS):
        return REASONS[int(text) - 1]
    return text


def lessons_for(items: Sequence[ApprovalView]) -> tuple[tuple[str, LessonView | None], ...]:
    """Who may learn from a no to these items, in the order of asking, each in words."""
    agents = ", ".join(dict.fromkeys(item.agent for item in items if item.agent))
    found: list[tuple[str, LessonView | None]] = [("nobody learns it", None)]
    if agents:
        found.append((f"{agents} learns it", LessonView()))
    if agents and len(items) == 1 and len(items[0].targets) == 1:
        (to,) = items[0].targets
        found.append((f"{agents} learns it, about {to} only", LessonView(to=to)))
    return (*found, ("every agent learns it", LessonView(everybody=True)))


class RejectScreen(Sheet[Rejection]):
    """Dismisses with the reason, and who learns from it."""

    TITLE_TEXT = "Reject: "
    KEYS = "enter reject   ^l who learns it   esc back"
    BINDINGS = [
        Binding("ctrl+l", "lesson", "who learns it", id="reject.lesson", tooltip="Who learns from the reason")
    ]

    def __init__(self, title: str, items: Sequence[ApprovalView]) -> None:
        super().__init__(title)
        self._choices = lessons_for(items)
        self._at = 0

    def compose_sheet(self) -> ComposeResult:
        yield Static(Content("Why? (1-6, or write)"))
        first, second = REASONS[:3], REASONS[3:]
        for start, row in ((1, first), (4, second)):
            cells = (f"{number} {reason}".ljust(22) for number, reason in enumerate(row, start=start))
            yield Static(Content("  " + "".join(cells)))
        yield Input(id="reason", compact=True)
        yield Static(self._said(), id="lesson")

    def action_lesson(self) -> None:
        self._at = (self._at + 1) % len(self._choices)
        self.query_one("#lesson", Static).update(self._said())

    def _said(self) -> Content:
        return Content(f"Lesson: {visible(self._choices[self._at][0])}.")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if reason := reason_of(event.value):
            self.dismiss(Rejection(reason, self._choices[self._at][1]))
        else:
            self.say("A rejection says why.")
