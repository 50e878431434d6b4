"""The frame of every full screen: banner, top bar, work, message line, keys; and the line for windows too small."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Static

from ..context import Context
from ..requests import Said
from ..text import visible
from ..views import BenchView
from ..widgets.key_line import KeyLine
from ..widgets.lines import Banner, MessageLine, TopBar

COLUMNS_MIN, ROWS_MIN = 60, 16
SAID_S = 4.0


class FrameScreen(Screen[None]):
    """Assign `view` and `now_us`. Subclasses fill `compose_work` and redraw in `show`."""

    PLACE = ""
    BINDINGS = [
        Binding("question_mark", "app.keys", "all", id="help", key_display="?", tooltip="Every key that works here"),
        Binding("f1", "app.keys", "all", show=False, tooltip="Every key that works here"),
        Binding("i", "app.ask", "ask", show=False, id="ask", tooltip="Ask a question, or say what is to be done"),
        Binding(
            "colon", "app.command", "command", show=False, id="command", key_display=":", tooltip="Type a command"
        ),
        Binding("at", "app.log", "log", show=False, id="log", key_display="@", tooltip="What was asked, as commands"),
    ]

    view: reactive[BenchView] = reactive(BenchView())
    now_us: reactive[int] = reactive(0)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self._clear_at = 0.0
        self.composed = False  # From the mount event on; `is_mounted` is true only after it.

    def compose(self) -> ComposeResult:
        yield Banner()
        yield TopBar()
        yield Static(id="too-small")
        with Vertical(id="work"):
            yield from self.compose_work()
        yield MessageLine()
        yield KeyLine()

    def compose_work(self) -> ComposeResult:
        yield from ()

    def show(self, view: BenchView) -> None:
        """Hand the new view to the widgets."""

    def given(self, words: str) -> None:
        """Words were typed after the name of this place."""
        self.say(f"{self.PLACE} takes no words.", alarm=True)

    def on_mount(self) -> None:
        self.composed = True
        self.query_one(TopBar).place = self.PLACE
        self.query_one(Banner).display = False
        self.watch_view(self.view)
        self.watch_now_us(self.now_us)

    def on_resize(self, event: events.Resize) -> None:
        size = event.size
        state = "STOPPED" if self.view.stop.engaged else "RUN"
        text = f"too small ({size.width}x{size.height}), need {COLUMNS_MIN}x{ROWS_MIN}  {state} ^g"
        self.query_one("#too-small", Static).update(Content(text))

    @property
    def too_small(self) -> bool:
        return self.size.width < COLUMNS_MIN or self.size.height < ROWS_MIN

    def watch_view(self, view: BenchView) -> None:
        if not self.composed:
            return
        self.query_one(TopBar).view = view
        self.query_one(Banner).said = banner(view)
        self.show(view)

    def say(self, text: str, *, alarm: bool = False) -> None:
        """Show a line here; the app keeps it for `@`."""
        self.post_message(Said(text, alarm))
        line = self.query_one(MessageLine)
        line.said, line.alarm = visible(text), alarm
        self._clear_at = 0.0 if alarm else self.context.clock.mono_ms() + SAID_S * 1000

    def watch_now_us(self, now_us: int) -> None:
        if self._clear_at and self.context.clock.mono_ms() > self._clear_at:
            self._clear_at = 0.0
            self.query_one(MessageLine).said = ""

    def action_back(self) -> None:
        self.dismiss()


def banner(view: BenchView) -> str:
    """Return what the banner says; nothing while all is well."""
    if view.link == "lost":
        return f"Connection lost, what you see is old; trying again. {view.note}"
    if view.link == "absent":
        return view.note
    if view.unreadable:
        return f"{view.unreadable} item(s) could not be read here: see `quarterdeck approvals`"
    return ""
