"""Dead letters: work that gave up, why, and the remedies by a key each."""

from __future__ import annotations

import shlex

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from .. import dead
from ..context import Context
from ..dead import DeadView
from ..labelled import labelled
from ..requests import OpenRun
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import Column
from ..widgets.table_list import TableList
from ..widgets.tabs import Tabs
from .edit_values import EditValuesScreen
from .prompt import PromptScreen, something
from .reading import ReadingScreen

TABLE = (
    Column("ID", 6), Column("AGE", 4, right=True), Column("AGENT", 9), Column("WHAT", 16),
    Column("TRY", 3, right=True), Column("WHY", 0), Column("FIRST", 9, shown_from=100),
)  # fmt: skip
TABS = ("open", "all")
LETTERS_MAX = 500
THEN = {
    "retry": "is tried again.",
    "edit": "is tried again with the new input.",
    "reroute": "is tried by the other agent.",
    "compensate": "- what its run did is taken back; the Bench asks where a yes is needed.",
    "drop": "stays as it ended.",
}


class DeadScreen(ReadingScreen):
    """What waits for a remedy, the newest first; tab shows what was resolved too."""

    PLACE = "Dead"
    AUTO_FOCUS = "TableList"
    NOTHING = "Nothing gave up."
    BINDINGS = [
        Binding("R", "retry", "retry", id="dead.retry", tooltip="Try it again as it is"),
        Binding("e", "edit", "edit", id="dead.edit", tooltip="Give it other input, and try again"),
        Binding("m", "reroute", "hand over", id="dead.reroute", tooltip="Have another agent do it"),
        Binding("x", "drop", "drop", id="dead.drop", tooltip="Leave it as it ended, with a reason"),
        Binding("u", "compensate", "take back", id="dead.compensate", tooltip="Take back what its run did"),
        Binding("tab,shift+tab", "tab", "open/all", id="tab.next", tooltip="What waits, or all of them"),
        Binding("escape,q", "back", "back", show=False, id="back"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tab = TABS[0]
        self._letters: tuple[DeadView, ...] = ()
        self._unreadable = 0
        self._opened: DeadView | None = None

    def compose_work(self) -> ComposeResult:
        yield Tabs()
        with Container(classes="desk"):
            rows = TableList(id="letters")
            rows.table = TABLE
            yield rows
            yield DetailPane(id="detail")

    async def read(self) -> None:
        page = await self.ask("deadletter.list", {"limit": LETTERS_MAX, "all": self._tab == "all"})
        self._letters, self._unreadable = dead.letters(page)
        self._fill()
        if (one := self.current()) is not None:
            self._opened = dead.letter(await self.ask("deadletter.get", {"id": one.id}))

    def current(self) -> DeadView | None:
        """The letter under the cursor, with all that is known where it has been read."""
        row = self.query_one(TableList).current
        if row is not None and self._opened is not None and self._opened.id == row.id:
            return self._opened
        return next((one for one in self._letters if row is not None and one.id == row.id), None)

    def draw(self) -> None:
        self._fill()
        one, pane = self.current(), self.query_one(DetailPane)
        if one is None:
            pane.tell("", "Nothing gave up", "", [])
        else:
            title = f"{one.id} {one.step} of {one.run}" if one.step else f"{one.id} {one.action}"
            pane.tell(one.id, title, one.agent, dead.lines(one, pane.cells, self.now_us))

    def _fill(self) -> None:
        self.query_one(TableList).rows = tuple(dead.row(one, self.now_us) for one in self._letters)
        tabs = self.query_one(Tabs)
        tabs.names, tabs.chosen = TABS, self._tab
        waiting = sum(not one.resolved for one in self._letters)
        over = f"{self._unreadable} could not be read   " if self._unreadable else ""
        tabs.note = f"{over}{waiting} wait for you"

    def moved(self) -> None:
        self.draw()
        self.want()

    # --- the operator

    def on_row_list_opened(self) -> None:
        if (one := self.current()) is not None and one.run:
            self.post_message(OpenRun(one.run))

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self._tab = event.name
        self.want()

    def action_tab(self) -> None:
        self._tab = TABS[1 - TABS.index(self._tab)]
        self.draw()
        self.want()

    def action_retry(self) -> None:
        if (one := self._meant("retry")) is not None:
            self._resolve(one, "retry")

    def action_compensate(self) -> None:
        if (one := self._meant("compensate")) is None:
            return
        about = labelled("", f"What {one.run} did before it failed is taken back, newest first. Type undo.", 74)

        def typed(word: str | None) -> None:
            if word is not None:
                self._resolve(one, "compensate")

        check = "Type undo, or press esc."
        prompt = PromptScreen(
            f"Take back what {one.run} did",
            about,
            check=lambda word: "" if word == "undo" else check,
            does="take it back",
        )
        self.app.push_screen(prompt, typed)

    def action_edit(self) -> None:
        if (one := self._meant("edit")) is None:
            return

        def edited(fields: dict[str, object] | None) -> None:
            if fields:
                self._resolve(one, "edit", {"input": fields}, " ".join(f"{name}=..." for name in fields))

        title = f"Input of {one.step or one.action}"
        self.app.push_screen(EditValuesScreen(title, one.input, "It is tried again with these fields."), edited)

    def action_reroute(self) -> None:
        if (one := self._meant("reroute")) is None:
            return

        def named(agent: str | None) -> None:
            if agent:
                self._resolve(one, "reroute", {"agent": agent}, agent)

        about = labelled("now", one.agent, 74)
        prompt = PromptScreen(
            f"Who does {one.step} instead?",
            about,
            placeholder="name of an agent",
            check=something,
            does="hand it over",
        )
        self.app.push_screen(prompt, named)

    def action_drop(self) -> None:
        if (one := self._meant("drop")) is None:
            return

        def dropped(reason: str | None) -> None:
            if reason:
                self._resolve(one, "drop", {"reason": reason}, shlex.join(["--reason", reason]))

        about = labelled("", "It stays as it ended, and on record. Why?", 74)
        self.app.push_screen(PromptScreen(f"Drop {one.id}", about, check=something, does="drop it"), dropped)

    def _meant(self, remedy: str) -> DeadView | None:
        """The letter under the cursor, when this remedy is one of its."""
        one = self.current()
        if one is None:
            self.say("Nothing is under the cursor.")
        elif one.resolved:
            self.say(f"{one.id} was resolved: {one.resolved}.")
        elif remedy not in one.offers:
            self.say(f"{one.id} cannot be mended like that; what can be done stands below.")
        else:
            return one
        return None

    def _resolve(self, one: DeadView, remedy: str, more: dict[str, object] | None = None, words: str = "") -> None:
        line = f"quarterdeck dead {remedy} {one.id} {words}".strip()
        params = {"id": one.id, "remedy": remedy, **(more or {})}
        self.change(line, "deadletter.resolve", params, f"{one.id} {THEN[remedy]}")
