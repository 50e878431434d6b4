"""Alerts, each with its next step. Takes no room while there is none."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ..marks import FINE, Marks
from ..text import cut, fit, visible
from ..views import AlertView

ROWS_MAX = 3
LEVELS = {"critical": 0, "error": 1, "warning": 2}


class AlertLines(Widget):
    """Assign `alerts` and `rows_max`; the worst comes first."""

    alerts: reactive[tuple[AlertView, ...]] = reactive((), repaint=True, layout=True)
    rows_max: reactive[int] = reactive(1, repaint=True, layout=True)
    marks: Marks = FINE

    def watch_alerts(self, alerts: tuple[AlertView, ...]) -> None:
        self.display = bool(alerts)
        self._measure()

    def watch_rows_max(self) -> None:
        self._measure()

    def _measure(self) -> None:
        self.styles.height = max(min(len(self.alerts), self.rows_max), 1)

    def render(self) -> Content:
        ordered = sorted(self.alerts, key=lambda one: LEVELS.get(one.level, len(LEVELS)))
        rows = max(self.size.height, 1)
        more = len(ordered) - rows
        lines = [self._line(one, f"  +{more}" if more > 0 and row == rows - 1 else "")
                 for row, one in enumerate(ordered[:rows])]  # fmt: skip
        return Content("\n").join(lines)

    def _line(self, one: AlertView, tail: str) -> Content:
        """The next step is never cut before the words are."""
        width = self.size.width
        hint = cut(f"  {visible(one.hint)}" if one.hint else "", width // 2)
        said = f" {self.marks.alarm}     {visible(one.text)}"
        style = "$text-error bold" if one.level == "critical" else "$text-warning bold"
        room = width - len(hint) - len(tail) - 1
        return Content.assemble((fit(said, room), style), (hint, "bold"), (tail, "$foreground-muted"), " ")
