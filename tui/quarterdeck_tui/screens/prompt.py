"""One line to type, with what it is for above it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from .sheet import Sheet


def anything(words: str) -> str:
    return ""


def something(words: str) -> str:
    return "" if words else "Type something, or press esc."


class PromptScreen(Sheet[str]):
    """Dismisses with the words, when `check` has nothing against them. Escape: nothing happens.

    go_on: what is typed goes on from `start`; else it takes its place.
    """

    def __init__(
        self,
        title: str,
        about: Sequence[Content] = (),
        *,
        start: str = "",
        go_on: bool = False,
        placeholder: str = "",
        check: Callable[[str], str] = anything,
        does: str = "do it",
    ) -> None:
        super().__init__(title)
        self.KEYS = f"enter {does}   esc back, nothing happens"
        self._about, self._start, self._placeholder, self._check = about, start, placeholder, check
        self._go_on = go_on

    def compose_sheet(self) -> ComposeResult:
        if self._about:
            with VerticalScroll(classes="sheet-scroll", can_focus=False):
                yield Static(Content("\n").join(self._about), classes="sheet-line")
        yield Input(
            self._start, id="words", compact=True, placeholder=self._placeholder, select_on_focus=not self._go_on
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        words = event.value.strip()
        if refusal := self._check(words):
            self.say(refusal)
        else:
            self.dismiss(words)
