"""Below or beside the list: why the row under the cursor is proposed, and what exactly would happen."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from .. import why_text
from ..marks import FINE, Marks
from ..text import cut, visible
from ..views import ApprovalView

WHOLE_FROM_ROWS = 16  # With so much room everything is tried in full; else the beginning of everything is shown.
TRUST_FROM_CELLS = 76  # Narrower, the title has no room for the labels; they stand below, under "from".


class WhyPane(Widget):
    """Assign `view`. Its first line is the title, the rest as much of the why as there is room for."""

    view: reactive[ApprovalView | None] = reactive(None, repaint=True)
    marks: Marks = FINE

    def render(self) -> Content:
        width, rows = self.size.width, self.size.height
        if self.view is None or width < 1 or rows < 1:
            return Content("")
        return Content("\n").join([self._title(self.view, width), *self._body(self.view, width, rows - 1)])

    def _body(self, view: ApprovalView, width: int, rows: int) -> list[Content]:
        if rows >= WHOLE_FROM_ROWS and len(lines := why_text.full(view, width)) <= rows:
            return lines
        return why_text.compact(view, width, rows)

    def _title(self, view: ApprovalView, width: int) -> Content:
        rule = self.marks.rule
        trust = why_text.trust(view)
        right = f" {visible(view.act)}, {trust} " if trust and width >= TRUST_FROM_CELLS else f" {visible(view.act)} "
        name = cut(visible(view.summary), width - len(right) - 6)
        alarm = "$text-error bold" if view.risk == "high" else "bold"
        fill = rule * max(width - len(right) - 6 - Content(name).cell_length, 0)
        return Content.assemble(
            (rule * 2 + " ", "$foreground-muted"), (name, alarm), (" " + fill, "$foreground-muted"), (right, "$text-warning"),
            (rule * 2, "$foreground-muted"),
        )  # fmt: skip
