"""A session in memory and a clock that stands still: the screen without a daemon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from textual.pilot import Pilot

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.clock import Clock
from quarterdeck_tui.session import OnChange
from quarterdeck_tui.views import (
    BenchView,
    Decision,
    DeedView,
    LessonView,
    LogLine,
    Shown,
    SourceView,
    StopView,
    Verdict,
)
from quarterdeck_tui.wire import Plain

from .studio import MORNING, NOW_US

THOROUGH = "QUARTERDECK_TEST_THOROUGH"  # Set to anything: random tests press as many keys as they can.
HOLD_US = 8_000_000
ASKED = StopView(engaged=True, reason="key ctrl+g", by="you", at_us=NOW_US)


def thorough(usual: int, many: int) -> int:
    """How many keys a random test presses."""
    return many if os.environ.get(THOROUGH) else usual


class StillClock:
    """Time that moves only when told to."""

    def __init__(self) -> None:
        self.us = NOW_US
        self.ms = 1_000_000.0
        self._later: list[tuple[float, Callable[[], object]]] = []

    def pass_ms(self, ms: float) -> None:
        """Let time pass; what was put off until then happens."""
        self.ms += ms
        self.us += int(ms * 1000)
        due = [do for at_ms, do in self._later if at_ms <= self.ms]
        self._later = [one for one in self._later if one[0] > self.ms]
        for do in due:
            do()

    def later(self, wait_ms: float, do: Callable[[], object]) -> None:
        self._later.append((self.ms + wait_ms, do))

    def clock(self) -> Clock:
        return Clock(now_us=lambda: self.us, mono_ms=lambda: self.ms)


@dataclass
class Decided:
    """One call of `decide`, as it came."""

    items: tuple[Shown, ...]
    decision: Decision
    edits: Mapping[str, str] | None = None
    reason: str = ""
    until: str = ""
    lesson: LessonView | None = None


@dataclass
class FakeSession:
    """Answers like a daemon that agrees, unless the item has another hash by now."""

    view: BenchView = MORNING
    decided: list[Decided] = field(default_factory=list)
    undone: int = 0
    stops: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    released: list[tuple[str, tuple[str, ...] | None]] = field(default_factory=list)
    sources: dict[str, SourceView] = field(default_factory=dict)
    refreshed: int = 0
    stop_view: StopView = ASKED
    log: tuple[LogLine, ...] = ()
    on_change: OnChange = lambda view: None
    answers: dict[str, Callable[[Plain], Plain | QuarterdeckError]] = field(default_factory=dict)
    asked: list[tuple[str, Plain]] = field(default_factory=list)
    changed: list[tuple[str, Plain]] = field(default_factory=list)

    async def run(self, on_change: OnChange) -> None:
        self.on_change = on_change
        on_change(self.view)
        await asyncio.Event().wait()

    def push(self, view: BenchView) -> None:
        self.view = view
        self.on_change(view)

    async def decide(
        self,
        items: tuple[Shown, ...],
        decision: Decision,
        *,
        edits: Mapping[str, str] | None = None,
        reason: str = "",
        until: str = "",
        confirm: str = "",
        lesson: LessonView | None = None,
    ) -> tuple[Verdict, ...]:
        self.decided.append(Decided(items, decision, edits, reason, until, lesson))
        verdicts = tuple(self._verdict(one) for one in items)
        done = {verdict.id for verdict in verdicts if verdict.ok}
        for one in items:
            if one.id in done:
                self._took(one.id, decision)
        return verdicts

    def _verdict(self, shown: Shown) -> Verdict:
        now = next((view for view in self.view.approvals if view.id == shown.id), None)
        if now is None or now.shown_hash != shown.shown_hash:
            return Verdict(shown.id, "conflict", f"{shown.id} is no longer what you saw", "Look at it again.")
        return Verdict(shown.id)

    def _took(self, id: str, decision: Decision) -> None:
        words = {"approve": "approved", "reject": "rejected", "snooze": "snoozed"}
        item = next(view for view in self.view.approvals if view.id == id)
        held = decision == "approve"
        last = DeedView(
            id,
            item.summary,
            words[decision],
            NOW_US + HOLD_US if held else None,
            "held" if held else "proposed" if decision == "snooze" else "rejected",
            NOW_US,
            item.act,
            ", ".join(item.targets),
            item.shown_hash,
        )
        rest = tuple(view for view in self.view.approvals if view.id != id)
        self.push(replace(self.view, approvals=rest, deeds=(last, *self.view.deeds)))

    async def undo(self) -> Verdict:
        self.undone += 1
        return Verdict("a16", message="It was not sent and never will be.")

    async def stop(self, reason: str, *, kill: bool = False) -> Verdict:
        (self.kills if kill else self.stops).append(reason)
        self.push(replace(self.view, stop=self.stop_view))
        return Verdict("stop", message="stopped")

    async def release(self, reason: str, runs: tuple[str, ...] | None = None) -> Verdict:
        self.released.append((reason, runs))
        self.push(replace(self.view, stop=StopView()))
        return Verdict("stop", message="Everything goes on.")

    async def source(self, id: str) -> SourceView:
        return self.sources.get(id, SourceView(id, note="no text is kept for it"))

    async def refresh(self) -> None:
        self.refreshed += 1

    async def read(
        self, method: str, params: Plain, *, line: str = "", deadline_ms: int = 0
    ) -> Plain | QuarterdeckError:
        self.asked.append((method, params))
        return self._answer(method, params)

    async def change(
        self, line: str, method: str, params: Plain, *, deadline_ms: int = 0
    ) -> Plain | QuarterdeckError:
        self.changed.append((method, params))
        return self._answer(method, params)

    def _answer(self, method: str, params: Plain) -> Plain | QuarterdeckError:
        if self.view.link != "live":
            return QuarterdeckError("unavailable", "the daemon does not answer")
        answer = self.answers.get(method)
        return answer(params) if answer else QuarterdeckError("unknown_method", f"the fake does not know {method}")


def fake_app(
    view: BenchView = MORNING, *, ascii_only: bool = False
) -> tuple[QuarterdeckApp, FakeSession, StillClock]:
    session, clock = FakeSession(view), StillClock()
    app = QuarterdeckApp(session, clock=clock.clock(), ascii_only=ascii_only)
    app.context.later = clock.later
    return app, session, clock


async def settle(pilot: Pilot[None], clock: StillClock) -> None:
    """Let everything be painted, and let the time pass after which a row may be approved."""
    await pilot.pause()
    clock.pass_ms(1_000)


def painted(app: QuarterdeckApp) -> list[str]:
    """Return the lines of the screen as they stand on the terminal."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]
