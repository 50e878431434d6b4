"""Screens that read for themselves: when they are opened, when something has happened, and when asked to.

Promises one reading at a time; what happens meanwhile leads to one more, at most every `AGAIN_S`.
         What was read stays on the screen while the daemon does not answer, and the banner says that it is old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
from textual import events
from textual.binding import Binding
from textual.content import Content

from quarterdeck_protocol.codes import QuarterdeckError

from ..context import Context
from ..replies import Plain
from ..views import BenchView
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import RowList
from ..widgets.tabs import Tabs
from ..wire import NO_ANSWER
from .frame import FrameScreen
from .tell import TELL_CELLS, TellScreen

AGAIN_S = 0.25
TELL_MS = 20_000  # What looks through the past takes its time.
EMPTY = {
    "connecting": "Connecting to the daemon ...",
    "lost": "",
    "absent": "",
}


class ReadingScreen(FrameScreen):
    """Subclasses ask in `read`, and draw in `draw` what they have."""

    NOTHING = "Nothing here."
    BINDINGS = [
        Binding("ctrl+r", "want", "Read again", show=False, id="refresh", tooltip="Ask the daemon anew"),
        Binding("J,ctrl+down", "scroll(1)", "Scroll the text below down", show=False, id="detail.down"),
        Binding("K,ctrl+up", "scroll(-1)", "Scroll the text below up", show=False, id="detail.up"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._seen_seq = -1
        self._reading = False
        self._again = False
        self.was_read = False

    async def read(self) -> None:
        """Ask for what is shown. Raises QuarterdeckError, and then nothing changes."""

    def draw(self) -> None:
        """Draw what was read last, for the size there is now."""

    async def ask(self, method: str, params: Plain, *, line: str = "") -> Plain:
        answer = await self.context.session.read(method, params, line=line)
        if isinstance(answer, QuarterdeckError):
            raise answer
        return answer

    # --- when to read, when to draw

    def show(self, view: BenchView) -> None:
        for rows in self.query(RowList):
            rows.asleep = view.link != "live"
            rows.empty = EMPTY.get(view.link, self.NOTHING if self.was_read else "Reading ...")
        if view.link == "live" and view.status.seq != self._seen_seq:
            self._seen_seq = view.status.seq
            self.want()

    def watch_now_us(self, now_us: int) -> None:
        super().watch_now_us(now_us)
        if self.composed:
            self.draw()

    def on_mount(self) -> None:
        for widget in (*self.query(RowList), *self.query(DetailPane), *self.query(Tabs)):
            widget.marks = self.context.marks

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.draw)

    def on_row_list_moved(self) -> None:
        self.call_after_refresh(self.moved)

    def moved(self) -> None:
        """The cursor is on another row."""
        self.draw()

    def want(self) -> None:
        if self._reading:
            self._again = True
            return
        self._reading = True
        self.run_worker(self._read(), name="read", group="read")

    async def _read(self) -> None:
        try:
            while True:
                self._again = False
                await self._read_once()
                if not self._again:
                    return
                await asyncio.sleep(AGAIN_S)
        finally:
            self._reading = False

    async def _read_once(self) -> None:
        try:
            await self.read()
            self.was_read = True
        except QuarterdeckError as error:
            if error.code not in NO_ANSWER:
                self.say(f"{error.message}. {error.hint}", alarm=True)
        except msgspec.ValidationError as error:
            self.say(f"An answer of the daemon could not be read: {error}", alarm=True)
        if self.is_attached:
            self.show(self.view)
            self.draw()

    # --- what is done

    def change(
        self,
        line: str,
        method: str,
        params: Mapping[str, object],
        done: str,
        then: Callable[[Plain], None] | None = None,
    ) -> None:
        """Have a change made; say `done` or why not, and read again. `line`: the same as a command."""
        self.run_worker(self._change(line, method, dict(params), done, then), name="change", group="change")

    async def _change(
        self, line: str, method: str, params: Plain, done: str, then: Callable[[Plain], None] | None
    ) -> None:
        answer = await self.context.session.change(line, method, params)
        if isinstance(answer, QuarterdeckError):
            self.say(f"{answer.message}. {answer.hint}".replace("..", "."), alarm=True)
            return
        if done:
            self.say(done)
        if then is not None:
            then(answer)
        self.want()

    def tell_answer(
        self,
        title: str,
        method: str,
        params: Mapping[str, object],
        line: str,
        lines: Callable[[Plain, int], Sequence[Content]],
    ) -> None:
        """Ask, and show the answer in full on a sheet."""
        self.run_worker(self._tell_answer(title, method, dict(params), line, lines), name="tell", group="tell")

    async def _tell_answer(
        self, title: str, method: str, params: Plain, line: str, lines: Callable[[Plain, int], Sequence[Content]]
    ) -> None:
        answer = await self.context.session.read(method, params, line=line, deadline_ms=TELL_MS)
        if isinstance(answer, QuarterdeckError):
            self.say(f"{answer.message}. {answer.hint}".replace("..", "."), alarm=True)
        else:
            self.app.push_screen(TellScreen(title, lines(answer, TELL_CELLS)))

    def action_want(self) -> None:
        self.want()

    def action_scroll(self, rows: int) -> None:
        for pane in self.query(DetailPane):
            pane.scroll_by(rows)
