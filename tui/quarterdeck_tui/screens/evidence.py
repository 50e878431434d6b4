"""One piece of evidence: the claim, the words it rests on, and the text around them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from ..text import visible, visible_lines
from ..views import EvidenceView, SourceView
from .sheet import Sheet

AROUND = 600  # Characters of the source shown before and after the quoted span.


class EvidenceScreen(Sheet[None]):
    """Assign `source` when it has been read."""

    TITLE_TEXT = "Evidence: "
    KEYS = "arrows scroll   esc back"
    BINDINGS = [Binding("q", "close", "back", show=False)]

    source: reactive[SourceView | None] = reactive(None)

    def __init__(self, evidence: EvidenceView) -> None:
        super().__init__(evidence.claim)
        self._evidence = evidence

    def compose_sheet(self) -> ComposeResult:
        quote = Content("\n").join([Content(line) for line in visible_lines(self._evidence.quote)])
        yield Static(
            Content.assemble(("from   ", "$foreground-muted"), visible(self._evidence.source)), classes="sheet-line"
        )
        yield Static(Content.assemble(("quote  ", "$foreground-muted"), quote))
        with VerticalScroll(classes="sheet-scroll"):
            yield Static(Content("reading ..."), id="source")

    def watch_source(self, source: SourceView | None) -> None:
        if source is not None and self.query("#source"):
            self.query_one("#source", Static).update(drawn(source, self._evidence))

    def on_mount(self) -> None:
        self.watch_source(self.source)


def drawn(source: SourceView, evidence: EvidenceView) -> Content:
    """Return the source's text around the quote, the quoted span marked `>>` and `<<` and by colour."""
    if not source.text:
        return Content.styled(visible(source.note or "no text is kept for it"), "$foreground-muted")
    start, end = _span(source.text, evidence)
    before, quoted, after = (
        source.text[max(start - AROUND, 0) : start],
        source.text[start:end],
        source.text[end:][:AROUND],
    )
    head = " / ".join(visible(part) for part in (source.title, source.source, source.integrity) if part)
    marked = (">>" + _safe(quoted) + "<<", "reverse") if quoted else ("", "")
    return Content.assemble((head + "\n\n", "$foreground-muted"), _safe(before), marked, _safe(after))


def _span(text: str, evidence: EvidenceView) -> tuple[int, int]:
    if evidence.span is not None and 0 <= evidence.span[0] < evidence.span[1] <= len(text):
        return evidence.span
    found = text.find(evidence.quote) if evidence.quote else -1
    return (found, found + len(evidence.quote)) if found >= 0 else (0, 0)


def _safe(text: str) -> str:
    return "\n".join(visible_lines(text))
