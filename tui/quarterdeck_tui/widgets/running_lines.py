"""What runs: one line where rows are dear, a table where there is room."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ..clock import age
from ..marks import FINE, Marks
from ..text import cut, fit, visible
from ..views import RunView

HINT = "$foreground-muted"


def waiting_words(runs: tuple[RunView, ...]) -> str:
    """Return how many runs stand still until the operator decides."""
    waiting = sum(bool(run.waits_for) and run.status != "paused" for run in runs)
    return f"{waiting} wait{'s' * (waiting == 1)} for your yes" if waiting else ""


class RunningLines(Widget):
    """Assign `runs` and `now_us`. Runs that move are named; those that wait for a yes are counted."""

    runs: reactive[tuple[RunView, ...]] = reactive((), repaint=True)
    now_us: reactive[int] = reactive(0, repaint=True)
    marks: Marks = FINE

    def render(self) -> Content:
        return self._table() if self.size.height > 2 else self._ticker()

    def _worth_naming(self) -> list[RunView]:
        """Paused runs go nowhere by themselves, so they come first."""
        return sorted((run for run in self.runs if run.moving or run.status == "paused"), key=lambda run: run.moving)

    def _ticker(self) -> Content:
        named = [self._run(run) for run in self._worth_naming()]
        words = [*named, waiting_words(self.runs)] if waiting_words(self.runs) else named
        said = f" {self.marks.bar} ".join(words) or "nothing is running"
        return Content.assemble((" runs  ", HINT), cut(said, self.size.width - 8))

    def _table(self) -> Content:
        width, rows = self.size.width, self.size.height - 1
        waiting = waiting_words(self.runs)
        head = f" RUNS {len(self.runs)}{f', {waiting}' if waiting else ''}"
        named = [*self._worth_naming(), *(run for run in self.runs if run.waits_for and run.status != "paused")]
        lines = [Content.styled(fit(head, width), HINT)]
        if len(named) > rows:
            more = len(named) - rows + 1
            named = named[: rows - 1]
            lines += [Content(cut(f" {self._run(run)}", width)) for run in named]
            return Content("\n").join([*lines, Content.styled(f" and {more} more: quarterdeck runs list", HINT)])
        lines += [Content(cut(f" {self._run(run)}", width)) for run in named] or [Content(" nothing is running")]
        return Content("\n").join(lines)

    def _run(self, run: RunView) -> str:
        steps = f" {run.done}/{run.total}" if run.total else ""
        waits = f" waits for {', '.join(map(visible, run.waits_for))}" if run.waits_for else ""
        state = f" paused, quarterdeck runs resume {visible(run.id)}" if run.status == "paused" else waits
        return f"{visible(run.playbook)} {visible(run.id)}{steps} {age(run.at_us, self.now_us)}{state}"
