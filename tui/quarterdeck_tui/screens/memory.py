"""Memory: what is known, why it was found, where it comes from and who used it; corrected, vouched for, forgotten.

Promises in the past nothing can be changed; what is forgotten is exactly the plan that was shown.
Leaves   asking to `memory_reads.py`, the words of a memory to `memory_text.py`.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from quarterdeck_protocol.codes import QuarterdeckError

from ..context import Context
from ..memories import FIND_HELP, VIEWS, Memory, MemoryRow, query
from ..memory_reads import Found, MemoryReads, forget_plan
from ..memory_text import PARTS, Story, lines, links
from ..past import Past
from ..replies import Plain, events
from ..requests import OpenPlace
from ..widgets.memory_list import MemoryList
from .browsing import DAY_US, BrowsingScreen
from .correct import CorrectScreen
from .edit_values import EditValuesScreen
from .forget import ForgetScreen

STORIES_MAX = 30
AGAIN_MS = 5_000  # Live events lead to a new reading of the list at most so often.
LONG_AGO_MS = -1e12
FORGET_MS = 120_000  # It goes through log, index and backups.
MONTH_US = 30 * DAY_US


class MemoryScreen(BrowsingScreen):
    """As of now, or of the moment that the Timeline looks at."""

    PLACE = "Memory"
    AUTO_FOCUS = "MemoryList"
    NOTHING = "Nothing is known about that."
    FILTER_HELP = FIND_HELP
    PARTS = tuple(PARTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "used", "used by", id="memory.used_by", tooltip="Who used it; digits open their events"),
        Binding("e", "endorse", "endorse", id="memory.endorse", tooltip="Vouch for exactly this text"),
        Binding("c", "correct", "correct", id="memory.correct", tooltip="Change what it says; its versions stay"),
        Binding("x", "forget", "forget", id="memory.forget", tooltip="Erase it for good, after showing what goes"),
        Binding("v", "view", "view", id="memory.view", tooltip="All, notes, facts, lessons, pinned"),
        Binding("t", "timeline", "Its event on the Timeline", show=False, id="memory.timeline"),
        Binding(
            "left_square_bracket", "month(-1)", "A month back", show=False, id="memory.month_back", key_display="["
        ),
        Binding("right_square_bracket", "month(1)", "A month on", show=False, id="memory.month_on", key_display="]"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.memory = MemoryReads(self.ask)
        self.found = Found()
        self._view = "all"
        self._of: tuple[object, ...] = ()  # What the list answers: the question and the moment.
        self._at_ms = 0.0
        self._stories: dict[tuple[str, Past | None], Story] = {}

    def compose_list(self) -> ComposeResult:
        yield MemoryList(id="list")

    @property
    def list(self) -> MemoryList:
        return self.query_one(MemoryList)

    @property
    def current(self) -> Memory | None:
        row = self.list.current
        return row.memory if row is not None else None

    # --- reading

    async def read(self) -> None:
        asked, past, now_ms = query(self.filter_text, self._view), self.context.past, self.context.clock.mono_ms()
        key = (asked, past)
        if key == self._of and (past is not None or now_ms - self._at_ms < AGAIN_MS):
            self._seen_seq = -1  # Looked at again with the next pulse.
            return
        self._stories.clear()
        self.found = await self.memory.find(asked, past)
        self.list.rows = self.found.rows
        if self._of[:1] != (asked,):  # Another question: its best answer, not the row that was looked at before.
            self.list.go(0)
        self._of, self._at_ms = key, now_ms
        await self.read_scale()
        self.look()

    def on_screen_resume(self) -> None:
        if self.was_read and self._of[1:] != (self.context.past,):
            self.want()

    def look(self) -> None:
        row = self.list.current
        if row is not None and self.view.link == "live":
            self.start("look", self._look, row, self.context.past)

    async def _look(self, row: MemoryRow, past: Past | None) -> None:
        story = self._stories.get((row.id, past))
        if story is None:
            one = await self.memory.one(row.id, past)
            story = Story(with_why(one, row.memory))
        if self.part == "History" and story.history is None:
            story = replace(story, history=await self.memory.history(row.id, past))
        if self.part == "Used by" and story.used is None:
            story = replace(story, used=await self.memory.used_by(row.id, past))
        if self.part == "Made from" and story.made is None:
            story = replace(story, made=await self.memory.made_from(row.id, past))
        self._stories[row.id, past] = story
        while len(self._stories) > STORIES_MAX:
            del self._stories[next(iter(self._stories))]
        self.draw()

    # --- what is told

    def status(self) -> tuple[str, str]:
        found = self.found
        what = f"find: {self.filter_text}" if self.filter_text else "newest first"
        count = f"{len(found.rows)}{'+' if found.cut else ''} {'hits' if self.filter_text else 'things'}"
        note = f"   {found.note}" if found.note else ""
        return f"{self._view}  {what}  {count}{note}", "v view  / find  @ as of"

    def draw(self) -> None:
        if self.composed:
            self.list.now_us = self.now_us if self.context.past is None else self.context.past.at_us
        super().draw()

    def told(self, width: int) -> tuple[str, str, str, Sequence[Content]] | None:
        one = self.current
        if one is None:
            return None
        story = self._stories.get((one.about, self.context.past))
        said = [Content("Reading ...")] if story is None else lines(story, self.part, width)
        return f"{one.about} {self.part}", f"{one.name}  {one.title if not one.fact else ''}".strip(), one.kind, said

    # --- the operator, looking

    def filtered(self, text: str) -> None:
        self.want()

    def action_view(self) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self.want()

    def action_used(self) -> None:
        if self.current is not None:
            self.part = "Used by"
            self.open_row()

    def link(self, number: int) -> None:
        one = self.current
        story = self._stories.get((one.about, self.context.past)) if one is not None else None
        found = links(story, self.part) if story is not None else []
        if number <= len(found) and found[number - 1]:
            self._on_timeline(found[number - 1])
        else:
            self.say(f"There is no event {number} here.")

    def action_timeline(self) -> None:
        one = self.current
        story = self._stories.get((one.about, self.context.past)) if one is not None else None
        if story is not None and story.memory.seq:
            self._on_timeline(story.memory.seq)

    def _on_timeline(self, seq: int) -> None:
        self.post_message(OpenPlace("timeline", f"@#{seq}"))

    def go_to(self, at: int | datetime) -> None:
        self.start("reach", self._reach, at)

    async def _reach(self, at: int | datetime) -> None:
        if isinstance(at, datetime):
            if at >= self.context.clock.local():
                self.to_now()
                return
            self.context.past = Past(int(at.timestamp() * 1_000_000))
        else:
            page = await self.ask("timeline.read", {"before": at + 1, "limit": 1})
            found = events(page)
            self.context.past = Past(found[0].at_us, found[0].seq) if found else None
        self._moment_changed()

    def by_time(self, by_us: int) -> None:
        past, now_us = self.context.past, self.context.clock.now_us()
        at_us = max((past.at_us if past else now_us) + by_us, self.began_us)
        self.context.past = Past(at_us) if at_us < now_us else None
        self._moment_changed()

    def action_month(self, months: int) -> None:
        self.by_time(months * MONTH_US)

    def to_now(self) -> None:
        self.context.past = None
        self._moment_changed()

    def _moment_changed(self) -> None:
        self.draw()
        self.want()

    # --- the operator, changing

    def _changeable(self) -> MemoryRow | None:
        """Return the row under the cursor, when something may be changed now."""
        if self.context.past is not None:
            self.say("The past is read-only; esc comes back to now.", alarm=True)
        elif not self.view.may_change:
            self.say("Not possible: the daemon does not answer.", alarm=True)
        else:
            return self.list.current
        return None

    async def _in_full(self, row: MemoryRow) -> Memory:
        if (row.id, None) not in self._stories:
            await self._look(row, None)
        return self._stories[row.id, None].memory

    def _changed(self, answer: Plain) -> None:
        self._at_ms = LONG_AGO_MS

    def action_endorse(self) -> None:
        """Only what is on the screen can be vouched for."""
        row = self._changeable()
        story = self._stories.get((row.id, None)) if row is not None else None
        if row is not None and story is None:
            self.say("It is still being read; press again.")
        elif story is not None:
            one = story.memory
            params: Plain = {"id": one.about, "hash": one.hash}
            said = f"You vouch for {one.name}, exactly as it reads."
            self.change(
                f"quarterdeck memory endorse {shlex.quote(one.name)}", "memory.endorse", params, said, self._changed
            )

    def action_correct(self) -> None:
        if (row := self._changeable()) is not None:
            self.start("sheet", self._correct, row)

    async def _correct(self, row: MemoryRow) -> None:
        one = await self._in_full(row)
        if one.fact:
            self.app.push_screen(
                EditValuesScreen(f"Correct {one.name}", one.value), lambda found: self._put(one, found)
            )
        else:
            self.app.push_screen(CorrectScreen(one.name, one.text), lambda text: self._edit(one, text))

    def _edit(self, one: Memory, text: str | None) -> None:
        if text is not None:
            params: Plain = {"id": one.name, "text": text, "hash": one.hash, "reason": "corrected at the terminal"}
            line = f"quarterdeck memory edit {shlex.quote(one.name)} ..."
            self.change(line, "memory.edit", params, f"{one.name} is corrected; its versions stay.", self._changed)

    def _put(self, one: Memory, found: Plain | None) -> None:
        """The fact with the fields that were changed; a field that was taken away is None among them."""
        if found is not None:
            value = {name: new for name, new in {**one.value, **found}.items() if found.get(name, new) is not None}
            params: Plain = {"kind": one.kind, "key": one.key, "value": value, "if_version": one.version}
            line = f"quarterdeck fact put {shlex.quote(one.name)} ..."
            self.change(line, "fact.put", params, f"{one.name} is corrected; its versions stay.", self._changed)

    def action_forget(self) -> None:
        if (row := self._changeable()) is not None:
            self.start("sheet", self._plan, row)

    async def _plan(self, row: MemoryRow) -> None:
        one = row.memory
        plan = forget_plan(await self.ask("memory.forget", {"id": one.about, "dry_run": True}))

        def typed(hash: str | None) -> None:
            if hash is not None:
                self.start("forget", self._forget, one, hash)

        self.app.push_screen(ForgetScreen(one.name, plan), typed)

    async def _forget(self, one: Memory, plan: str) -> None:
        self.say(f"Forgetting {one.name} ...")
        line = f"quarterdeck memory forget {shlex.quote(one.name)}"
        params: Plain = {"id": one.about, "plan": plan, "reason": "forgotten at the terminal"}
        answer = await self.context.session.change(line, "memory.forget", params, deadline_ms=FORGET_MS)
        if isinstance(answer, QuarterdeckError):
            raise answer
        proof = answer.get("proof")
        left = f" Looked for afterwards: {proof}." if proof else ""
        self.say(f"{one.name} is forgotten.{left}")
        self._at_ms = LONG_AGO_MS
        self.want()


def with_why(one: Memory, hit: Memory) -> Memory:
    """The memory in full, with the reason why the search found it."""
    return one if not hit.why.words else msgspec.structs.replace(one, why=hit.why)
