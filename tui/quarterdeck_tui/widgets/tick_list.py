"""Lines that can be ticked, one by one or all."""

from __future__ import annotations

from textual.binding import Binding
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ..marks import Marks
from ..text import fit, visible


class TickList(Widget, can_focus=True):
    """`rows`: id and words. Read `ticked`."""

    BINDINGS = [
        Binding("j,down", "move(1)", "Next row", show=False),
        Binding("k,up", "move(-1)", "Previous row", show=False),
        Binding("x,space", "tick", "tick", id="choose.tick", tooltip="Tick this row, or take the tick away"),
        Binding("asterisk", "all", "all or none", key_display="*", id="choose.all", tooltip="Tick all, or none"),
    ]

    ticked: reactive[frozenset[str]] = reactive(frozenset(), repaint=True)
    at: reactive[int] = reactive(0, repaint=True)

    def __init__(self, rows: tuple[tuple[str, str], ...], ticked: frozenset[str], marks: Marks) -> None:
        super().__init__()
        self._rows, self._marks = rows, marks
        self._top = 0
        self.set_reactive(TickList.ticked, ticked)

    def render(self) -> Content:
        room = max(self.size.height, 1)
        self._top = max(self.at - room + 1, min(self._top, self.at))
        shown = list(enumerate(self._rows))[self._top : self._top + room]
        return Content("\n").join([self._line(index, id, words) for index, (id, words) in shown])

    def _line(self, index: int, id: str, words: str) -> Content:
        here = index == self.at
        sign = f"{self._marks.cursor if here else ' '} [{self._marks.ticked if id in self.ticked else ' '}] "
        return Content.styled(fit(f"{sign}{visible(words)}", self.size.width), "bold" if here else "")

    def action_move(self, rows: int) -> None:
        self.at = max(min(self.at + rows, len(self._rows) - 1), 0)

    def action_tick(self) -> None:
        self.ticked ^= {self._rows[self.at][0]}
        self.action_move(1)

    def action_all(self) -> None:
        every = frozenset(id for id, _ in self._rows)
        self.ticked = frozenset() if self.ticked == every else every
