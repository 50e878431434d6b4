"""The emergency stop: already in force when this screen is seen. Going on is an explicit choice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..clock import span
from ..requests import Kill, Release, TakeBack
from ..text import cut, fit, visible, wrap
from ..views import BenchView, DeedView, StopView
from .choose import ChooseScreen
from .frame import FrameScreen
from .kill import KillScreen

NOTE_ROWS_MAX = 3
DIM = "$foreground-muted"
CHOICES = (
    ("1", "resume everything"),
    ("3", "choose one by one which runs go on; the others stay paused"),
    ("4", "stay stopped and look around; nothing leaves"),
    ("z", "take back the newest of what is held, so that it never leaves"),
    ("k", "KILL: end the working processes too, in the middle of what they do"),
)


class StopScreen(FrameScreen):
    """Shows the stop of `view`."""

    PLACE = "Stop"
    AUTO_FOCUS = ""
    BINDINGS = [
        Binding("1", "release", "resume", id="stop.release", tooltip="Let every outward action go on"),
        Binding("3", "choose", "choose", id="stop.choose", tooltip="Choose one by one which runs go on"),
        Binding("4,escape,q", "back", "stay stopped", id="stop.stay", key_display="4", tooltip="Look around"),
        Binding("z", "take_back", "undo", id="take_back", tooltip="Take back the newest of what is held"),
        Binding("k", "kill", "KILL", id="stop.kill", tooltip="End the working processes too; a typed word"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
    ]

    def compose_work(self) -> ComposeResult:
        yield Static(id="stop-head")
        with VerticalScroll(id="stop-scroll", can_focus=False):
            yield Static(id="stop-text")
        yield Static(id="stop-choices")

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def show(self, view: BenchView) -> None:
        self._draw()

    def watch_now_us(self, now_us: int) -> None:
        super().watch_now_us(now_us)
        if self.composed and self.view.held:
            self._draw()

    def _draw(self) -> None:
        width, block, stop = max(self.size.width, 20), self.context.marks.stop, self.view.stop
        bar = Content.styled(block * width, "$text-error bold")
        words = fit(_headline(stop), width - 8)
        middle = Content.assemble(
            (f"{block}   ", "$text-error bold"), (words, "bold"), (f"   {block}", "$text-error bold")
        )
        self.query_one("#stop-head", Static).update(Content("\n").join([bar, middle, bar]))
        self.query_one("#stop-text", Static).update(Content("\n").join(facts(self.view, width, self.now_us)))
        self.query_one("#stop-choices", Static).update(Content("\n").join(_choices(stop)))

    def action_release(self) -> None:
        if self._stopped():
            self.post_message(Release("resumed at the terminal"))

    def action_choose(self) -> None:
        if not self._stopped():
            return
        if not self.view.runs:
            self.say("No run is under way; 1 resumes everything.")
            return

        def chosen(runs: tuple[str, ...] | None) -> None:
            if runs is not None:
                self.post_message(Release("resumed at the terminal, run by run", runs))

        self.app.push_screen(ChooseScreen(self.context, self.view.runs, self.view.deeds), chosen)

    def action_kill(self) -> None:
        def typed(yes: bool | None) -> None:
            if yes:
                self.post_message(Kill())

        self.app.push_screen(KillScreen(), typed)

    def action_take_back(self) -> None:
        if self.view.held:
            self.post_message(TakeBack())
        else:
            self.say("Nothing is held.")

    def action_scroll(self, rows: int) -> None:
        self.query_one("#stop-scroll").scroll_relative(y=rows, animate=False)

    def _stopped(self) -> bool:
        if not self.view.stop.engaged:
            self.say("Nothing is stopped.")
        return self.view.stop.engaged


def _headline(stop: StopView) -> str:
    if not stop.engaged:
        return "RUNNING: the stop has ended"
    at = datetime.fromtimestamp(stop.at_us / 1_000_000).astimezone().strftime(" %H:%M:%S") if stop.at_us else ""
    who = f"   by {visible(stop.by)}" if stop.by else ""
    why = f", {visible(stop.reason)}" if stop.reason else ""
    return f"{'STOPPED' if stop.confirmed else 'STOP ASKED, NOT YET CONFIRMED'}{at}{who}{why}"


def facts(view: BenchView, width: int, now_us: int) -> list[Content]:
    """Return what is frozen, what was on the wire and what is held, as lines of at most `width` cells."""
    stop, held = view.stop, view.held
    lines: list[Content | str] = [""]
    if not stop.confirmed:
        lines += _unconfirmed(stop, width)
    lines += [
        f" Frozen      {_count(len(view.runs), 'run')}, {_count(len(held), 'held effect')}, all outward actions",
        " Still on    reading, this screen, backups",
    ]
    flights = _flights(view)
    if flights:
        lines += [" In flight when you stopped (cannot be called back):", *(cut(one, width) for one in flights)]
    else:
        lines.append(" In flight when you stopped: nothing")
    lines.append("")
    if held:
        lines.append(f" Held, not sent; leave after you resume ({len(held)}):")
        lines += [cut(_held(one, now_us), width) for one in held]
    else:
        lines.append(" Held: nothing")
    return [Content(line) if isinstance(line, str) else line for line in lines]


def _choices(stop: StopView) -> Iterable[Content]:
    yield Content("")
    for key, words in CHOICES if stop.engaged else ():
        yield Content.assemble((f"   {key} ", "bold"), words)
    yield Content("")
    yield Content.styled(" It outlives a restart. From a shell: quarterdeck stop, quarterdeck resume", DIM)


def _unconfirmed(stop: StopView, width: int) -> list[Content | str]:
    if not stop.note:
        return [" Waiting for the supervisor to confirm ...", ""]
    said = wrap(f"NOT CONFIRMED: {visible(stop.note)}", width - 2)
    return [*(Content.styled(f" {line}", "$text-error bold") for line in said[:NOTE_ROWS_MAX]), ""]


def _flights(view: BenchView) -> list[str]:
    """What was on the wire at the stop, and what still is."""
    known = {deed.id: deed for deed in view.deeds}
    ids = dict.fromkeys((*view.stop.in_flight, *(deed.id for deed in view.on_the_wire)))
    return [f"   {_named(known[id])}  {known[id].status}" if id in known else f"   {visible(id)}" for id in ids]


def _held(deed: DeedView, now_us: int) -> str:
    left_us = (deed.release_us or now_us) - now_us
    when = f"in {span(left_us / 1_000_000 + 0.999)}" if left_us > 0 else "at once"
    return f"   {_named(deed)}  leaves {when}"


def _named(deed: DeedView) -> str:
    return f"{deed.id:<5} {fit(visible(deed.act), 10)} {fit(visible(deed.target), 34)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
