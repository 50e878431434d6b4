"""How busy the log was over a stretch of time, and where in it one stands. A click goes there."""

from __future__ import annotations

import math

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ..marks import FINE, Marks
from ..past import clock_words, local
from ..text import cut
from ..timeline_reads import Density

HINT = "$foreground-muted"
DAY_US = 86_400_000_000


class ScrubLine(Widget):
    """Assign `density` and `at_us`; None stands for now. Two rows: the bar, and what its ends are."""

    density: reactive[Density | None] = reactive(None, repaint=True)
    at_us: reactive[int | None] = reactive(None, repaint=True)
    marks: Marks = FINE

    class Sought(Message):
        """The operator clicked on a time."""

        def __init__(self, at_us: int) -> None:
            super().__init__()
            self.at_us = at_us

    def render(self) -> Content:
        width = self.size.width - 2
        if self.density is None or width < 1:
            return Content("")
        at = self._column(width)
        bar = "".join(self._signs(width))
        here = (self.marks.bar, "reverse bold")
        line = Content.assemble(" ", (bar[:at], HINT), here, (bar[at + 1 :], HINT))
        return Content("\n").join([line, self._ends(width, at)])

    def _signs(self, width: int) -> list[str]:
        density, levels = self.density, self.marks.levels
        assert density is not None, "asked only when there is one"
        most = math.log1p(max(density.counts, default=0)) or 1.0
        counts = [density.counts[column * len(density.counts) // width] for column in range(width)]
        return [levels[math.ceil(math.log1p(count) / most * (len(levels) - 1))] for count in counts]

    def _column(self, width: int) -> int:
        density = self.density
        assert density is not None, "asked only when there is one"
        if self.at_us is None:
            return width - 1
        share = (self.at_us - density.start_us) / max(density.end_us - density.start_us, 1)
        return min(max(int(share * width), 0), width - 1)

    def _ends(self, width: int, at: int) -> Content:
        """The ends' times, and below the place where one stands its time; the ends give way."""
        density = self.density
        assert density is not None, "asked only when there is one"
        short = density.end_us - density.start_us < 3 * DAY_US
        start, end = (
            f"{local(us):%d %b %H:%M}" if short else f"{local(us):%d %b %Y}"
            for us in (density.start_us, density.end_us)
        )
        here = "now" if self.at_us is None else f"^ {clock_words(self.at_us)}"
        left = min(at, width - len(here))
        line = list(" " * width)
        if left > len(start) + 1:
            line[: len(start)] = start
        if left + len(here) < width - len(end) - 1:
            line[-len(end) :] = end
        line[left : left + len(here)] = here
        return Content.styled(cut(" " + "".join(line), width + 1), HINT)

    def on_click(self, event: events.Click) -> None:
        width = self.size.width - 2
        if self.density is not None and width > 0 and 1 <= event.x <= width:
            share = (event.x - 0.5) / width
            span = self.density.end_us - self.density.start_us
            self.post_message(self.Sought(self.density.start_us + int(span * share)))
