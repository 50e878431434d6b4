"""Why, in full: what is claimed and where it stands, what would happen, which rule asked. Digits open evidence."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from .. import why_text
from ..context import Context
from ..requests import OpenEvidence
from ..text import fit, visible
from ..views import ApprovalView, BenchView, Shown
from .deciding import DecidingScreen


class WhyScreen(DecidingScreen):
    """One item. When it changes it is redrawn and said; when it goes, nothing can be decided here any more."""

    PLACE = "Why"
    AUTO_FOCUS = "#why-scroll"
    BINDINGS = [
        *(Binding(str(digit), f"open({digit})", f"Open evidence {digit}", show=False) for digit in range(1, 10)),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
        Binding("g,home", "top", "Top", show=False),
        Binding("G,end", "bottom", "Bottom", show=False),
        Binding("escape,q", "back", "back", id="back", key_display="esc"),
    ]

    def __init__(self, context: Context, item: ApprovalView) -> None:
        super().__init__(context)
        self.item: ApprovalView = item
        self._gone = False

    def compose_work(self) -> ComposeResult:
        yield Static(id="why-title")
        with VerticalScroll(id="why-scroll"):
            yield Static(id="why-text")

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def show(self, view: BenchView) -> None:
        now = next((one for one in view.approvals if one.id == self.item.id), None)
        self._gone = now is None and view.link == "live"
        if now is not None and now != self.item:
            if now.shown_hash != self.item.shown_hash:
                self.say("This has changed while you read; look again.", alarm=True)
            self.item = now
        self._draw()

    def _draw(self) -> None:
        width = max(self.size.width - 2, 20)
        item = self.item
        state = "no longer waits for you" if self._gone else f"{item.id}  {item.risk.upper()}  {item.act}"
        title = Content.assemble(
            (f" {visible(item.summary)} ", "bold"),
            (f"  {visible(state)}", "$text-error" if self._gone else "$text-warning"),
        )
        self.query_one("#why-title", Static).update(title)
        lines = why_text.full(item, width)
        if why_text.links(item):
            lines += [
                Content(""),
                Content.styled(fit(" 1-9 opens the evidence of that number", width), "$foreground-muted"),
            ]
        self.query_one("#why-text", Static).update(Content("\n").join(lines))
        shown = None if self._gone else Shown(item.id, item.shown_hash)
        self.context.guard.drawn(shown, self.context.clock.mono_ms())

    def shown(self) -> Shown | None:
        return None if self._gone or self.too_small else Shown(self.item.id, self.item.shown_hash)

    def sent(self, ids: frozenset[str]) -> None:
        self.dismiss()

    def action_open(self, digit: int) -> None:
        links = why_text.links(self.item)
        if digit <= len(links):
            self.post_message(OpenEvidence(links[digit - 1]))
        else:
            self.say(f"There is no evidence {digit} here.")

    def action_scroll(self, rows: int) -> None:
        self.query_one("#why-scroll").scroll_relative(y=rows, animate=False)

    def action_top(self) -> None:
        self.query_one("#why-scroll").scroll_home(animate=False)

    def action_bottom(self) -> None:
        self.query_one("#why-scroll").scroll_end(animate=False)
