"""The session over the wire: one connection, one view, kept fresh for as long as the program runs.

Owns     the connection: it is opened, watched and closed here and nowhere else.
Promises the view says `lost` within `PULSE_S + READ_ANSWER_MS` of a daemon's silence, and `live` again by itself;
         a stop that nobody confirmed is asked for again as soon as the daemon is back.
Leaves   what the daemon's fields mean to `replies.py`, calls to `wire.py`, the ways of a stop to `stopping.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from quarterdeck_protocol.client import AsyncClient
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from . import replies, stopping, typed_lines
from .clock import Clock
from .deeds import Deeds
from .session import OnChange
from .views import (
    ApprovalView,
    BenchView,
    Decision,
    DeedView,
    LessonView,
    LogLine,
    Shown,
    SourceView,
    StopView,
    Verdict,
    to_take_back,
)
from .wire import ANSWER_MS, NO_ANSWER, READ_ANSWER_MS, Client, Plain, Wire

UNDO_ANSWER_MS = 8_000  # A correction of what has left is drafted first.
PULSE_S = 1.0  # Silence longer than this is asked about.
GATHER_S = 0.04  # Events that come together are one refresh.
BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 5.0
APPROVALS_MAX = 1_000
PAGE = 200
RUNS_MAX = 20
DEEDS_MAX = 200
RECENT = 20  # Decisions from before this window was opened.
BACK_SOON_US = 1_500_000  # An undone snooze comes back by a snooze this short.
DONE_WORDS: dict[Decision, str] = {"approve": "approved", "reject": "rejected", "snooze": "snoozed"}
DECIDED = ["approval.given", "approval.rejected", "approval.snoozed", "action.withdrawn"]


class LiveSession:
    """A `Session` with the daemon of `workspace`."""

    def __init__(
        self, workspace: Path, *, clock: Clock | None = None, open_client: Callable[[Path], Client] | None = None
    ) -> None:
        self._workspace = workspace
        self._clock = clock or Clock()
        self._wire = Wire(workspace, self._clock, open_client or AsyncClient)
        self._view = BenchView()
        self._on_change: OnChange = lambda view: None
        self._deeds = Deeds()
        self._dirty = asyncio.Event()
        self._ever_live = False
        self._answered: DeedView | None = None  # The last decision, when it was about a question of a run.
        self._decided = 0  # Counts decisions shown here, so that an older reading does not bring a row back.

    @property
    def log(self) -> tuple[LogLine, ...]:
        return tuple(self._wire.log)

    # --- keeping the view fresh

    async def run(self, on_change: OnChange) -> None:
        """Connect, follow, reconnect; waits `BACKOFF_FIRST_S` doubling to `BACKOFF_MAX_S` between tries."""
        self._on_change = on_change
        wait_s = BACKOFF_FIRST_S
        while True:
            try:
                await self._follow()
            except* (QuarterdeckError, OSError, msgspec.ValidationError) as group:
                wait_s = BACKOFF_FIRST_S if self._view.link == "live" else min(wait_s * 2, BACKOFF_MAX_S)
                self._lost(group.exceptions[0])
            finally:
                await self._wire.close()
            await asyncio.sleep(wait_s)

    async def _follow(self) -> None:
        client = self._wire.open()
        await self._refresh()
        await self._look_back()
        await self._refresh()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(client))
            tasks.create_task(self._keep_fresh())

    async def _look_back(self) -> None:
        """Learn what was decided, held and stopped before this window looked; from here on events tell it."""
        self._deeds = Deeds()
        for view in replies.deeds(await self._wire.ask("action.list", {"live": True, "limit": DEEDS_MAX})):
            self._deeds.read(view)
        page = await self._wire.ask("timeline.read", {"limit": RECENT, "filter": {"kinds": DECIDED}})
        for event in reversed(replies.events(page)):
            self._deeds.heard(event)
        if self._view.stop.engaged:
            engaged = await self._wire.ask("timeline.read", {"limit": 1, "filter": {"kinds": ["stop.engaged"]}})
            for event in replies.events(engaged):
                self._heard_stop(event)

    async def _listen(self, client: Client) -> None:
        async for event in client.events(self._view.status.seq):
            self._deeds.heard(event)
            if event.kind == "stop.engaged":
                self._heard_stop(event)
            if not event.kind.startswith("memory."):
                self._dirty.set()

    def _heard_stop(self, event: Event) -> None:
        """Who stopped and what was on the wire; the supervisor's answer does not say."""
        told = replies.stop(event.body, engaged=True)
        known = self._view.stop
        by = known.by if known.engaged and known.by else "you" if told.by == "operator" else told.by
        self._show(replace(self._view, stop=replace(told, by=by, at_us=known.at_us or event.at_us)))

    async def _keep_fresh(self) -> None:
        """Refresh after events, and at every pulse: the only sign that a silent daemon is still there."""
        while True:
            try:
                await asyncio.wait_for(self._dirty.wait(), PULSE_S)
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            await self._refresh()

    async def _refresh(self) -> None:
        self._dirty.clear()
        decided = self._decided
        status, alerts, stopped = replies.status(await self._wire.ask("system.status", {}), self._workspace.name)
        approvals, unreadable = await self._approvals()
        runs = replies.runs(await self._wire.ask("run.list", {"limit": RUNS_MAX, "live": True}))
        await self._read_deeds()
        if decided != self._decided:  # Read before a decision that has been shown meanwhile; read again.
            self._dirty.set()
            approvals = self._view.approvals
        self._ever_live = True
        self._show(
            replace(
                self._view,
                link="live",
                note="",
                status=replace(status, running=sum(run.moving for run in runs)),
                alerts=alerts,
                deeds=self._deeds_but(approvals),
                approvals=approvals,
                unreadable=unreadable,
                runs=runs,
                stop=self._stop_now(stopped),
            )
        )
        await self._insist()

    async def _read_deeds(self) -> None:
        """Read again what events have spoken of."""
        for id in self._deeds.stale:
            try:
                self._deeds.read(replies.deed(await self._wire.ask("action.get", {"id": id})))
            except msgspec.ValidationError:
                self._deeds.gone(id)
            except QuarterdeckError as error:
                if error.code in NO_ANSWER:
                    raise
                self._deeds.gone(id)

    def _deeds_but(self, approvals: tuple[ApprovalView, ...]) -> tuple[DeedView, ...]:
        """What was snoozed and waits again is no longer a decision that could be taken back."""
        waiting = frozenset(view.id for view in approvals)
        return tuple(view for view in self._deeds.views if view.id not in waiting)

    def _stop_now(self, stopped: bool) -> StopView:
        known = self._view.stop
        if stopped == known.engaged:
            return replace(known, confirmed=True, note="")
        if known.engaged and not known.confirmed:
            return known  # Asked for a moment ago; the figures were read before it took effect.
        return StopView(engaged=stopped)

    async def _insist(self) -> None:
        """A stop that reached nobody is asked for again."""
        stop = self._view.stop
        if stop.engaged and not stop.confirmed and stop.note:
            self._show(replace(self._view, stop=await stopping.engage(self._wire, stop, kill=False)))

    async def _approvals(self) -> tuple[tuple[ApprovalView, ...], int]:
        found: list[ApprovalView] = []
        unreadable = 0
        params: Plain = {"limit": PAGE}
        while len(found) < APPROVALS_MAX:
            page = await self._wire.ask("approval.list", params)
            views, bad = replies.approvals(page)
            found.extend(views)
            unreadable += bad
            if not page.get("next"):
                break
            params = {"limit": PAGE, "cursor": page["next"]}
        return tuple(found), unreadable

    def _lost(self, error: BaseException) -> None:
        hint = error.hint if isinstance(error, QuarterdeckError) else ""
        start = f"quarterdeck -w {self._workspace} up"
        note = f"{error}. {hint or 'Start it with: ' + start}"
        self._show(replace(self._view, link="lost" if self._ever_live else "absent", note=note))

    def _show(self, view: BenchView) -> None:
        self._view = view
        self._on_change(view)

    # --- what the operator does

    async def refresh(self) -> None:
        self._wire.note(typed_lines.READS["approval.list"], "asked")
        self._dirty.set()

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
        line = typed_lines.decision_line(items, decision, edits, reason, until, lesson)
        optional: Plain = {"edits": dict(edits or {}), "reason": reason, "until": until, "confirm": confirm}
        optional["lesson"] = None if lesson is None else {"to": lesson.to, "everybody": lesson.everybody}
        params: Plain = {
            "items": [{"id": one.id, "shown_hash": one.shown_hash} for one in items],
            "decision": decision,
            **{name: value for name, value in optional.items() if value},
        }
        known = {view.id: view for view in self._view.approvals}
        answer = await self.change(line, "approval.decide", params)
        if isinstance(answer, QuarterdeckError):
            return tuple(Verdict(one.id, answer.code, answer.message, answer.hint) for one in items)
        found = replies.verdicts(answer)
        for verdict, shown in zip(found, items, strict=False):
            if verdict.ok:
                self._remember(verdict, shown, decision, known.get(shown.id))
        self._dirty.set()
        return found

    def _remember(self, verdict: Verdict, shown: Shown, decision: Decision, item: ApprovalView | None) -> None:
        held = verdict.release_us is not None
        status = "held" if held else {"approve": "intent", "snooze": "proposed", "reject": "rejected"}[decision]
        deed = DeedView(
            shown.id,
            item.summary if item else shown.id,
            DONE_WORDS[decision],
            verdict.release_us,
            status,
            self._clock.now_us(),
            item.act if item else "",
            ", ".join(item.targets) if item else "",
            shown.shown_hash,
        )
        if item is not None and item.gate:
            self._answered = deed  # No action that could be read again: the answer to a question of a run.
        else:
            self._answered = None
            self._deeds.decided(deed)
        waiting = tuple(view for view in self._view.approvals if view.id != shown.id)
        self._decided += 1
        self._show(replace(self._view, deeds=self._deeds_but(waiting), approvals=waiting))

    async def undo(self) -> Verdict:
        deed = self._answered or to_take_back(self._view.deeds)
        if self._answered is not None and self._answered.done != "snoozed":
            self._answered = None  # Said once; the next press is about the decision before it.
            run = deed.id.partition("/")[0] if deed is not None else ""
            hint = f"A yes is taken back by: quarterdeck runs rollback {run}"
            return Verdict(deed.id if deed else "", "bad_value", "was answered, and an answer stands", hint)
        self._answered = None
        if deed is None:
            return Verdict("", "not_found", "there is nothing to take back", "What was rejected stays rejected.")
        if deed.done == "snoozed" and not deed.held:
            return await self._wake(deed)
        line = typed_lines.undo_line(deed.id)
        answer = await self.change(line, "action.undo", {"id": deed.id}, deadline_ms=UNDO_ANSWER_MS)
        if isinstance(answer, QuarterdeckError):
            return Verdict(deed.id, answer.code, answer.message, answer.hint)
        state, said = replies.undone(answer)
        if state == "withdrawn":
            self._undone(deed)
        self._dirty.set()
        return Verdict(deed.id, message=said)

    def _undone(self, deed: DeedView) -> None:
        self._deeds.decided(replace(deed, done="undone", status="withdrawn", release_us=None))
        self._decided += 1
        self._show(replace(self._view, deeds=self._deeds_but(self._view.approvals)))

    async def _wake(self, deed: DeedView) -> Verdict:
        """The inverse of a snooze; `action.undo` would withdraw the proposal altogether."""
        until = replies.iso(self._clock.now_us() + BACK_SOON_US)
        shown = Shown(deed.id, deed.shown_hash)
        params: Plain = {
            "items": [{"id": shown.id, "shown_hash": shown.shown_hash}],
            "decision": "snooze",
            "until": until,
        }
        line = typed_lines.decision_line((shown,), "snooze", None, "", "2s")
        answer = await self.change(line, "approval.decide", params)
        if isinstance(answer, QuarterdeckError):
            return Verdict(deed.id, answer.code, answer.message, answer.hint)
        found = replies.verdicts(answer)
        return found[0] if found and not found[0].ok else Verdict(deed.id, message="it comes back in a moment")

    async def stop(self, reason: str, *, kill: bool = False) -> Verdict:
        """By the supervisor, the daemon, or a file. Works without a live connection."""
        was = self._view.stop
        at_us = was.at_us if was.engaged else self._clock.now_us()
        asked = StopView(True, False, reason, "you", at_us, was.in_flight)
        self._show(replace(self._view, stop=asked))
        known = await stopping.engage(self._wire, asked, kill=kill)
        heard = self._view.stop  # The event may have come before the answer.
        self._show(replace(self._view, stop=replace(known, in_flight=known.in_flight or heard.in_flight)))
        self._dirty.set()
        if known.confirmed:
            return Verdict("stop", message="stopped")
        return Verdict("stop", "unavailable", known.note, f"Type in a shell: quarterdeck -w {self._workspace} stop")

    async def release(self, reason: str, runs: tuple[str, ...] | None = None) -> Verdict:
        params: Plain = {"reason": reason} if runs is None else {"reason": reason, "runs": list(runs)}
        answer = await self.change(typed_lines.release_line(reason, runs), "stop.release", params)
        if isinstance(answer, QuarterdeckError):
            return Verdict("stop", answer.code, answer.message, answer.hint)
        self._show(replace(self._view, stop=StopView()))
        self._dirty.set()
        paused = answer.get("paused_runs")
        count = len(paused) if isinstance(paused, list) else 0
        return Verdict("stop", message=f"Open again; {count} run(s) stay paused." if count else "Everything goes on.")

    async def source(self, id: str) -> SourceView:
        try:
            return replies.source(await self._wire.ask("memory.get", {"id": id}, line=typed_lines.source_line(id)))
        except (QuarterdeckError, msgspec.ValidationError) as error:
            return SourceView(id=id, note=str(error))

    async def read(
        self, method: str, params: Plain, *, line: str = "", deadline_ms: int = READ_ANSWER_MS
    ) -> Plain | QuarterdeckError:
        return await self._wire.read(method, params, line=line, deadline_ms=deadline_ms)

    async def change(
        self, line: str, method: str, params: Plain, *, deadline_ms: int = ANSWER_MS
    ) -> Plain | QuarterdeckError:
        if self._view.link != "live":
            return QuarterdeckError("unavailable", "there is no connection to the daemon; nothing was sent")
        return await self._wire.change(line, method, params, deadline_ms=deadline_ms)
