"""The session over the wire: one client, one view, kept fresh for as long as the program runs.

Owns     the client: it is opened, watched and closed here and nowhere else.
Promises the view says `lost` within `PULSE_S + ANSWER_MS` of a daemon's silence, and `live` again by itself;
         a decision that got no answer keeps its request id, so sending it again cannot do it twice.
Leaves   what the daemon's fields mean to `replies.py`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec

from quarterdeck_protocol.calls import Result
from quarterdeck_protocol.client import AsyncClient
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from . import replies, typed_lines
from .clock import Clock
from .session import OnChange
from .views import ApprovalView, BenchView, Decision, DecisionView, LogLine, Shown, SourceView, StopView, Verdict

ANSWER_MS = 3_000
STOP_ANSWER_MS = 1_500
PULSE_S = 1.0  # Silence longer than this is asked about.
GATHER_S = 0.04  # Events that come together are one refresh.
BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 5.0
APPROVALS_MAX = 1_000
PAGE = 200
RUNS_MAX = 20
LOG_MAX = 500
DONE_MAX = 100
BACK_SOON_US = 1_500_000  # An undone snooze comes back by a snooze this short.
DONE_WORDS: dict[Decision, str] = {"approve": "approved", "reject": "rejected", "snooze": "snoozed"}
NO_ANSWER = frozenset(("unavailable", "deadline"))

Plain = dict[str, object]


class Client(Protocol):
    """What is used of the protocol's client."""

    async def call(
        self,
        method: str,
        params: Plain | None = None,
        *,
        request_id: str | None = None,
        deadline_ms: int = ANSWER_MS,
    ) -> Result: ...

    async def call_control(
        self, method: str, params: Plain | None = None, *, deadline_ms: int = ANSWER_MS
    ) -> Result: ...

    def events(self, after: int) -> AsyncIterator[Event]: ...

    async def close(self) -> None: ...


class LiveSession:
    """A `Session` with the daemon of `workspace`."""

    def __init__(
        self, workspace: Path, *, clock: Clock | None = None, open_client: Callable[[Path], Client] | None = None
    ) -> None:
        self._workspace = workspace
        self._clock = clock or Clock()
        self._open = open_client or AsyncClient
        self._client: Client | None = None
        self._view = BenchView()
        self._on_change: OnChange = lambda view: None
        self._log: deque[LogLine] = deque(maxlen=LOG_MAX)
        self._done: deque[tuple[DecisionView, Shown]] = deque(maxlen=DONE_MAX)
        self._unanswered: dict[str, str] = {}
        self._dirty = asyncio.Event()
        self._ever_live = False
        self._decided = 0  # Counts decisions shown here, so that an older reading does not bring a row back.

    @property
    def log(self) -> tuple[LogLine, ...]:
        return tuple(self._log)

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
                await self._close()
            await asyncio.sleep(wait_s)

    async def _follow(self) -> None:
        self._client = self._open(self._workspace)
        await self._refresh()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(self._client))
            tasks.create_task(self._keep_fresh())

    async def _listen(self, client: Client) -> None:
        async for event in client.events(self._view.status.seq):
            if not event.kind.startswith("memory."):
                self._dirty.set()

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
        status, alerts, stopped = replies.status(await self._ask("system.status", {}), self._workspace.name)
        approvals, unreadable = await self._approvals()
        found_runs = replies.runs(await self._ask("run.list", {"limit": RUNS_MAX, "live": True}))
        last = await self._last()
        if decided != self._decided:  # Read before a decision that has been shown meanwhile; read again.
            self._dirty.set()
            approvals, last = self._view.approvals, self._view.last
        self._ever_live = True
        fresh = replace(self._view, link="live", note="", status=status, alerts=alerts, last=last)
        self._show(
            replace(
                fresh,
                approvals=approvals,
                unreadable=unreadable,
                runs=tuple(run for run in found_runs if run.status in ("running", "paused")),
                stop=self._stop_now(stopped),
            )
        )

    def _stop_now(self, stopped: bool) -> StopView:
        known = self._view.stop
        if stopped == known.engaged:
            return replace(known, confirmed=True, note="")
        if known.engaged and not known.confirmed:
            return known  # Asked for a moment ago; the figures were read before it took effect.
        return StopView(engaged=stopped)

    async def _approvals(self) -> tuple[tuple[ApprovalView, ...], int]:
        found: list[ApprovalView] = []
        unreadable = 0
        params: Plain = {"limit": PAGE}
        while len(found) < APPROVALS_MAX:
            page = await self._ask("approval.list", params)
            views, bad = replies.approvals(page)
            found.extend(views)
            unreadable += bad
            cursor = page.get("cursor") or page.get("next")
            if not cursor:
                break
            params = {"limit": PAGE, "cursor": cursor}
        return tuple(found), unreadable

    async def _last(self) -> DecisionView | None:
        """The last decision, with what has become of its effect while it is held or on its way."""
        last = self._view.last
        if last is None or last.status not in ("held", "intent", "sent"):
            return last
        try:
            now = replies.decision(await self._ask("action.get", {"id": last.id}), done=last.done)
        except QuarterdeckError as error:
            if error.code in NO_ANSWER:
                raise
            return replace(last, status="", release_us=None)
        return replace(last, status=now.status, release_us=now.release_us)

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
        self._note(typed_lines.READS["approval.list"], "asked")
        self._dirty.set()

    async def decide(
        self,
        items: tuple[Shown, ...],
        decision: Decision,
        *,
        edits: Mapping[str, str] | None = None,
        reason: str = "",
        until: str = "",
    ) -> tuple[Verdict, ...]:
        line = typed_lines.decision_line(items, decision, edits, reason, until)
        params: Plain = {
            "items": [{"id": one.id, "shown_hash": one.shown_hash} for one in items],
            "decision": decision,
        }
        optional: Plain = {"edits": dict(edits or {}), "reason": reason, "until": until}
        params.update({name: value for name, value in optional.items() if value})
        summaries = {view.id: view.summary for view in self._view.approvals}
        answer = await self._change(line, "approval.decide", params)
        if isinstance(answer, QuarterdeckError):
            return tuple(Verdict(one.id, answer.code, answer.message, answer.hint) for one in items)
        found = replies.verdicts(answer)
        for verdict, shown in zip(found, items, strict=False):
            if verdict.ok:
                self._remember(verdict, shown, decision, summaries.get(shown.id, shown.id))
        self._dirty.set()
        return found

    def _remember(self, verdict: Verdict, shown: Shown, decision: Decision, summary: str) -> None:
        held = verdict.release_us is not None
        done = DecisionView(
            shown.id, summary, DONE_WORDS[decision], verdict.release_us, "held" if held else DONE_WORDS[decision]
        )
        if decision == "approve" and not held:
            done = replace(done, status="sent")
        self._done.append((done, shown))
        waiting = tuple(view for view in self._view.approvals if view.id != shown.id)
        self._decided += 1
        self._show(replace(self._view, last=done, approvals=waiting))

    async def undo(self) -> Verdict:
        if not self._done:
            return Verdict("", "not_found", "there is nothing to take back", "Only what was decided here can be.")
        done, shown = self._done[-1]
        if done.done == "snoozed":
            return await self._wake(done, shown)
        answer = await self._change(typed_lines.undo_line(done.id), "action.undo", {"id": done.id})
        if isinstance(answer, QuarterdeckError):
            if answer.code not in NO_ANSWER:
                self._done.pop()
            return Verdict(done.id, answer.code, answer.message, answer.hint)
        self._done.pop()
        self._decided += 1
        undone = replace(done, done="undone", status="", release_us=None)
        self._show(replace(self._view, last=undone))
        self._dirty.set()
        return Verdict(done.id, message=str(answer.get("message") or "it is taken back"))

    async def _wake(self, done: DecisionView, shown: Shown) -> Verdict:
        """The inverse of a snooze; `action.undo` would withdraw the proposal altogether."""
        self._done.pop()
        until = self._clock.now_us() + BACK_SOON_US
        params: Plain = {
            "items": [{"id": shown.id, "shown_hash": shown.shown_hash}],
            "decision": "snooze",
            "until": replies.iso(until),
        }
        line = typed_lines.decision_line((shown,), "snooze", None, "", "2s")
        answer = await self._change(line, "approval.decide", params)
        if isinstance(answer, QuarterdeckError):
            return Verdict(done.id, answer.code, answer.message, answer.hint)
        self._show(replace(self._view, last=replace(done, done="undone", status="", release_us=None)))
        found = replies.verdicts(answer)
        return found[0] if found and not found[0].ok else Verdict(done.id, message="it comes back in a moment")

    async def stop(self, reason: str) -> Verdict:
        """Ask the supervisor; if it does not answer, ask the daemon. Works without a live connection."""
        asked = StopView(engaged=True, confirmed=False, reason=reason, by="you", at_us=self._clock.now_us())
        self._show(replace(self._view, stop=asked))
        params: Plain = {"reason": reason}
        failures: list[str] = []
        client: Client | None = None
        try:
            client = self._open(self._workspace)  # Its own: the other may be busy, or being closed.
            for way in (self._by_control, self._by_rpc):
                verdict = await self._stopped_by(way, client, params, asked)
                if verdict.ok:
                    return verdict
                failures.append(verdict.message)
        except (QuarterdeckError, OSError) as error:
            failures.append(str(error))
        finally:
            if client is not None:
                await client.close()
        note = "; ".join(failures)
        self._show(replace(self._view, stop=replace(asked, note=note)))
        return Verdict("stop", "unavailable", note, f"Type in a shell: quarterdeck -w {self._workspace} stop")

    async def _stopped_by(
        self,
        way: Callable[[Client, Plain], Awaitable[Result]],
        client: Client,
        params: Plain,
        asked: StopView,
    ) -> Verdict:
        try:
            answer = await way(client, params)
            engaged = replies.stop(answer.result, engaged=True)
        except (QuarterdeckError, OSError, msgspec.ValidationError) as error:
            self._note(typed_lines.STOP, str(error), failed=True)
            return Verdict("stop", "unavailable", str(error))
        self._note(typed_lines.STOP, "stopped")
        known = replace(engaged, at_us=engaged.at_us or asked.at_us, reason=engaged.reason or asked.reason)
        self._show(replace(self._view, stop=replace(known, by=known.by or "you")))
        self._dirty.set()
        return Verdict("stop", message="stopped")

    async def _by_control(self, client: Client, params: Plain) -> Result:
        return await client.call_control("stop.engage", params, deadline_ms=STOP_ANSWER_MS)

    async def _by_rpc(self, client: Client, params: Plain) -> Result:
        return await client.call("stop.engage", params, deadline_ms=STOP_ANSWER_MS)

    async def release(self, reason: str) -> Verdict:
        answer = await self._change(typed_lines.release_line(reason), "stop.release", {"reason": reason})
        if isinstance(answer, QuarterdeckError):
            return Verdict("stop", answer.code, answer.message, answer.hint)
        self._show(replace(self._view, stop=StopView()))
        self._dirty.set()
        return Verdict("stop", message="everything goes on")

    async def source(self, id: str) -> SourceView:
        bare = id.rpartition(":")[2] if id.startswith(("memory:", "document:")) else id
        try:
            return replies.source(await self._ask("memory.get", {"id": bare}, line=typed_lines.source_line(bare)))
        except (QuarterdeckError, msgspec.ValidationError) as error:
            return SourceView(id=id, note=str(error))

    # --- calls

    async def _ask(self, method: str, params: Plain, *, line: str = "") -> Plain:
        """Return the result of a read. Those with a `line` stand in the log."""
        if self._client is None:
            raise QuarterdeckError("unavailable", "there is no connection to the daemon")
        answer = await self._client.call(method, params, deadline_ms=ANSWER_MS)
        if line:
            self._note(line, f"seq {answer.seq}")
        return answer.result

    async def _change(self, line: str, method: str, params: Plain) -> Plain | QuarterdeckError:
        """Send a change; what got no answer is sent under the same request id the next time."""
        asked = f"{method} {params!r}"
        request_id = self._unanswered.pop(asked, None) or uuid.uuid4().hex
        try:
            if self._client is None or self._view.link != "live":
                raise QuarterdeckError("unavailable", "there is no connection to the daemon; nothing was sent")
            answer = await self._client.call(method, params, request_id=request_id, deadline_ms=ANSWER_MS)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            self._unanswered[asked] = request_id  # The client was closed under the call: the connection is lost.
            self._note(line, "no answer", failed=True)
            return QuarterdeckError("unavailable", "the connection was lost before the answer came")
        except QuarterdeckError as error:
            if error.code in NO_ANSWER:
                self._unanswered[asked] = request_id
            self._note(line, error.message, failed=True)
            return error
        self._note(line, f"seq {answer.seq}")
        return answer.result

    def _note(self, text: str, outcome: str, *, failed: bool = False) -> None:
        self._log.append(LogLine(self._clock.now_us(), text, outcome, failed))

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
