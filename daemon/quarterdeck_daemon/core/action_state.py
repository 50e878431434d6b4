"""How events change actions."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.events import Event

from .entities import Action, ActionStatus, Alternative, Approval, Evidence, Plain, Run, Verdict
from .table import Draft
from .turn import Applier, strings, take_number

replace = msgspec.structs.replace


class _Proposed(msgspec.Struct):
    action: str
    connector: str
    verb: str
    args: Plain
    targets: tuple[str, ...]
    summary: str
    shown_hash: str
    operation_id: str
    agent: str
    verdict: Verdict
    expires_us: int
    run: str = ""
    step: str = ""
    why: str = ""
    evidence: tuple[Evidence, ...] = ()
    confidence: float | None = None
    risks: tuple[str, ...] = ()
    undo: str = ""
    group: str = ""
    compensates: str = ""
    compensation: Plain = {}
    made_from: tuple[str, ...] = ()
    basis: str = ""
    seen: Plain = {}
    warn_us: int | None = None
    rests: Plain = {}
    calibrated: Plain = {}
    alternatives: tuple[Alternative, ...] = ()
    made_with: tuple[str, ...] = ()


def _proposed(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Proposed)
    plain = {name: getattr(body, name) for name in body.__struct_fields__ if name not in ("action", "made_from")}
    draft.put(
        Action(
            id=body.action, seq=event.seq, status="proposed", at_us=event.at_us, labels=event.labels,
            namespaces=_namespaces(draft, body), **plain,
        )
    )  # fmt: skip
    take_number(draft, body.action, event.seq)
    for parent in body.made_from:
        draft.link(f"action:{body.action}", "derived_from", parent, event.seq)
    if body.compensates:
        draft.link(f"action:{body.action}", "compensates", f"action:{body.compensates}", event.seq)


def _namespaces(draft: Draft, body: _Proposed) -> tuple[str, ...]:
    """Those of its run; a correction without one has those of what it corrects."""
    run = draft.get(Run, body.run) if body.run else None
    corrected = draft.get(Action, body.compensates) if body.compensates else None
    if run is not None:
        return run.namespaces
    return corrected.namespaces if corrected is not None else ("default",)


def _action_of(draft: Draft, event: Event) -> Action:
    action = draft.get(Action, str(event.body["action"]))
    assert action is not None, "events of actions name an action that exists"
    return action


def _ended(status: ActionStatus) -> Applier:
    def apply(draft: Draft, event: Event) -> None:
        error = event.body.get("error")
        if not isinstance(error, dict):
            reason = event.body.get("reason") or event.body.get("rule")
            error = {"message": reason} if reason else {}
        action = _action_of(draft, event)
        draft.put(replace(action, seq=event.seq, status=status, error=error, **_AT_REST))

    return apply


_AT_REST: Plain = {"release_us": None, "look_us": None, "looking": False}


def _approved(draft: Draft, event: Event) -> None:
    action = _action_of(draft, event)
    body = event.body
    args = body.get("args")
    approval = Approval(
        shown_hash=str(body["approved_hash"]),
        by=event.actor,
        at_us=event.at_us,
        seq=event.seq,
        edited=isinstance(args, dict),
        reason=str(body.get("reason", "")),
    )
    if isinstance(args, dict):
        targets = strings(body["targets"])
        action = replace(
            action, proposed_args=action.args, args=args, targets=targets, shown_hash=approval.shown_hash
        )
    fields: Plain = {**_NOT_AWAY, "approval": approval, "returned": (), "rests": body.get("rests", action.rests)}
    draft.put(replace(action, seq=event.seq, **fields))


def _permitted(draft: Draft, event: Event) -> None:
    draft.touch(_action_of(draft, event))


def _held(draft: Draft, event: Event) -> None:
    fields: Plain = {**_AT_REST, "status": "held", "release_us": event.body["until_us"], "error": {}}
    fields["queued"] = event.body.get("queued", "")
    if "cooling" in event.body:
        fields["cooling"] = event.body["cooling"]
    draft.put(replace(_action_of(draft, event), seq=event.seq, **fields))


def _held_back(draft: Draft, event: Event) -> None:
    draft.put(replace(_action_of(draft, event), seq=event.seq, held_back=str(event.body["reason"]), let_go=False))


def _let_go(draft: Draft, event: Event) -> None:
    draft.put(replace(_action_of(draft, event), seq=event.seq, held_back="", let_go=True))


def _snoozed(draft: Draft, event: Event) -> None:
    fields: Plain = {"snoozed_until_us": event.body["until_us"], "snoozed_on": event.body.get("on", "")}
    draft.put(replace(_action_of(draft, event), seq=event.seq, **fields))


def _back(draft: Draft, event: Event) -> None:
    draft.put(replace(_action_of(draft, event), seq=event.seq, **_NOT_AWAY))


def _warned(draft: Draft, event: Event) -> None:
    draft.put(replace(_action_of(draft, event), seq=event.seq, warn_us=None, warned=True, **_NOT_AWAY))


_NOT_AWAY: Plain = {"snoozed_until_us": None, "snoozed_on": ""}


def _returned(draft: Draft, event: Event) -> None:
    """It cooled off, something had changed meanwhile: it waits for the operator again, under another hash."""
    body = event.body
    fields: Plain = {
        **_AT_REST, **_NOT_AWAY, "status": "proposed", "approval": None, "cooling": {}, "warned": False,
        "returned": strings(body["changed"]), "verdict": msgspec.convert(body["verdict"], Verdict),
        "expires_us": body["expires_us"], "shown_hash": body["shown_hash"],
    }  # fmt: skip
    draft.put(replace(_action_of(draft, event), seq=event.seq, **fields))


def _intended(draft: Draft, event: Event) -> None:
    action = _action_of(draft, event)
    fields: Plain = {"status": "intent", "epoch": event.body["epoch"], "tries": action.tries + 1, "release_us": None}
    draft.put(replace(action, seq=event.seq, left_seq=action.left_seq or event.seq, **fields))


def _unknown(draft: Draft, event: Event) -> None:
    action = _action_of(draft, event)
    fields: Plain = {
        **_AT_REST,
        "status": "unknown",
        "error": event.body["error"],
        "look_us": event.body.get("look_us"),
    }
    draft.put(replace(action, seq=event.seq, **fields))


def _looked_for(draft: Draft, event: Event) -> None:
    action = _action_of(draft, event)
    draft.put(replace(action, seq=event.seq, looks=action.looks + 1, look_us=None, looking=True))


def _sent(draft: Draft, event: Event) -> None:
    draft.put(replace(_action_of(draft, event), seq=event.seq, status="sent"))


def _succeeded(draft: Draft, event: Event) -> None:
    fields: Plain = {**_AT_REST, "status": "succeeded", "result": event.body["result"], "error": {}}
    draft.put(replace(_action_of(draft, event), seq=event.seq, **fields))


def _compensated(draft: Draft, event: Event) -> None:
    action = _action_of(draft, event)
    draft.put(replace(action, seq=event.seq, status="compensated", compensated_by=str(event.body["by"])))


APPLY: dict[str, Applier] = {
    "action.proposed": _proposed,
    "action.denied": _ended("denied"),
    "action.permitted": _permitted,
    "action.correction_wanted": _permitted,
    "action.held": _held,
    "action.expired": _ended("expired"),
    "action.withdrawn": _ended("withdrawn"),
    "action.compensated": _compensated,
    "action.compensation_failed": _ended("compensation_failed"),
    "approval.given": _approved,
    "approval.rejected": _ended("rejected"),
    "approval.snoozed": _snoozed,
    "approval.back": _back,
    "approval.warned": _warned,
    "approval.returned": _returned,
    "effect.intended": _intended,
    "effect.sent": _sent,
    "effect.succeeded": _succeeded,
    "effect.failed": _ended("failed"),
    "effect.unknown": _unknown,
    "effect.looked_for": _looked_for,
    "action.held_back": _held_back,
    "action.let_go": _let_go,
}
