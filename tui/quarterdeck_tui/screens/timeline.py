"""The Timeline: the log as it was written, a few rows of it at a time, and each event opened.

Promises the cursor never moves by itself unless the end of the log is followed; at most `timeline.ROWS_MAX` rows are kept.
Leaves   asking to `timeline_reads.py`, the words of an event to `event_text.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from ..context import Context
from ..event_text import PARTS, Story, lines, links
from ..past import Past
from ..text import visible
from ..timeline import DECISIONS, FILTER_HELP, VIEWS, EventRow, Wanted, Window, wanted
from ..timeline_reads import versions
from ..widgets.row_list import RowList
from ..widgets.timeline_list import TimelineList
from .browsing import DAY_US, BrowsingScreen, Doing
from .timeline_diff import DiffScreen

EDGE_ROWS = 40  # So near to the end of what is loaded, more is asked for.
STORIES_MAX = 50
MINUTE_US = 60_000_000
SPANS_US = {"hour": 60 * MINUTE_US, "day": DAY_US, "3 days": 3 * DAY_US, "month": 30 * DAY_US, "all": 1 << 62}
STILL_US = 15 * MINUTE_US  # The list needs the time only to tell today from other days.


class TimelineScreen(BrowsingScreen):
    """Follows the end of the log until the operator moves; from then on it stands still in the past."""

    PLACE = "Time"
    AUTO_FOCUS = "TimelineList"
    NOTHING = "No event fits. esc clears the filter."
    FILTER_HELP = FILTER_HELP
    PARTS = tuple(PARTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mark", "mark", id="timeline.mark", tooltip="A comparison begins with this event"),
        Binding("D", "compare", "diff", id="timeline.diff", tooltip="What differs between the mark and this event"),
        Binding("c", "cause", "cause", id="timeline.cause", tooltip="Go to the event behind this one"),
        Binding("C", "consequence", "Go to what came of it", show=False, id="timeline.consequence"),
        Binding("f", "follow", "follow", id="timeline.follow", tooltip="Follow the end of the log, or stand still"),
        Binding("v", "view", "view", id="timeline.view", tooltip="All, decisions, effects, errors, money, memory"),
        Binding(
            "left_square_bracket", "step(-1)", "Previous event", show=False, id="timeline.previous", key_display="["
        ),
        Binding("right_square_bracket", "step(1)", "Next event", show=False, id="timeline.next", key_display="]"),
        Binding(
            "left_curly_bracket",
            "decision(-1)",
            "Last decision",
            show=False,
            id="timeline.decision_before",
            key_display="{",
        ),
        Binding(
            "right_curly_bracket",
            "decision(1)",
            "Next decision",
            show=False,
            id="timeline.decision_after",
            key_display="}",
        ),
        Binding("r", "range", "Range of the scale: hour, day, 3 days, month, all", show=False, id="timeline.range"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.window = Window()
        self.wanted: Wanted = wanted("")
        self.following = True
        self._span = "3 days"
        self._stories: dict[int, Story] = {}
        self._drawn: tuple[tuple[object, ...], Sequence[Content]] = ((), ())
        self._left_at: Past | None = None
        self._busy = asyncio.Lock()  # The window is changed by one reading at a time.
        self._ready = asyncio.Event()  # The first stretch is there; whatever goes elsewhere waits for it.

    def compose_list(self) -> ComposeResult:
        yield TimelineList(id="list")

    @property
    def list(self) -> TimelineList:
        return self.query_one(TimelineList)

    # --- the window

    def on_screen_suspend(self) -> None:
        self._left_at = self.context.past

    def on_screen_resume(self) -> None:
        """Another screen may have gone to another moment meanwhile."""
        past = self.context.past
        if not self.was_read or past == self._left_at:
            return
        if past is None:
            self.to_now()
        else:
            self.start("load", self._reach, past)

    async def read(self) -> None:
        """Something happened, or the screen was opened."""
        if not self.was_read:
            past = self.context.past
            if past is None:
                await self._end()
            else:
                await self._reach(past)
        elif self.following:
            async with self._busy:
                self._put(await self.reads.newer(self.window, self.wanted, self._head), None)
        self._ready.set()
        await self.read_scale()
        self.look()

    def start(self, group: str, doing: Doing, *args: object) -> None:
        if group == "load":
            super().start(group, self._when_ready, doing, *args)
        else:
            super().start(group, doing, *args)

    async def _when_ready(self, doing: Doing, *args: object) -> None:
        await self._ready.wait()
        await doing(*args)

    @property
    def _head(self) -> int:
        return self.view.status.seq

    async def _end(self) -> None:
        """Take the end of the log in, with the cursor there."""
        async with self._busy:
            self._put(await self.reads.newest(self.wanted, self._head), None)
        self.moved_to()

    async def _around(self, seq: int) -> None:
        """Take the stretch around an event in, with the cursor on it, or on the one before where it is hidden."""
        async with self._busy:
            self._put(await self.reads.around(seq, self.wanted, self._head), seq)
        self.moved_to()

    def _put(self, window: Window, seq: int | None) -> None:
        self.window = window
        with self.prevent(RowList.Moved):
            self.list.rows = window.rows
            if seq is not None:
                before = sum(one.seq <= seq for one in window.rows)
                self.list.go(max(before - 1, 0))
            elif self.following:
                self.list.go(len(window.rows) - 1)
        self.call_after_refresh(self.draw)

    async def _grow(self) -> None:
        """More of the log, when the cursor is near an end of what is loaded."""
        async with self._busy:
            index, window = self.list.index, self.window
            if index < EDGE_ROWS and window.older is not None:
                self._put(await self.reads.older(window, self.wanted), None)
            behind = window.newer is not None or self._head > window.seen
            if index >= len(window.rows) - EDGE_ROWS and behind:
                self._put(await self.reads.newer(self.window, self.wanted, self._head), None)

    async def _reach(self, past: Past) -> None:
        seq = past.seq if past.seq is not None else await self.reads.at(past.at_us)
        self.following = False
        await self._around(seq)

    def moved(self) -> None:
        """By the operator's hand: what comes no longer moves the cursor."""
        self.following = False
        self.moved_to()
        self.start("grow", self._grow)

    def moved_to(self) -> None:
        row = self.list.current
        self.context.past = None if self.following or row is None else Past(row.at_us, row.seq)
        super().moved()

    # --- the scale of time

    def stretch(self) -> tuple[int, int]:
        """Up to now, or around the moment looked at when that is long ago."""
        now, past, span = self.context.clock.now_us(), self.context.past, SPANS_US[self._span]
        end = now
        if past is not None and past.at_us < now - span:
            end = min(past.at_us + span // 2, now)
        return max(end - span, self.began_us), end

    # --- what is told

    def status(self) -> tuple[str, str]:
        window = self.window
        whole = window.older is None and window.newer is None
        count = (
            f"{len(window.rows):,}{'' if whole else '+'} of {self._head:,}"
            if self.wanted.narrow
            else f"{self._head:,} events"
        )
        mark = f"   mark A {self.list.marked}" if self.list.marked else ""
        new = self._head - max(window.seen, window.rows[-1].seq if window.rows else 0)
        tail = (
            "follow on"
            if self.following
            else f"{new:,} new: G"
            if new > 0 and window.newer is None
            else "follow off: f"
        )
        return f"{self.wanted.view}  {self.wanted.text}".rstrip() + f"  {count}{mark}", f"v view  / filter  {tail}"

    def draw(self) -> None:
        if self.composed:
            self.list.now_us = self.now_us // STILL_US * STILL_US
        super().draw()

    def told(self, width: int) -> tuple[str, str, str, Sequence[Content]] | None:
        row = self.list.current
        if row is None:
            return None
        story = self._stories.get(row.seq)
        key = (row.seq, self.part, width, story)
        if story is None:
            said: Sequence[Content] = [Content("Reading ...")]
        elif self._drawn[0] == key:
            said = self._drawn[1]
        else:
            said = lines(story, self.part, width)
            self._drawn = (key, said)
        return f"{row.seq} {self.part}", f"{row.kind}  {visible(row.gist)}", f"event {row.seq}", said

    def look(self) -> None:
        row = self.list.current
        if row is not None and self.view.link == "live":
            self.start("look", self._look, row)

    async def _look(self, row: EventRow) -> None:
        story = self._stories.get(row.seq)
        if story is None:
            story = Story(await self.reads.opened(row.seq))
        action = story.opened.event.body.get("action")
        if self.part == "Memory then" and story.memory is None and versions(story.opened):
            story = replace(story, memory=await self.reads.memory_then(story.opened))
        if self.part == "Policy" and story.policy is None and not story.opened.verdict:
            known = isinstance(action, str) and action
            story = replace(story, policy=await self.reads.policy(str(action), row.seq) if known else {})
        self._stories[row.seq] = story
        while len(self._stories) > STORIES_MAX:
            del self._stories[next(iter(self._stories))]
        self.draw()

    # --- the operator

    def filtered(self, text: str) -> None:
        self.wanted = wanted(text, self.wanted.view)
        self._refilter()

    def action_view(self) -> None:
        names = list(VIEWS)
        self.wanted = wanted(self.filter_text, names[(names.index(self.wanted.view) + 1) % len(names)])
        self._refilter()

    def _refilter(self) -> None:
        """The same place under another filter."""
        row = self.list.current
        if self.following or row is None:
            self.start("load", self._end)
        else:
            self.start("load", self._around, row.seq)

    def go_to(self, at: int | datetime) -> None:
        if isinstance(at, int):
            self.jump(min(max(at, 1), self._head))
        elif at >= self.context.clock.local():
            self.to_now()
        else:
            self.start("load", self._reach, Past(int(at.timestamp() * 1_000_000)))

    def jump(self, seq: int) -> None:
        """Put the cursor on an event, wherever it is in the log."""
        self.following = False
        self.start("load", self._jump, seq)

    async def _jump(self, seq: int) -> None:
        if all(row.seq != seq for row in self.window.rows):
            await self._around(seq)
        else:
            self._put(self.window, seq)
        row = self.list.current
        if self.wanted.narrow and (row is None or row.seq != seq):
            self.say(f"The filter is off: it hid event {seq}.")
            self.wanted = wanted("")
            self.filter_text = ""
            await self._around(seq)
        self.moved_to()

    def to_now(self) -> None:
        self.following = True
        self.context.past = None
        self.start("load", self._end)

    def on_timeline_list_edge(self, event: TimelineList.Edge) -> None:
        if event.end == "newest":
            self.to_now()
        else:
            self.following = False
            self.start("load", self._around, 0)

    def action_follow(self) -> None:
        if self.following:
            self.following = False
            self.moved_to()
        else:
            self.to_now()

    def action_step(self, rows: int) -> None:
        self.list.action_move(rows)

    def by_time(self, by_us: int) -> None:
        row = self.list.current
        if row is not None:
            self.start("load", self._pass, row, by_us)

    async def _pass(self, row: EventRow, by_us: int) -> None:
        """Go through time; where nothing happened for so long, to the next event."""
        to_us = row.at_us + by_us
        if to_us >= self.context.clock.now_us():
            self.to_now()
            return
        seq = await self.reads.at(to_us)
        seq = max(seq, row.seq + 1) if by_us > 0 else max(min(seq, row.seq - 1), 1)
        self.following = False
        await self._around(seq)

    def action_range(self) -> None:
        names = list(SPANS_US)
        self._span = names[(names.index(self._span) + 1) % len(names)]
        self.say(f"The scale shows {self._span}.")
        self.start("scale", self.read_scale)

    def action_decision(self, direction: int) -> None:
        row = self.list.current
        if row is not None:
            self.start("decision", self._decision, row.seq, direction > 0)

    async def _decision(self, seq: int, forward: bool) -> None:
        found = await self.reads.neighbour(seq, DECISIONS, forward=forward)
        if found is None:
            self.say("There is no later decision." if forward else "There is no earlier decision.")
        else:
            self.jump(found)

    def action_cause(self) -> None:
        story = self._told()
        if story is not None and story.opened.cause is not None:
            self.jump(story.opened.cause.seq)
        elif story is not None:
            self.say("No event stands behind this one.")

    def action_consequence(self) -> None:
        story = self._told()
        if story is not None and story.opened.consequences:
            self.jump(story.opened.consequences[0].seq)
        elif story is not None:
            self.say("Nothing came of this one.")

    def link(self, number: int) -> None:
        story = self._told()
        found = links(story.opened) if story is not None else []
        if number <= len(found):
            self.jump(found[number - 1].seq)
        else:
            self.say(f"There is no {number} here.")

    def _told(self) -> Story | None:
        row = self.list.current
        return self._stories.get(row.seq) if row is not None else None

    def open_row(self) -> None:
        if self.following:
            self.following = False
            self.moved_to()
        super().open_row()

    def action_mark(self) -> None:
        row = self.list.current
        if row is not None:
            self.following = False
            self.list.marked = 0 if self.list.marked == row.seq else row.seq
            self.moved_to()
            self.say(f"Mark A is event {row.seq}; D elsewhere compares." if self.list.marked else "The mark is off.")

    def action_compare(self) -> None:
        row = self.list.current
        if row is None or not self.list.marked or self.list.marked == row.seq:
            self.say("Set a mark with m, go elsewhere, then press D.")
            return
        first, last = sorted((self.list.marked, row.seq))
        self.app.push_screen(DiffScreen(self.context, self.view, first, last))
