"""The application: takes views from the session to screens, and the operator's decisions back.

Owns     the screens and the message log. Promises ctrl+g works wherever the focus is.
Leaves   the wire to the session, drawing to the widgets, whether a yes is meant to the guard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.command import CommandPalette
from textual.screen import Screen
from textual.theme import ThemeProvider

from .clock import Clock
from .commands import understood
from .context import Context
from .marks import ASCII, FINE
from .places import PLACES
from .requests import Decide, MakeRule, OpenEvidence, OpenPlace, OpenRun, OpenWhy, Release, Said
from .rule_making import make_rule
from .screens.agents import AgentsScreen
from .screens.ask import AskScreen
from .screens.bench import BenchScreen
from .screens.command import CommandScreen
from .screens.dead import DeadScreen
from .screens.evidence import EvidenceScreen
from .screens.flows import FlowsScreen
from .screens.frame import FrameScreen
from .screens.keys import KeysScreen, key_help
from .screens.log import LogScreen
from .screens.memory import MemoryScreen
from .screens.metrics import MetricsScreen
from .screens.palette import Palette
from .screens.policies import PoliciesScreen
from .screens.prompt import PromptScreen, something
from .screens.run import RunScreen
from .screens.stop import StopScreen
from .screens.timeline import TimelineScreen
from .screens.why import WhyScreen
from .session import Session
from .svg import without_web_fonts
from .views import BenchView, LogLine, Verdict

TICK_S = 0.5
SAID_MAX = 200
BASE_SCREENS = 2  # Textual's own and the Bench; both stay.
SCREENS: dict[str, Callable[[Context], FrameScreen]] = {  # Beside the Bench; by the names in `PLACES`.
    "timeline": TimelineScreen,
    "memory": MemoryScreen,
    "agents": AgentsScreen,
    "flows": FlowsScreen,
    "dead": DeadScreen,
    "policies": PoliciesScreen,
    "metrics": MetricsScreen,
}
STOP_REASON = "key ctrl+g"
KILL_REASON = "KILL typed at the terminal"


class QuarterdeckApp(App[None]):
    """One window on one workspace."""

    TITLE = "Quarterdeck"
    CSS_PATH = "quarterdeck.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (80, "-normal"), (140, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (24, "-common"), (30, "-high"), (40, "-tall")]
    BINDINGS = [
        Binding("ctrl+g", "stop", "STOP everything outward", show=False, priority=True, id="stop"),
        Binding("ctrl+q", "quit", "Leave; the daemon goes on", show=False, priority=True, id="quit", system=False),
        *(Binding(one.key, f"go({one.name!r})", one.about, show=False, id=f"go.{one.name}") for one in PLACES),
    ]

    def __init__(self, session: Session, *, clock: Clock | None = None, ascii_only: bool = False) -> None:
        super().__init__()
        self.session = session
        self.context = Context(session, clock or Clock(), ASCII if ascii_only else FINE)
        self.context.later = lambda wait_ms, do: self.set_timer(wait_ms / 1000, do)
        self.bench = BenchScreen(self.context)
        others = {name: screen(self.context) for name, screen in SCREENS.items()}
        self.places: dict[str, FrameScreen] = {"bench": self.bench, **others}
        self.data = BenchView()
        self._ascii = ascii_only
        self._said: deque[LogLine] = deque(maxlen=SAID_MAX)

    def on_mount(self) -> None:
        self.set_class(self._ascii, "-ascii")
        for name, screen in self.places.items():
            self.install_screen(screen, name)  # They stay as they were left.
        self.push_screen(self.bench)
        self.set_interval(TICK_S, self.tick)
        self.run_worker(self.session.run(self.changed), name="session", exit_on_error=True)

    # --- data to screens

    def changed(self, view: BenchView) -> None:
        """The session has a new view: every full screen in the stack gets it."""
        was, self.data = self.data, view
        for screen in self._frames():
            screen.view = view
        self.tick()
        if was.link == "lost" and view.link == "live":
            self.say("Connected again.")

    def tick(self) -> None:
        for screen in self._frames():
            screen.now_us = self.context.clock.now_us()

    def _frames(self) -> list[FrameScreen]:
        """Full screens that can be drawn on: none while the program ends, when their widgets are gone already."""
        stack = self.screen_stack if self.is_running else []
        return [screen for screen in stack if isinstance(screen, FrameScreen)]

    def open(self, screen: FrameScreen) -> None:
        screen.set_reactive(FrameScreen.view, self.data)
        screen.set_reactive(FrameScreen.now_us, self.context.clock.now_us())
        self.push_screen(screen)
        if screen.composed:  # It was here before; what it shows is from then.
            screen.watch_view(self.data)

    def say(self, text: str, *, alarm: bool = False) -> None:
        """Show a line on the topmost full screen."""
        top = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, FrameScreen)), None)
        if top is not None:  # None while the app ends: nobody is there to read it.
            top.say(text, alarm=alarm)

    def on_said(self, said: Said) -> None:
        self._said.append(LogLine(self.context.clock.now_us(), said.text, failed=said.alarm))

    # --- decisions to the session

    def on_decide(self, request: Decide) -> None:
        self.run_worker(self._decide(request), name="decide")

    async def _decide(self, request: Decide) -> None:
        verdicts = await self.session.decide(
            request.items,
            request.decision,
            edits=request.edits,
            reason=request.reason,
            until=request.until,
            confirm=request.confirm,
            lesson=request.lesson,
        )
        self.context.on_its_way.difference_update(request.items)
        for verdict in verdicts:
            if verdict.ok:
                self.context.drafts.pop(verdict.id, None)
        refused = [verdict for verdict in verdicts if not verdict.ok]
        if refused:
            self.say(refusal(refused), alarm=True)

    def on_make_rule(self, request: MakeRule) -> None:
        self.run_worker(make_rule(self, self.session, request.item), name="rule", exclusive=True, group="rule")

    def on_take_back(self) -> None:
        self.run_worker(self._answered("undo"), name="undo")

    def on_release(self, request: Release) -> None:
        self.run_worker(self._release(request), name="release")

    def on_kill(self) -> None:
        self.run_worker(self._kill(), name="kill")

    def on_refresh(self) -> None:
        self.run_worker(self.session.refresh(), name="refresh")

    async def _answered(self, what: str) -> None:
        if not self.data.may_change:
            self.say("Not possible: the daemon does not answer.", alarm=True)
            return
        verdict = await self.session.undo()
        text = f"{verdict.id} {what}: {verdict.message}".strip()
        self.say(text if verdict.ok else refusal([verdict]), alarm=not verdict.ok)

    async def _release(self, request: Release) -> None:
        verdict = await self.session.release(request.reason, request.runs)
        if verdict.ok and isinstance(self.screen, StopScreen):
            self.screen.dismiss()
        self.say(verdict.message if verdict.ok else refusal([verdict]), alarm=not verdict.ok)

    async def _kill(self) -> None:
        verdict = await self.session.stop(KILL_REASON, kill=True)
        said = "The working processes were ended and start anew; nothing leaves."
        self.say(said if verdict.ok else refusal([verdict]), alarm=not verdict.ok)

    def on_open_why(self, request: OpenWhy) -> None:
        self.open(WhyScreen(self.context, request.item))

    def on_open_run(self, request: OpenRun) -> None:
        self.open(RunScreen(self.context, request.id))

    def on_open_place(self, request: OpenPlace) -> None:
        self.go(request.name, request.words)

    def on_open_evidence(self, request: OpenEvidence) -> None:
        screen = EvidenceScreen(request.evidence)
        self.push_screen(screen)
        self.run_worker(self._read_source(screen, request.evidence.source), name="source")

    async def _read_source(self, screen: EvidenceScreen, id: str) -> None:
        screen.source = await self.session.source(id)

    # --- from place to place

    def action_go(self, name: str) -> None:
        self.go(name)

    def go(self, name: str, words: str = "") -> None:
        """Show a place, and hand it the words that were typed after its name."""
        place = self.places[name]
        while self.screen is not place and len(self.screen_stack) > BASE_SCREENS:
            self.pop_screen()
        if self.screen is not place:
            self.open(place)
        if words:
            self.call_after_refresh(place.given, words)

    def action_command(self) -> None:
        def typed(line: str | None) -> None:
            found = understood(line or "")
            if not isinstance(found, str):
                command, words = found
                self.call_next(command.run, self, words)

        self.push_screen(CommandScreen(), typed)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Digits lead away from places only: elsewhere they have another meaning, or none."""
        return action != "go" or self.screen in self.places.values()

    # --- keys that work everywhere

    def action_stop(self) -> None:
        """Stop first, show afterwards; a second press asks again and does no harm."""
        self.run_worker(self.session.stop(STOP_REASON), name="stop")
        if not any(isinstance(screen, StopScreen) for screen in self.screen_stack):
            self.open(StopScreen(self.context))

    def action_ask(self) -> None:
        """Words for a question or for work; what they were understood as is shown before anything begins."""

        def said(words: str | None) -> None:
            if words:
                self.open(AskScreen(self.context, words))

        self.push_screen(PromptScreen("Ask, or say what is to be done", check=something, does="work it out"), said)

    def action_keys(self) -> None:
        active = self.screen.active_bindings.values()
        display = {one.binding.key: self.get_key_display(one.binding) for one in active}
        self.push_screen(KeysScreen(key_help(active, display)))

    def action_log(self) -> None:
        self.push_screen(LogScreen((*self.session.log, *self._said)))

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(placeholder="Search for commands"))

    def search_themes(self) -> None:
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes"))

    def get_key_display(self, binding: Binding) -> str:
        """Keys by sign, or by name where only ASCII may be drawn."""
        shown = super().get_key_display(binding)
        return shown if shown.isascii() or not self._ascii else binding.key

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything that has a key here is also in the palette, with its line of help."""
        seen: set[str] = set()
        for one in screen.active_bindings.values():
            binding = one.binding
            if binding.id and one.enabled and binding.action not in seen:
                seen.add(binding.action)
                said = one.tooltip or binding.description
                name = f"{binding.id.replace('.', ' ').replace('_', ' ')}: {said}"
                keys = f"key {self.get_key_display(binding)}"
                yield SystemCommand(name, keys, lambda key=binding.key: self.simulate_key(key))
        yield SystemCommand("theme: Change the colours", "no key", self.action_change_theme)

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """An SVG of the screen that loads nothing from anywhere."""
        return without_web_fonts(super().export_screenshot(title=title, simplify=simplify))


def refusal(verdicts: list[Verdict]) -> str:
    """Return what was refused, in one line: the first in full, the others counted."""
    first = verdicts[0]
    words = {"conflict": f"{first.id} has changed and was not touched: {first.message}"}
    said = words.get(first.code, f"{first.id} {first.message}".strip())
    more = f" (and {len(verdicts) - 1} more)" if len(verdicts) > 1 else ""
    return f"{said}{more}. {first.hint}".replace("..", ".").strip()
