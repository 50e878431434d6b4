"""Approvals: what the operator decides about proposed actions. An approval binds the hash of exactly what was shown."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError

from .actions import hold, judge_again, refuse_when_stopped
from .commands import Choice, Command, DecideApprovals
from .entities import Action, Plain
from .hashing import action_hash
from .lookup import find
from .turn import Turn
from .verbs import argument_fault, targets_of

DECISION_ITEMS_MAX = 500


def decide_approvals(turn: Turn, command: DecideApprovals) -> Plain:
    """Each item stands for itself: one that changed since it was shown does not stop the others."""
    if not 0 < len(command.items) <= DECISION_ITEMS_MAX:
        raise QuarterdeckError("out_of_range", f"a decision covers 1 to {DECISION_ITEMS_MAX} items")
    if command.edits and len(command.items) > 1:
        raise QuarterdeckError("bad_value", "edits belong to one item", hint="Edit and approve one by one.")
    decider = {"approve": _approve, "reject": _reject, "snooze": _snooze}[command.decision]
    results: list[Plain] = []
    for choice in command.items:
        try:
            action = _waiting(turn, choice)
            decider(turn, action, command)
            after = find(turn, Action, action.id)
            results.append({"id": action.id, "ok": True, "status": after.status, "release_us": after.release_us})
        except QuarterdeckError as error:
            plain: Plain = {"code": error.code, "message": error.message, "hint": error.hint}
            results.append({"id": choice.id, "ok": False, "error": plain})
    return {"items": results}


def _waiting(turn: Turn, choice: Choice) -> Action:
    action = find(turn, Action, choice.id)
    if action.status != "proposed":
        raise QuarterdeckError("conflict", f"{action.id} is {action.status}, it does not wait for you")
    if action.expires_us is not None and action.expires_us <= turn.env.now_us:
        raise QuarterdeckError(
            "conflict", f"{action.id} has expired", hint="Start its run again to have it proposed."
        )
    if action.shown_hash != choice.shown_hash:
        raise QuarterdeckError(
            "conflict",
            f"{action.id} is no longer what you saw",
            hint="Look at it again, then decide on what it says now.",
        )
    return action


def _approve(turn: Turn, action: Action, command: DecideApprovals) -> None:
    refuse_when_stopped(turn)
    args = _edited(action, command.edits)
    targets = targets_of(f"{action.connector}.{action.verb}", args)
    verdict = judge_again(turn, action, args)
    if verdict.verdict == "deny":
        raise QuarterdeckError(
            "policy_denied",
            f"{verdict.rule} ({verdict.where}) denies it",
            hint="Change the policy first, or reject it.",
        )
    body: Plain = {
        "action": action.id,
        "shown_hash": action.shown_hash,
        "approved_hash": action_hash(action.connector, action.verb, args, targets),
        "reason": command.reason,
    }
    if args != action.args:
        body |= {"args": args, "targets": list(targets)}
    turn.emit("approval.given", body, run=action.run or None, labels=action.labels)
    hold(turn, find(turn, Action, action.id))


def _edited(action: Action, edits: Plain) -> Plain:
    unknown = sorted(set(edits) - set(action.args))
    if unknown:
        raise QuarterdeckError(
            "schema", f"{action.id} has no argument {unknown[0]!r} to edit", hint=f"It has: {', '.join(action.args)}."
        )
    for name, value in edits.items():
        if type(value) is not type(action.args[name]):
            raise QuarterdeckError("schema", f"{name!r} is a {type(action.args[name]).__name__} and must stay one")
    args = {**action.args, **edits}
    fault = argument_fault(f"{action.connector}.{action.verb}", args)
    if fault:
        raise QuarterdeckError("bad_value", fault, hint="Correct the edit; nothing was approved.")
    return args


def _reject(turn: Turn, action: Action, command: DecideApprovals) -> None:
    body: Plain = {"action": action.id, "shown_hash": action.shown_hash, "reason": command.reason}
    turn.emit("approval.rejected", body, run=action.run or None, labels=action.labels)


def _snooze(turn: Turn, action: Action, command: DecideApprovals) -> None:
    if command.until_us is None or command.until_us <= turn.env.now_us:
        raise QuarterdeckError(
            "bad_value", "snooze needs a time that is still to come", hint="For example --until 2h."
        )
    if action.expires_us is not None and command.until_us >= action.expires_us:
        raise QuarterdeckError(
            "out_of_range", f"{action.id} expires before that", hint="Decide now, or choose an earlier time."
        )
    body: Plain = {"action": action.id, "until_us": command.until_us, "reason": command.reason}
    turn.emit("approval.snoozed", body, run=action.run or None, labels=action.labels)


DECIDE: dict[type[Command], Callable[..., Plain]] = {DecideApprovals: decide_approvals}
