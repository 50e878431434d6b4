"""A note, open for correction; what would change stands below while you type. Its versions stay readable."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static, TextArea

from ..text import without_hidden
from .edit import DIFF_STYLES, diff_lines
from .sheet import Sheet


class CorrectScreen(Sheet[str]):
    """Dismisses with the new text."""

    TITLE_TEXT = "Correct: "
    KEYS = "ctrl+s save what the change shows   esc back, nothing happens"
    BINDINGS = [Binding("ctrl+s", "save", "save", priority=True, id="correct.save", tooltip="Save this text")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._before = text
        self._start, self._hidden = without_hidden(text)

    def compose_sheet(self) -> ComposeResult:
        with Horizontal(id="edit-panes"):
            yield TextArea(self._start, id="body", compact=True, soft_wrap=True, tab_behavior="focus")
            with VerticalScroll(id="diff-scroll", can_focus=False):
                yield Static(id="diff")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()
        self._redraw()
        if self._hidden:
            self.say(f"{self._hidden} hidden character(s) are taken out when you save; the change shows them.")

    def on_text_area_changed(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        found = diff_lines(self._before, self.query_one(TextArea).text)
        lines = [Content.styled(line, DIFF_STYLES.get(line[:1], "")) for line in found]
        self.query_one("#diff", Static).update(Content("\n").join(lines or [Content("no change yet")]))

    def action_save(self) -> None:
        text = self.query_one(TextArea).text
        if not text.strip():
            self.say("An empty note says nothing; x forgets it.")
        elif text == self._before:
            self.say("Nothing was changed; esc leaves.")
        else:
            self.dismiss(text)
