"""A list with what belongs to the row under the cursor, both over time: what Timeline and Memory have in common.

Owns     the parts of a row's story and which is shown, the open row, the field to filter with, the moment looked at.
Leaves   what is listed and told to the subclass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Input, Static
from textual.worker import Worker

from quarterdeck_protocol.codes import QuarterdeckError

from ..context import Context
from ..labelled import labelled
from ..past import KNOWN, Past, clock_words, local, moment_back
from ..replies import Plain
from ..text import cut, visible
from ..timeline_reads import BUCKETS, TimelineReads
from ..widgets.detail_pane import DetailPane
from ..widgets.lines import TopBar
from ..widgets.row_list import RowList
from ..widgets.scrub_line import ScrubLine
from ..widgets.tabs import Tabs
from ..wire import NO_ANSWER
from .prompt import PromptScreen
from .reading import ReadingScreen

ANSWER_MS = 10_000  # A filter that few events fit, a search, a comparison: longer than the figures of the top bar.
SETTLE_S = 0.06  # What a row tells is asked for when the cursor rests on it so long.
HINT = "$foreground-muted"
ZOOMED = "-open"
Doing = Callable[..., Awaitable[None]]
DAY_US = 86_400_000_000


class BrowsingScreen(ReadingScreen):
    """Subclasses give a list (`compose_list`), the names of the parts, and `told`: what stands in the part shown."""

    PARTS: ClassVar[tuple[str, ...]] = ()
    FILTER_HELP = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="filter", key_display="/", tooltip="Narrow by words and field:value"),
        Binding(
            "at", "seek", "as of", id="as_of", key_display="@", tooltip="Go to a time: yesterday 14:00, 2h ago, #1234"
        ),
        Binding("h,left", "scrub(-1)", "Back in time", show=False, id="time.back"),
        Binding("l,right", "scrub(1)", "On in time", show=False, id="time.on"),
        Binding("H", "day(-1)", "A day back", show=False, id="time.day_back"),
        Binding("L", "day(1)", "A day on", show=False, id="time.day_on"),
        Binding("tab", "part(1)", "part", id="part.next", tooltip="The next part of what is told about the row"),
        Binding("shift+tab", "part(-1)", "Previous part", show=False, id="part.previous"),
        Binding("escape,q", "back", "back", show=False, id="back", tooltip="Close, then clear the filter, then now"),
        *(
            Binding(str(digit), f"open_link({digit})", f"Open {digit} of those told", show=False)
            for digit in range(1, 10)
        ),
        Binding("j,down", "read_on(1)", "Down", show=False),
        Binding("k,up", "read_on(-1)", "Up", show=False),
        Binding("ctrl+d,pagedown", "read_on(10)", "Half a page down", show=False),
        Binding("ctrl+u,pageup", "read_on(-10)", "Half a page up", show=False),
        Binding("enter", "follow_link", "Open the first of those told", show=False),
    ]

    part = ""
    filter_text = ""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.reads = TimelineReads(self.ask)
        self._first: Past | None = None
        self._scale = (0, 0)

    def compose_list(self) -> ComposeResult:
        yield from ()

    def compose_work(self) -> ComposeResult:
        yield Static(id="browse-line")
        yield ScrubLine()
        with Container(id="browse"):
            yield from self.compose_list()
            with Vertical(id="story"):
                yield Tabs()
                yield DetailPane(id="told")
        yield Input(id="filter", compact=True, placeholder=self.FILTER_HELP)

    def on_mount(self) -> None:
        self.part = self.PARTS[0]
        self.query_one("#filter").display = False
        for widget in (self.query_one(ScrubLine), self.query_one(Tabs)):
            widget.marks = self.context.marks
        self.query_one(Tabs).names = self.PARTS

    async def ask(self, method: str, params: Plain, *, line: str = "") -> Plain:
        answer = await self.context.session.read(method, params, line=line, deadline_ms=ANSWER_MS)
        if isinstance(answer, QuarterdeckError):
            raise answer
        return answer

    def start(self, group: str, doing: Doing, *args: object) -> None:
        """Do it beside the keys; a later one of the same group takes its place, and what goes wrong is said."""
        work: Callable[[], Coroutine[None, None, None]] = partial(self._guarded, doing, *args)
        _: Worker[None] = self.run_worker(work, name=group, group=group, exclusive=True)

    async def _guarded(self, doing: Doing, *args: object) -> None:
        try:
            await doing(*args)
        except QuarterdeckError as error:
            if error.code not in NO_ANSWER:
                self.say(f"{error.message}. {error.hint}".replace("..", "."), alarm=True)
        except msgspec.ValidationError as error:
            self.say(f"An answer of the daemon could not be read: {error}", alarm=True)

    # --- what subclasses say

    def told(self, width: int) -> tuple[str, str, str, Sequence[Content]] | None:
        """Return of the row under the cursor its id, title, a word for the right, and the lines of the part shown."""
        raise NotImplementedError

    def status(self) -> tuple[str, str]:
        """Return what stands left and right above the scale of time."""
        raise NotImplementedError

    def look(self) -> None:
        """Ask for what belongs to the row under the cursor."""

    def go_to(self, at: int | datetime) -> None:
        """Go to an event's number, or to a time."""

    def filtered(self, text: str) -> None:
        """The filter has changed."""

    def link(self, number: int) -> None:
        """Open one of the numbered things that are told."""

    def to_now(self) -> None:
        """Nothing else is left to close: back to the present."""

    def by_time(self, by_us: int) -> None:
        """Go back or on in time."""

    def stretch(self) -> tuple[int, int]:
        """Return from when to when the scale of time goes."""
        return self.began_us, self.context.clock.now_us()

    # --- the scale of time

    @property
    def began_us(self) -> int:
        return self._first.at_us if self._first else self.context.clock.now_us()

    async def read_scale(self) -> None:
        """Count events again when what the scale shows has moved by one of its stretches."""
        if self._first is None:
            self._first = await self.reads.first()
        start, end = self.stretch()
        step = max((end - start) // BUCKETS, 1)
        scale = (start // step, end // step)
        if scale != self._scale and end > start:
            self.query_one(ScrubLine).density = await self.reads.density(start, end)
            self._scale = scale
            self.draw()

    def action_scrub(self, steps: int) -> None:
        start, end = self.stretch()
        self.by_time(steps * max((end - start) // BUCKETS, 1))

    def action_day(self, days: int) -> None:
        self.by_time(days * DAY_US)

    def on_scrub_line_sought(self, event: ScrubLine.Sought) -> None:
        self.go_to(local(event.at_us))

    # --- drawing

    @property
    def list_widget(self) -> RowList:  # type: ignore[type-arg]
        return self.query_one(RowList)

    @property
    def open(self) -> bool:
        return self.has_class(ZOOMED)

    def draw(self) -> None:
        if not self.composed or not self.size.width:
            return
        past = self.context.past
        self.query_one(TopBar).past = clock_words(past.at_us) if past else ""
        self.query_one(ScrubLine).at_us = past.at_us if past else None
        self._draw_status()
        tabs, pane = self.query_one(Tabs), self.query_one("#told", DetailPane)
        tabs.chosen = self.part
        found = self.told(pane.cells)
        if found is None:
            pane.tell("", "", "", ())
        else:
            pane.tell(*found)

    def _draw_status(self) -> None:
        left, right = self.status()
        width = self.size.width
        end = cut(visible(right), width // 2)
        room = width - len(end) - 3
        said = cut(visible(left), room)
        gap = " " * max(width - Content(said).cell_length - len(end) - 2, 1)
        self.query_one("#browse-line", Static).update(Content.assemble(f" {said}", gap, (end, HINT)))

    def moved(self) -> None:
        self.draw()
        self.set_timer(SETTLE_S, self._settled)

    def _settled(self) -> None:
        if self.is_attached:
            self.look()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.look)

    def on_screen_resume(self) -> None:
        if self.composed:
            self.call_after_refresh(self.draw)

    # --- the operator

    def given(self, words: str) -> None:
        if words.startswith("@"):
            self._sought(words[1:])
        else:
            self.set_filter(words)

    def set_filter(self, text: str) -> None:
        field = self.query_one("#filter", Input)
        field.value, field.display = text, False
        self._filter_now(text)

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one("#filter").display = False
        self.list_widget.focus()
        self._filter_now(event.value)

    def _filter_now(self, text: str) -> None:
        self.filter_text = text.strip()
        self.filtered(self.filter_text)
        self.draw()

    def action_seek(self) -> None:
        def typed(words: str | None) -> None:
            if words:
                self._sought(words)

        about = labelled("", f"Such as {KNOWN}", 74)
        self.app.push_screen(PromptScreen("Go to which moment?", about, does="go there"), typed)

    def _sought(self, words: str) -> None:
        found = moment_back(words, self.context.clock.local())
        if found is None:
            self.say(f"No moment gone by: {words}. Such as {KNOWN}.", alarm=True)
        else:
            self.go_to(found)

    def action_part(self, step: int) -> None:
        self.show_part(self.PARTS[(self.PARTS.index(self.part) + step) % len(self.PARTS)])

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.show_part(event.name)

    def show_part(self, part: str) -> None:
        self.part = part
        self.look()
        self.draw()

    def on_row_list_opened(self) -> None:
        self.open_row()

    def open_row(self) -> None:
        """Give the story all the room there is."""
        self.add_class(ZOOMED)
        self.set_focus(None)
        self.call_after_refresh(self.look)
        self.call_after_refresh(self.draw)

    def close_row(self) -> None:
        self.remove_class(ZOOMED)
        self.list_widget.focus()
        self.call_after_refresh(self.draw)

    def action_open_link(self, digit: int) -> None:
        self.link(digit)

    def action_follow_link(self) -> None:
        self.link(1)

    def action_read_on(self, rows: int) -> None:
        self.action_scroll(rows)

    def action_back(self) -> None:
        """Close what is open: the field, the story, the filter, the past."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.display = False
            field.value = self.filter_text
            self.list_widget.focus()
        elif self.open:
            self.close_row()
        elif self.filter_text:
            self.set_filter("")
        else:
            self.to_now()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Single letters never act while a field has the focus; some keys only read on in an open story."""
        if isinstance(self.focused, Input):
            return action == "back" or action.startswith("app.")
        return self.open or action not in ("open_link", "follow_link", "read_on")
