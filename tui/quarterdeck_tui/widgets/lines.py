"""The one-line parts of the frame: state on top, tabs, messages, banner."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ..arrangement import TABS, Tab
from ..marks import FINE, Marks
from ..places import PLACES, tab_of
from ..text import cut, fit, visible
from ..views import BenchView

HINT = "$foreground-muted"
Piece = tuple[str, str]
TAB_NAMES: dict[Tab, str] = {"all": "All", "outbound": "Outbound", "other": "Other"}
TABS_FROM = 140  # Columns; below, only the place where one is has its name in the bar.
NAME_CELLS_MIN = 6
LINK_WORDS = {"connecting": "CONNECTING", "lost": "NO DAEMON", "absent": "NO DAEMON"}


class TopBar(Widget):
    """Workspace, screen, figures; the state and the stop key at the right edge, never clipped."""

    view: reactive[BenchView] = reactive(BenchView(), repaint=True)
    place: reactive[str] = reactive("", repaint=True)
    past: reactive[str] = reactive("", repaint=True)  # The moment that is looked at, when it is not now.

    def render(self) -> Content:
        width = self.size.width
        state = self._state()
        room = width - len(state[0])
        tabs = self._tabs()
        cells = sum(len(text) for text, _ in tabs)
        pieces = self._figures()
        while pieces and sum(len(text) for text, _ in pieces) > room - cells - NAME_CELLS_MIN - 4:
            pieces.pop()
        figures = sum(len(text) for text, _ in pieces)
        name = cut(self._workspace(), max(room - figures - cells - 4, NAME_CELLS_MIN))
        left = Content.assemble((f" {name} | ", "bold"), *tabs)
        gap = " " * (room - figures - left.cell_length)
        return Content.assemble(left, gap, *pieces, state)

    def _workspace(self) -> str:
        return visible(self.view.status.workspace or "quarterdeck")

    def _tabs(self) -> list[Piece]:
        """Return the tabs of all places where there is room, else the name of this one; then the past, if looked at."""
        past = [(f" PAST {self.past} ", "$text-warning reverse bold")] if self.past else []
        here = tab_of(self.place)
        if self.size.width < TABS_FROM:
            return [(f"{here} ", "bold"), *past]
        tabs = [tab_of(one.short) for one in PLACES]
        shown = tabs if here in tabs else [*tabs, here]
        return [*((f" {one} ", "reverse bold" if one == here else "") for one in shown), *past]

    def on_click(self, event: events.Click) -> None:
        left = len(f" {self._workspace()} | ")
        for text, _ in self._tabs() if self.size.width >= TABS_FROM else []:
            place = next((one for one in PLACES if tab_of(one.short) == text.strip()), None)
            if place is not None and left <= event.x < left + len(text):
                self.app.simulate_key(place.key)
            left += len(text)

    def _figures(self) -> list[Piece]:
        """Return the figures in the order in which they matter; the last ones give way first."""
        status, alerts = self.view.status, len(self.view.alerts)
        waiting = len(self.view.approvals) if self.view.link == "live" else status.waiting
        found: list[Piece] = [(f"{waiting} waiting  ", "")]
        if status.running:
            found.append((f"{status.running} running  ", ""))
        if alerts:
            found.append((f"{alerts} alert{'s' * (alerts != 1)}  ", "$text-warning bold"))
        if status.dead:
            found.append((f"{status.dead} dead  ", "$text-error"))
        return [*found, (f"today {status.cost_today}  ", "")] if status.cost_today else found

    def _state(self) -> Piece:
        stop = self.view.stop
        if stop.engaged:
            return (" STOPPED ^g " if stop.confirmed else " STOPPING ^g ", "$text-error reverse bold")
        if self.view.link != "live":
            return (f" {LINK_WORDS[self.view.link]} ^g ", "$text-warning reverse bold")
        return (" RUN ^g ", "$text-success reverse bold")


class TabLine(Widget):
    """Assign `counts` and `chosen`; listen for `Chosen`."""

    counts: reactive[tuple[int, ...]] = reactive((0, 0, 0), repaint=True)
    chosen: reactive[Tab] = reactive("all", repaint=True)
    note: reactive[str] = reactive("", repaint=True)
    marks: Marks = FINE

    class Chosen(Message):
        def __init__(self, tab: Tab) -> None:
            super().__init__()
            self.tab = tab

    def render(self) -> Content:
        words = self._words()
        pieces: list[Piece] = [(" ", "")]
        for tab, word in zip(TABS, words, strict=True):
            pieces += [(word, "reverse bold" if tab == self.chosen else ""), (f" {self.marks.bar} ", HINT)]
        used = sum(len(text) for text, _ in pieces[:-1])
        note = cut(self.note, self.size.width - used - 2)
        gap = " " * (self.size.width - used - len(note) - 1)
        return Content.assemble(*pieces[:-1], gap, (note, HINT))

    def on_click(self, event: events.Click) -> None:
        left = 1
        for tab, word in zip(TABS, self._words(), strict=True):
            if left <= event.x < left + len(word):
                self.post_message(self.Chosen(tab))
            left += len(word) + 3

    def _words(self) -> list[str]:
        return [f" {TAB_NAMES[tab]} {count} " for tab, count in zip(TABS, self.counts, strict=True)]


class MessageLine(Widget):
    """One line of talk: toasts that never cover the list. The app says when it is over."""

    said: reactive[str] = reactive("", repaint=True)
    alarm: reactive[bool] = reactive(False, repaint=True)

    def render(self) -> Content:
        style = "$text-error bold" if self.alarm else ""
        return Content.assemble((cut(f" {self.said}", self.size.width), style))


class Banner(Widget):
    """Seen only when something is wrong with the connection."""

    said: reactive[str] = reactive("", repaint=True)

    def watch_said(self, said: str) -> None:
        self.display = bool(said)

    def render(self) -> Content:
        return Content.assemble((fit(f" {visible(self.said)}", self.size.width), "$text-warning reverse bold"))
