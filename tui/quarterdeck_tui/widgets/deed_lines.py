"""What was decided: each hold with its countdown, what became of the others, and the key that takes one back."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ..clock import age, due, span
from ..text import cut, fit, visible
from ..views import BenchView, DeedView, to_take_back

HINT = "$foreground-muted"
COUNTDOWNS_MAX = 3
OVERDUE_US = 3_000_000  # A hold that ended this long ago is kept back by something else: its run is paused.
STATES = {
    "intent": "leaving now",
    "sent": "on the wire",
    "succeeded": "has left",
    "failed": "FAILED",
    "unknown": "OUTCOME UNKNOWN",
    "expired": "expired",
}


def state(deed: DeedView, now_us: int, *, stopped: bool = False) -> str:
    """Return what has become of a decision, in a few words."""
    if deed.held and deed.release_us is not None:
        left_us = deed.release_us - now_us
        if stopped:
            return "held by the stop"
        if left_us > 0:
            return f"leaves in {span(left_us / 1_000_000 + 0.999)}"
        return "leaving now" if left_us > -OVERDUE_US else "held: its run is paused"
    if deed.done == "snoozed" and deed.status == "proposed":
        return f"back in {due(deed.due_us, now_us)}" if deed.due_us else ""
    return STATES.get(deed.status, "")


class DeedLines(Widget):
    """Assign `view` and `now_us`. One row says it all in short; more rows show a decision each."""

    view: reactive[BenchView] = reactive(BenchView(), repaint=True)
    now_us: reactive[int] = reactive(0, repaint=True)

    def render(self) -> Content:
        width, rows = self.size.width, self.size.height
        if rows < 1:
            return Content("")
        if not self.view.deeds:
            return Content.assemble((" last  ", HINT), ("nothing decided yet", HINT))
        first = self.view.last or self.view.deeds[0]
        others = [deed for deed in self._in_order() if deed.id != first.id][: rows - 1]
        lines = [self._first(first, width, alone=not others)]
        lines += [self._line(" held  " if deed.held else "       ", deed, width, "") for deed in others]
        return Content("\n").join(lines)

    def _in_order(self) -> list[DeedView]:
        """Held ones first, the next to leave on top; then the newest."""
        held = list(self.view.held)
        return held + [deed for deed in self.view.deeds if not deed.held]

    def _first(self, deed: DeedView, width: int, *, alone: bool) -> Content:
        taken = to_take_back(self.view.deeds)
        key = "   z undo" if taken is not None and taken.id == deed.id else ""
        more = self._other_holds(deed) if alone else ""
        return self._line(" held  " if deed.held else " last  ", deed, width, f"{more}{key}")

    def _other_holds(self, but: DeedView) -> str:
        """The countdowns that have no row of their own."""
        others = [deed for deed in self.view.held if deed.id != but.id]
        if not others:
            return ""
        shown = ", ".join(due(deed.release_us, self.now_us) for deed in others[:COUNTDOWNS_MAX])
        dots = ".." if len(others) > COUNTDOWNS_MAX else ""
        return f"   +{len(others)} held" if self.view.stop.engaged else f"   +{len(others)}: {shown}{dots}"

    def _line(self, label: str, deed: DeedView, width: int, tail: str) -> Content:
        end = f"{state(deed, self.now_us, stopped=self.view.stop.engaged)}{tail}"
        style = "$text-error bold" if deed.status in ("failed", "unknown") else "bold" if deed.held else ""
        said = f'{deed.done or "by a rule"} {deed.id} "{visible(deed.summary)}"'
        when = "" if deed.held else f"  {age(deed.at_us, self.now_us)}"
        room = width - len(label) - len(end) - len(when) - 3
        return Content.assemble((label, HINT), fit(said, room), (when, HINT), "  ", (cut(end, width), style), " ")
