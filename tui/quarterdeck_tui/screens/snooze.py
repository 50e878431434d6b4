"""Later: one key for the usual times, or words."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, Static

from .sheet import Sheet


class SnoozeScreen(Sheet[str]):
    """Dismisses with `1h`, `tomorrow`, `monday` or the operator's words."""

    TITLE_TEXT = "Snooze: "
    KEYS = "esc back"
    AUTO_FOCUS = ""
    BINDINGS = [
        Binding("1,h", "until('1h')", "in one hour", id="snooze.hour"),
        Binding("t", "until('tomorrow')", "tomorrow 08:00", id="snooze.tomorrow"),
        Binding("m", "until('monday')", "Monday 08:00", id="snooze.monday"),
        Binding("w", "write", "another time", id="snooze.write"),
    ]

    def compose_sheet(self) -> ComposeResult:
        yield Static(Content("  1 in one hour     t tomorrow 08:00     m Monday 08:00     w write a time"))
        yield Input(id="until", compact=True, placeholder="30m, 3d, friday, 2026-12-01 09:00")

    def on_mount(self) -> None:
        self.query_one("#until").display = False

    def action_until(self, words: str) -> None:
        self.dismiss(words)

    def action_write(self) -> None:
        field = self.query_one("#until", Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())
        else:
            self.say("Write a time, or press esc.")
