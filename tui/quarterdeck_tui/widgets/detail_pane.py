"""What belongs to the row under the cursor: a title, and lines that can be scrolled."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..marks import FINE, Marks
from ..text import cut, visible

HINT = "$foreground-muted"


class DetailPane(Vertical):
    """Call `tell`; the place in the text stays while it is about the same thing."""

    marks: Marks = FINE

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._told: tuple[str, str, str, Sequence[Content]] | None = None
        self._about = ""

    def compose(self) -> ComposeResult:
        yield Static(classes="detail-title")
        with VerticalScroll(classes="detail-scroll", can_focus=False):
            yield Static(classes="detail-text")

    @property
    def cells(self) -> int:
        """How wide a line may be."""
        return max((self.content_size.width or self.size.width) - 1, 20)

    def tell(self, about: str, title: str, right: str, lines: Sequence[Content]) -> None:
        """Show `lines` about the thing with the id `about`."""
        self._told = (about, title, right, lines)
        if self.query(".detail-text"):
            self._draw(about, title, right, lines)

    def on_mount(self) -> None:
        if self._told is not None:
            self._draw(*self._told)

    def _draw(self, about: str, title: str, right: str, lines: Sequence[Content]) -> None:
        rule = self.marks.rule
        end = f" {visible(right)} " if right else ""
        name = cut(visible(title), self.cells - len(end) - 6)
        fill = rule * max(self.cells - Content(name).cell_length - len(end) - 5, 0)
        head = Content.assemble(
            (rule * 2 + " ", HINT), (name, "bold"), (f" {fill}", HINT), (end, "$text-warning"), (rule, HINT)
        )
        self.query_one(".detail-title", Static).update(head)
        self.query_one(".detail-text", Static).update(Content("\n").join(lines))
        if about != self._about:
            self._about = about
            self.query_one(".detail-scroll").scroll_home(animate=False)

    def scroll_by(self, rows: int) -> None:
        self.query_one(".detail-scroll").scroll_relative(y=rows, animate=False)
