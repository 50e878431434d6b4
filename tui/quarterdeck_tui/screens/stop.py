"""The emergency stop: already in force when this screen is seen. Going on is an explicit choice."""

from __future__ import annotations

from datetime import datetime

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from ..requests import Release
from ..text import cut, fit, visible
from ..views import BenchView, InFlight, StopView
from .frame import FrameScreen

FLIGHTS_MAX = 6


class StopScreen(FrameScreen):
    """Shows the stop of `view`."""

    PLACE = "Stop"
    BINDINGS = [
        Binding("1", "release", "resume everything", id="stop.release", tooltip="Let every outward action go on"),
        Binding(
            "4,escape,q",
            "back",
            "stay stopped",
            id="stop.stay",
            key_display="4",
            tooltip="Look around; nothing leaves",
        ),
    ]

    def compose_work(self) -> ComposeResult:
        yield Static(id="stop-head")
        yield Static(id="stop-text")

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def show(self, view: BenchView) -> None:
        self._draw()

    def _draw(self) -> None:
        width, block, stop = max(self.size.width, 20), self.context.marks.stop, self.view.stop
        bar = Content.styled(block * width, "$text-error bold")
        words = fit(_headline(stop), width - 8)
        middle = Content.assemble(
            (f"{block}   ", "$text-error bold"), (words, "bold"), (f"   {block}", "$text-error bold")
        )
        self.query_one("#stop-head", Static).update(Content("\n").join([bar, middle, bar]))
        self.query_one("#stop-text", Static).update(Content("\n").join(_facts(self.view, width)))

    def action_release(self) -> None:
        if not self.view.stop.engaged:
            self.say("Nothing is stopped.")
        else:
            self.post_message(Release("resumed at the terminal"))


def _headline(stop: StopView) -> str:
    if not stop.engaged:
        return "RUNNING: the stop has ended"
    at = datetime.fromtimestamp(stop.at_us / 1_000_000).astimezone().strftime(" %H:%M:%S") if stop.at_us else ""
    who = f"   by {visible(stop.by)}" if stop.by else ""
    why = f", {visible(stop.reason)}" if stop.reason else ""
    return f"{'STOPPED' if stop.confirmed else 'STOP ASKED, NOT YET CONFIRMED'}{at}{who}{why}"


def _facts(view: BenchView, width: int) -> list[Content]:
    stop = view.stop
    held = 1 if view.last is not None and view.last.status == "held" else 0
    lines: list[Content | str] = [""]
    if not stop.confirmed:
        lines += _unconfirmed(stop, width)
    lines += [
        f" Frozen      {view.status.running} run(s), {held} held effect(s) not sent, all outward actions",
        " Still on    reading, this screen, backups",
        "",
        *_flights(stop.in_flight, width),
        "",
        Content.assemble(("   1 ", "bold"), "resume everything"),
        Content.assemble(("   4 ", "bold"), "stay stopped and look around"),
        "",
        Content.styled(
            " The stop outlives a restart: the daemon comes back stopped until you resume.", "$foreground-muted"
        ),
        Content.styled(" The same from a shell:   quarterdeck stop     quarterdeck resume", "$foreground-muted"),
    ]
    return [Content(line) if isinstance(line, str) else line for line in lines]


def _unconfirmed(stop: StopView, width: int) -> list[Content | str]:
    if not stop.note:
        return [" Waiting for the supervisor to confirm ...", ""]
    said = cut(f" NOT CONFIRMED: {visible(stop.note)}", width)
    return [Content.styled(said, "$text-error bold"), " Type in a shell: quarterdeck stop", ""]


def _flights(flights: tuple[InFlight, ...], width: int) -> list[str]:
    if not flights:
        return [" In flight when you stopped: nothing that is known of"]
    lines = [" In flight when you stopped (cannot be called back):"]
    for one in flights[:FLIGHTS_MAX]:
        words = (one.id, one.act, one.target, one.summary, one.status)
        lines.append(cut("   " + "  ".join(visible(word) for word in words if word), width))
    more = len(flights) - FLIGHTS_MAX
    return [*lines, f"   and {more} more"] if more > 0 else lines
