"""The log of this window: what it asked the daemon, as commands to type, and every message it showed."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..text import visible
from ..views import LogLine
from .sheet import Sheet


class LogScreen(Sheet[None]):
    """Shows the lines it was given, newest first."""

    TITLE_TEXT = "What was asked and said"
    KEYS = "arrows scroll   esc back"
    BINDINGS = [Binding("at,q", "close", "back", show=False)]

    def __init__(self, lines: tuple[LogLine, ...]) -> None:
        super().__init__()
        self._entries = lines

    def compose_sheet(self) -> ComposeResult:
        entries = sorted(self._entries, key=lambda one: one.at_us, reverse=True)
        shown = [_line(one) for one in entries] or [Content("nothing yet")]
        with VerticalScroll(classes="sheet-scroll"):
            yield Static(Content("\n").join(shown))


def _line(one: LogLine) -> Content:
    at = datetime.fromtimestamp(one.at_us / 1_000_000).astimezone().strftime("%H:%M:%S")
    outcome = (f"   {visible(one.outcome)}", "$text-error" if one.failed else "$foreground-muted")
    return Content.assemble((f"{at}  ", "$foreground-muted"), visible(one.text), outcome)
