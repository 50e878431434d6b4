"""Tabs of one screen in one row, with a note at the right."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ..marks import FINE, Marks
from ..text import cut, visible

HINT = "$foreground-muted"


class Tabs(Widget):
    """Assign `names`, `chosen` and `note`; listen for `Chosen`."""

    names: reactive[tuple[str, ...]] = reactive((), repaint=True)
    chosen: reactive[str] = reactive("", repaint=True)
    note: reactive[str] = reactive("", repaint=True)
    marks: Marks = FINE

    class Chosen(Message):
        """A click on a tab."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def render(self) -> Content:
        pieces: list[tuple[str, str]] = [(" ", "")]
        for name in self.names:
            style = "reverse bold" if name == self.chosen else ""
            pieces += [(f" {name} ", style), (f" {self.marks.bar} ", HINT)]
        used = sum(len(text) for text, _ in pieces[:-1])
        note = cut(visible(self.note), self.size.width - used - 2)
        gap = " " * max(self.size.width - used - len(note) - 1, 0)
        return Content.assemble(*pieces[:-1], gap, (note, HINT))

    def on_click(self, event: events.Click) -> None:
        left = 1
        for name in self.names:
            if left <= event.x < left + len(name) + 2:
                self.post_message(self.Chosen(name))
            left += len(name) + 5
