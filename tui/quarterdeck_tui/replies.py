"""From the daemon's replies to view models: the one place where plain maps become typed values.

Owns     which fields of a reply this program reads. Unknown fields are ignored, missing ones have defaults.
Promises one item that does not fit never hides the others; it is counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec

from quarterdeck_protocol.events import Event

from .views import (
    AlertView,
    ApprovalView,
    DeedView,
    EvidenceView,
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
    hold_ms: int | None = None
    reasons: tuple[str, ...] = ()


class _Worth(msgspec.Struct, frozen=True):
    says: str = ""


class _Other(msgspec.Struct, frozen=True):
    what: str = ""
    why: str = ""


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
    expires_at: Time = None
    confirm: str = ""
    returned: tuple[str, ...] = ()
    gate: bool = False
    group_items: tuple[str, ...] = ()
    ticked: bool = False
    outlier: str = ""
    basis: str = ""
    calibrated: _Worth = _Worth()
    made_with: tuple[str, ...] = ()
    alternatives: tuple[_Other, ...] = ()


class _Gate(msgspec.Struct, frozen=True):
    id: str = ""


class _Run(msgspec.Struct, frozen=True):
    run_id: str = ""
    id: str = ""
    playbook: str = ""
    status: str = ""
    steps_done: int = 0
    steps_total: int = 0
    waits_for: tuple[str, ...] = ()
    gates: tuple[_Gate, ...] = ()
    at: Time = None
    cost: Number = None


class _Status(msgspec.Struct, frozen=True):
    seq: int = 0
    stopped: bool = False
    workspace: str = ""
    pending_approvals: int = 0
    active_runs: int = 0
    dead_letters: int = 0
    cost_today: Number = None
    alerts: list[object] = []


class _Stop(msgspec.Struct, frozen=True):
    stopped: bool | None = None
    reason: str = ""
    by: str = ""
    at_us: int | None = None
    in_flight: tuple[str, ...] = ()
    warning: str = ""


class _Approved(msgspec.Struct, frozen=True):
    by: str = ""
    at_us: int | None = None


class _Action(msgspec.Struct, frozen=True):
    id: str
    action: _Act
    status: str = ""
    summary: str = ""
    shown_hash: str = ""
    releases_at: Time = None
    snoozed_until: Time = None
    at: Time = None
    approval: _Approved | None = None
    compensated_by: str = ""
    error: Plain = {}


class _Verdict(msgspec.Struct, frozen=True):
    id: str = ""
    ok: bool = True
    error: str = ""
    message: str = ""
    hint: str = ""
    releases_at: Time = None


class _Source(msgspec.Struct, frozen=True):
    id: str = ""
    title: str = ""
    text: str = ""
    source: str = ""
    labels: _Labels = _Labels()
    value: object = None
    fields: Plain = {}


class _Alert(msgspec.Struct, frozen=True):
    text: str = ""
    hint: str = ""
    level: str = "warning"
    at: Time = None


def approvals(result: Plain) -> tuple[tuple[ApprovalView, ...], int]:
    """Return the views of `approval.list`, and how many items could not be read."""
    found, unreadable = each(result.get("items"), _Approval)
    return tuple(_approval(item) for item in found), unreadable


def runs(result: Plain) -> tuple[RunView, ...]:
    found, _ = each(result.get("items"), _Run)
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
    alerts, _ = each(read.alerts, _Alert)
    return view, tuple(_alert(one) for one in alerts if one.text), read.stopped


def stop(result: Plain, *, engaged: bool) -> StopView:
    """Return the stop as an answer or an event tells it; `engaged` when it does not say."""
    read = msgspec.convert(result, _Stop, strict=False)
    return StopView(
        engaged=engaged if read.stopped is None else read.stopped,
        reason=read.reason,
        by=read.by,
        at_us=read.at_us,
        in_flight=read.in_flight,
        note=read.warning,
    )


def verdicts(result: Plain) -> tuple[Verdict, ...]:
    """Return the per-item answers of `approval.decide`."""
    found, unreadable = each(result.get("items"), _Verdict)
    read = [_verdict(item) for item in found]
    return (*read, *(Verdict(id="", code="internal", message="an answer could not be read"),) * unreadable)


class _Undone(msgspec.Struct, frozen=True):
    state: str = ""
    says: str = ""


def undone(result: Plain) -> tuple[str, str]:
    """Return the state of the one action that was to be taken back, and that in words."""
    found, _ = each(result.get("items"), _Undone)
    one = found[0] if found else _Undone()
    if one.state == "withdrawn":
        return one.state, "It was not sent and never will be."
    return one.state, one.says or "it is taken back"


def deed(result: Plain) -> DeedView:
    """Return what `action.get` tells of one action. Raises ValidationError when it is none."""
    read = msgspec.convert(result, _Action, strict=False)
    said = read.approval
    return DeedView(
        id=read.id,
        summary=read.summary or f"{read.action.connector}.{read.action.verb}",
        done="" if said is None or said.by != "operator" else "approved",
        release_us=moment(read.releases_at),
        status=read.status,
        at_us=moment(read.at) if said is None else said.at_us,
        act=f"{read.action.connector}.{read.action.verb}",
        target=", ".join(read.action.targets),
        shown_hash=read.shown_hash,
        due_us=moment(read.snoozed_until),
        corrected=bool(read.compensated_by),
        error=str(read.error.get("message", "")),
    )


def deeds(result: Plain) -> tuple[DeedView, ...]:
    """Return the actions of an `action.list` that can be read."""
    items = result.get("items")
    found = items if isinstance(items, (list, tuple)) else ()
    return tuple(deed(one) for one in found if _fitting(one, _Action) is not None)


def events(page: Plain) -> tuple[Event, ...]:
    """Return the events of a `timeline.read` that can be read."""
    return tuple(each(page.get("items"), Event)[0])


def source(result: Plain) -> SourceView:
    """Return the text behind an evidence link: of a mail or a note; of a fact its value, of a file its content."""
    read = msgspec.convert(result, _Source, strict=False)
    text = read.text or str(read.fields.get("text") or "")
    if not text and read.value is not None:
        text = "\n".join(_lines(read.value))
    path = read.source or str(read.fields.get("path") or "")
    return SourceView(id=read.id, title=read.title, text=text, source=path, integrity=read.labels.integrity)


def _approval(item: _Approval) -> ApprovalView:
    hold_ms = item.policy.hold_ms
    return ApprovalView(
        id=item.id,
        shown_hash=item.shown_hash,
        summary=item.summary or f"{item.action.connector}.{item.action.verb}",
        connector=item.action.connector,
        verb=item.action.verb,
        risk=item.risk,
        args=_of_gate(item.action.args) if item.gate else item.action.args,
        targets=item.action.targets,
        agent=item.agent,
        why=item.why,
        evidence=tuple(EvidenceView(one.claim, one.source, one.quote, one.span) for one in item.evidence),
        confidence=item.confidence,
        rule=item.policy.rule,
        rule_where=item.policy.where,
        rule_reasons=item.policy.reasons,
        hold_s=None if hold_ms is None else hold_ms / 1000,
        undo=item.undo,
        risks=item.risks,
        cost=_money(item.cost),
        integrity=item.labels.integrity,
        sensitivity=item.labels.sensitivity,
        sources=item.labels.sources,
        group=item.group or "",
        run=item.run or "",
        step=item.step or "",
        at_us=moment(item.at),
        expires_us=moment(item.expires_at),
        confirm=item.confirm,
        returned=item.returned,
        gate=item.gate,
        group_items=item.group_items,
        ticked=item.ticked,
        outlier=item.outlier,
        basis=item.basis,
        worth=item.calibrated.says,
        made_with=item.made_with,
        others=tuple(f"{one.what} ({one.why})" if one.why else one.what for one in item.alternatives),
    )


def _of_gate(args: Plain) -> Plain:
    """The question of a run and what the steps before it gave, each by its name: `draft.text`."""
    found: Plain = {"question": args.get("question", "")}
    after = args.get("after")
    for step, output in after.items() if isinstance(after, dict) else ():
        found |= {f"{step}.{name}": value for name, value in output.items()} if isinstance(output, dict) else {}
    return found


def _run(item: _Run) -> RunView:
    return RunView(
        id=item.run_id or item.id,
        playbook=item.playbook,
        status=item.status,
        done=item.steps_done,
        total=item.steps_total,
        at_us=moment(item.at),
        cost=_money(item.cost),
        waits_for=(*item.waits_for, *(gate.id for gate in item.gates)),
    )


def _verdict(item: _Verdict) -> Verdict:
    code = item.error or ("" if item.ok else "internal")
    return Verdict(id=item.id, code=code, message=item.message, hint=item.hint, release_us=moment(item.releases_at))


def _alert(read: _Alert) -> AlertView:
    return AlertView(read.text, read.hint, read.level, moment(read.at))


def _lines(value: object, indent: str = "") -> list[str]:
    """A fact's value as plain lines: a name and its value each, lists with a dash, inner ones set in."""
    if isinstance(value, dict):
        return [line for name, inner in value.items() for line in _named(str(name), inner, indent)]
    if isinstance(value, (list, tuple)):
        return [line for inner in value for line in _named("-", inner, indent)]
    return [f"{indent}{value}"]


def _named(name: str, value: object, indent: str) -> list[str]:
    sign = name if name == "-" else f"{name}:"
    if isinstance(value, (dict, list, tuple)) and value:
        return [f"{indent}{sign}", *_lines(value, indent + "  ")]
    return [f"{indent}{sign} {value}"]


def each(items: object, shape: type[T]) -> tuple[list[T], int]:
    if not isinstance(items, (list, tuple)):
        return [], 0
    read = [_fitting(item, shape) for item in items]
    return [item for item in read if item is not None], sum(item is None for item in read)


def _fitting(item: object, shape: type[T]) -> T | None:
    try:
        return msgspec.convert(item, shape, strict=False)
    except msgspec.ValidationError:
        return None


def moment(time: Time) -> int | None:
    if not isinstance(time, str):
        return time
    try:
        return int(datetime.fromisoformat(time).timestamp() * US)
    except ValueError:
        return None


def _money(value: Number) -> str:
    if value is None:
        return ""
    try:
        return f"${float(value):.2f}" if float(value) else ""
    except ValueError:
        return str(value)


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def iso(at_us: int) -> str:
    """Return the moment as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at_us / US, tz=UTC).isoformat()
