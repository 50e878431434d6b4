"""Edit, then approve: the text is open, the addressee is not; what would change stands below while you type."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static, TextArea

from ..context import Context
from ..text import visible, visible_lines, without_hidden
from ..views import ApprovalView
from .sheet import Sheet

DIFF_STYLES = {"+": "$text-success", "-": "$text-error", "@": "$foreground-muted"}
CONTEXT_LINES = 1


def diff_lines(before: str, after: str) -> list[str]:
    """Return the unified diff of two texts, without its file heads; nothing when they are equal."""
    found = difflib.unified_diff(visible_lines(before), visible_lines(after), lineterm="", n=CONTEXT_LINES)
    return list(found)[2:]


class EditScreen(Sheet[str]):
    """Dismisses with the new text. An unsent text stays in `context.drafts`."""

    TITLE_TEXT = "Edit, then approve: "
    KEYS = "ctrl+s approve what the change shows   ctrl+down more   esc back, draft kept"
    BINDINGS = [
        Binding("ctrl+s", "approve", "approve", priority=True, id="edit.approve", tooltip="Approve this text"),
        Binding("ctrl+down", "scroll_diff(1)", "scroll the change down", priority=True, id="edit.diff_down"),
        Binding("ctrl+up", "scroll_diff(-1)", "scroll the change up", priority=True, id="edit.diff_up"),
    ]

    def __init__(self, context: Context, item: ApprovalView, draft: str, *, may_change: Callable[[], str]) -> None:
        super().__init__(item.summary)
        self._shared, self._item, self._may_change = context, item, may_change
        self._before = item.body or ""
        self._start, self._hidden = without_hidden(self._before)
        self._draft = draft or self._start

    def compose_sheet(self) -> ComposeResult:
        to = ", ".join(visible(target) for target in self._item.targets)
        subject = visible(str(self._item.args.get("subject", "")))
        yield Static(Content.assemble(("To       ", "$foreground-muted"), to), classes="sheet-line")
        yield Static(Content.assemble(("Subject  ", "$foreground-muted"), subject), classes="sheet-line")
        with Horizontal(id="edit-panes"):
            yield TextArea(self._draft, id="body", compact=True, soft_wrap=True, tab_behavior="focus")
            with VerticalScroll(id="diff-scroll", can_focus=False):
                yield Static(id="diff")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()
        self._redraw()
        if self._hidden:
            self.say(f"{self._hidden} hidden character(s) were taken out for editing; the change shows them.")

    def on_text_area_changed(self) -> None:
        if self._text != self._start:
            self._shared.drafts[self._item.id] = self._text
        self._redraw()

    @property
    def _text(self) -> str:
        return without_hidden(self.query_one(TextArea).text)[0]

    def _redraw(self) -> None:
        lines = diff_lines(self._before, self._text)
        shown = [Content.styled(line, DIFF_STYLES.get(line[:1], "")) for line in lines]
        nothing = Content.styled("no change yet", "$foreground-muted")
        self.query_one("#diff", Static).update(Content("\n").join(shown) if shown else nothing)

    def action_scroll_diff(self, rows: int) -> None:
        self.query_one("#diff-scroll").scroll_relative(y=rows, animate=False)

    def action_approve(self) -> None:
        if refusal := self._may_change():
            self.say(f"Not sent, your draft is kept: {refusal}.")
        elif self._text == self._before:
            self.say("Nothing was changed; esc, then a approves it as it is.")
        else:
            self.dismiss(self._text)
