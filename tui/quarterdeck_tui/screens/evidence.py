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

DIM = "$foreground-muted"
PARTS = ("#before", "#quoted", "#after")
AROUND = 4_000  # Characters of the source shown before and after the quoted span.


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
            yield Static(Content("reading ..."), id="before")
            yield Static(id="quoted")
            yield Static(id="after")

    def watch_source(self, source: SourceView | None) -> None:
        if source is None or not self.query("#before"):
            return
        for id, content in zip(PARTS, drawn(source, self._evidence), strict=True):
            self.query_one(id, Static).update(content)
        self.call_after_refresh(self._to_quote)

    def _to_quote(self) -> None:
        self.query_one(".sheet-scroll").scroll_to_widget(self.query_one("#quoted"), animate=False, center=True)

    def on_mount(self) -> None:
        self.watch_source(self.source)


def drawn(source: SourceView, evidence: EvidenceView) -> tuple[Content, Content, Content]:
    """Return the source's lines before the quote, those with it, and those behind.

    The quoted span is marked `>>` and `<<`, and by colour.
    """
    head = " / ".join(visible(part) for part in (source.title, source.source, source.integrity) if part)
    if not source.text:
        said = visible(source.note or "no text is kept for it")
        return Content.styled(f"{head}\n\n{said}".strip(), DIM), Content(""), Content("")
    start, end = _span(source.text, evidence)
    first = source.text.rfind("\n", 0, start) + 1
    last = source.text.find("\n", end)
    last = len(source.text) if last < 0 else last
    above, below = source.text[max(first - AROUND, 0) : first].removesuffix("\n"), source.text[last:][:AROUND]
    quoted = source.text[start:end]
    marked = (">>" + _safe(quoted) + "<<", "reverse") if quoted else ("", "")
    before = Content.assemble((f"{head}\n", DIM), *([f"\n{_safe(above)}"] if above else []))
    line = Content.assemble(_safe(source.text[first:start]), marked, _safe(source.text[end:last]))
    return before, line, Content(_safe(below.removeprefix("\n")))


def _span(text: str, evidence: EvidenceView) -> tuple[int, int]:
    if evidence.span is not None and 0 <= evidence.span[0] < evidence.span[1] <= len(text):
        return evidence.span
    found = text.find(evidence.quote) if evidence.quote else -1
    return (found, found + len(evidence.quote)) if found >= 0 else (0, 0)


def _safe(text: str) -> str:
    return "\n".join(visible_lines(text))
