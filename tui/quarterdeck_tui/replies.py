"""From the daemon's replies to view models: the one place where plain maps become typed values.

Owns     which fields of a reply this program reads. Unknown fields are ignored, missing ones have defaults.
Promises one item that does not fit never hides the others; it is counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec

from .views import (
    AlertView,
    ApprovalView,
    DecisionView,
    EvidenceView,
    InFlight,
    RunView,
    SourceView,
    StatusView,
    StopView,
    Verdict,
)

Plain = dict[str, object]
T = TypeVar("T")
Time = int | str | None  # Microseconds since 1970 UTC, or ISO 8601.
Number = int | float | str | None
US = 1_000_000


class _Labels(msgspec.Struct, frozen=True):
    integrity: str = ""
    sensitivity: str = ""
    sources: tuple[str, ...] = ()


class _Act(msgspec.Struct, frozen=True):
    connector: str
    verb: str
    args: Plain = {}
    targets: tuple[str, ...] = ()


class _Evidence(msgspec.Struct, frozen=True):
    claim: str = ""
    source: str = ""
    quote: str = ""
    span: tuple[int, int] | None = None


class _Policy(msgspec.Struct, frozen=True):
    rule: str = ""
    where: str = ""
    hold_us: int | None = None
    reasons: tuple[str, ...] = ()


class _Approval(msgspec.Struct, frozen=True):
    id: str
    action: _Act
    shown_hash: str
    summary: str = ""
    risk: Literal["low", "medium", "high"] = "high"
    agent: str = ""
    why: str = ""
    evidence: tuple[_Evidence, ...] = ()
    confidence: float | None = None
    policy: _Policy = _Policy()
    undo: str = ""
    risks: tuple[str, ...] = ()
    cost: Number = None
    labels: _Labels = _Labels()
    group: str | None = ""
    run: str | None = ""
    step: str | None = ""
    at: Time = None
    at_us: int | None = None
    expires_at: Time = None


class _Run(msgspec.Struct, frozen=True):
    run_id: str = ""
    id: str = ""
    playbook: str = ""
    status: str = ""
    steps: list[Plain] | dict[str, Plain] = []
    at: Time = None
    at_us: int | None = None
    cost: Number = None


class _Status(msgspec.Struct, frozen=True):
    seq: int = 0
    stopped: bool = False
    workspace: str = ""
    pending_approvals: int = 0
    active_runs: int = 0
    dead_letters: int = 0
    cost_today: Number = None
    alerts: list[object] | int = []
    stop: Plain = {}


class _Stop(msgspec.Struct, frozen=True):
    engaged: bool | None = None
    stopped: bool | None = None
    reason: str = ""
    by: str = ""
    at: Time = None
    at_us: int | None = None
    in_flight: list[object] = []


class _Flight(msgspec.Struct, frozen=True):
    id: str = ""
    connector: str = ""
    verb: str = ""
    summary: str = ""
    targets: tuple[str, ...] = ()
    status: str = ""


class _Action(msgspec.Struct, frozen=True):
    id: str = ""
    status: str = ""
    summary: str = ""
    release_us: int | None = None
    release_at: Time = None


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""
    hint: str = ""


class _Verdict(msgspec.Struct, frozen=True):
    id: str = ""
    ok: bool = True
    code: str = ""
    message: str = ""
    hint: str = ""
    error: _Error | None = None
    release_us: int | None = None


class _Source(msgspec.Struct, frozen=True):
    id: str = ""
    title: str = ""
    text: str = ""
    source: str = ""
    labels: _Labels = _Labels()


class _Alert(msgspec.Struct, frozen=True):
    text: str = ""
    message: str = ""
    at: Time = None
    at_us: int | None = None


def approvals(result: Plain) -> tuple[tuple[ApprovalView, ...], int]:
    """Return the views of `approval.list`, and how many items could not be read."""
    found, unreadable = _each(result.get("items"), _Approval)
    return tuple(_approval(item) for item in found), unreadable


def runs(result: Plain) -> tuple[RunView, ...]:
    found, _ = _each(result.get("items"), _Run)
    return tuple(_run(item) for item in found)


def status(result: Plain, workspace: str) -> tuple[StatusView, tuple[AlertView, ...], bool]:
    """Return the figures of `system.status`, the alerts, and whether everything is stopped."""
    read = msgspec.convert(result, _Status, strict=False)
    view = StatusView(
        workspace=_name(read.workspace) or workspace,
        waiting=read.pending_approvals,
        running=read.active_runs,
        dead=read.dead_letters,
        cost_today=_money(read.cost_today),
        seq=read.seq,
    )
    return view, _alerts(read.alerts), read.stopped


def stop(result: Plain, *, engaged: bool) -> StopView:
    """Return the stop as an answer tells it; `engaged` when the answer does not say."""
    nested = result.get("stop")
    read = msgspec.convert(nested if isinstance(nested, dict) else result, _Stop, strict=False)
    said = read.engaged if read.engaged is not None else read.stopped
    return StopView(
        engaged=engaged if said is None else said,
        reason=read.reason,
        by=read.by,
        at_us=_moment(read.at, read.at_us),
        in_flight=tuple(_flight(one) for one in read.in_flight),
    )


def verdicts(result: Plain) -> tuple[Verdict, ...]:
    """Return the per-item answers of `approval.decide`."""
    found, unreadable = _each(result.get("items"), _Verdict)
    read = [_verdict(item) for item in found]
    return (*read, *(Verdict(id="", code="internal", message="an answer could not be read"),) * unreadable)


def decision(result: Plain, *, done: str) -> DecisionView:
    """Return what `action.get` and `action.undo` tell of one action."""
    nested = result.get("action")
    read = msgspec.convert(nested if isinstance(nested, dict) else result, _Action, strict=False)
    return DecisionView(
        id=read.id,
        summary=read.summary,
        done=done,
        release_us=_moment(read.release_at, read.release_us),
        status=read.status,
    )


def source(result: Plain) -> SourceView:
    read = msgspec.convert(result, _Source, strict=False)
    return SourceView(
        id=read.id, title=read.title, text=read.text, source=read.source, integrity=read.labels.integrity
    )


def _approval(item: _Approval) -> ApprovalView:
    hold_us = item.policy.hold_us
    return ApprovalView(
        id=item.id,
        shown_hash=item.shown_hash,
        summary=item.summary or f"{item.action.connector}.{item.action.verb}",
        connector=item.action.connector,
        verb=item.action.verb,
        risk=item.risk,
        args=item.action.args,
        targets=item.action.targets,
        agent=item.agent,
        why=item.why,
        evidence=tuple(EvidenceView(one.claim, one.source, one.quote, one.span) for one in item.evidence),
        confidence=item.confidence,
        rule=item.policy.rule,
        rule_where=item.policy.where,
        rule_reasons=item.policy.reasons,
        hold_s=None if hold_us is None else hold_us / US,
        undo=item.undo,
        risks=item.risks,
        cost=_money(item.cost),
        integrity=item.labels.integrity,
        sensitivity=item.labels.sensitivity,
        sources=item.labels.sources,
        group=item.group or "",
        run=item.run or "",
        step=item.step or "",
        at_us=_moment(item.at, item.at_us),
        expires_us=_moment(item.expires_at, None),
    )


def _run(item: _Run) -> RunView:
    steps = item.steps
    named = [{"id": key, **step} for key, step in steps.items()] if isinstance(steps, dict) else steps
    ended = [step for step in named if step.get("status") in ("succeeded", "failed", "skipped")]
    busy = next((step for step in named if step.get("status") not in ("succeeded", "skipped", "pending")), {})
    return RunView(
        id=item.run_id or item.id,
        playbook=item.playbook,
        status=item.status,
        done=len(ended),
        total=len(named),
        step=str(busy.get("id", "")),
        at_us=_moment(item.at, item.at_us),
        cost=_money(item.cost),
    )


def _verdict(item: _Verdict) -> Verdict:
    error = item.error or _Error(item.code, item.message, item.hint)
    code = error.code or ("" if item.ok else "internal")
    return Verdict(id=item.id, code=code, message=error.message, hint=error.hint, release_us=item.release_us)


def _flight(one: object) -> InFlight:
    if isinstance(one, str):
        return InFlight(id=one)
    read = _fitting(one, _Flight) or _Flight(id="?")
    act = f"{read.connector}.{read.verb}" if read.connector else ""
    return InFlight(read.id, act, read.summary, ", ".join(read.targets), read.status)


def _alerts(alerts: list[object] | int) -> tuple[AlertView, ...]:
    if isinstance(alerts, int):
        return tuple(AlertView("see `quarterdeck status`") for _ in range(min(alerts, 1)))
    plain = [AlertView(one) if isinstance(one, str) else _alert(_fitting(one, _Alert)) for one in alerts]
    return tuple(view for view in plain if view.text)


def _alert(read: _Alert | None) -> AlertView:
    return AlertView("") if read is None else AlertView(read.text or read.message, _moment(read.at, read.at_us))


def _each(items: object, shape: type[T]) -> tuple[list[T], int]:
    if not isinstance(items, (list, tuple)):
        return [], 0
    read = [_fitting(item, shape) for item in items]
    return [item for item in read if item is not None], sum(item is None for item in read)


def _fitting(item: object, shape: type[T]) -> T | None:
    try:
        return msgspec.convert(item, shape, strict=False)
    except msgspec.ValidationError:
        return None


def _moment(time: Time, us: int | None) -> int | None:
    if isinstance(time, str):
        try:
            return int(datetime.fromisoformat(time).timestamp() * US)
        except ValueError:
            return us
    return us if time is None else time


def _money(value: Number) -> str:
    if value is None:
        return ""
    try:
        return f"${float(value):.2f}"
    except ValueError:
        return str(value)


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def iso(at_us: int) -> str:
    """Return the moment as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at_us / US, tz=UTC).isoformat()
