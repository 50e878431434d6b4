"""Approvals: what the operator decides about proposed actions. An approval binds the hash of exactly what was shown.

    approve   as it is, or with edits: the difference is kept; what is risky costs a typed word and cools off first
    reject    with a reason, which can become a lesson
    snooze    until a time or until something happens, whichever is first, and never past its expiry

Gates, the questions of runs, are decided on by the same command: see answering.py. Silence is *not done*: what nobody decides
expires, and the operator is told before.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .actions import hold, judge_again, refuse_when_stopped
from .answering import decide_gate
from .attention import attention_ms, lately_high, note
from .commands import Choice, Command, DecideApprovals, LessonDraft
from .confirming import check_pace, check_word, needs_word
from .cooling import basis_of, cooling_us
from .entities import Action, Plain, Verdict
from .gates import is_gate
from .hashing import action_hash
from .lookup import find
from .obstacles import rests
from .rejection_lessons import check_lesson, learn, source_of, with_words
from .settings import settings_of
from .turn import Turn
from .verbs import argument_fault, targets_of
from .waiting import happened, put_away, settle_expiring, tell_expiring

DECISION_ITEMS_MAX = 500
DIFF_CHARS_MAX = 20_000

replace = msgspec.structs.replace


def decide_approvals(turn: Turn, command: DecideApprovals) -> Plain:
    """Each item stands for itself: one that changed since it was shown does not stop the others."""
    if not 0 < len(command.items) <= DECISION_ITEMS_MAX:
        raise QuarterdeckError("out_of_range", f"a decision covers 1 to {DECISION_ITEMS_MAX} items")
    if command.edits and len(command.items) > 1:
        raise QuarterdeckError("bad_value", "edits belong to one item", hint="Edit and approve one by one.")
    if command.lesson is not None:
        check_lesson(command.lesson, edits=command.decision == "approve" and bool(command.edits))
    return {"items": [_decided(turn, choice, command) for choice in command.items]}


def _decided(turn: Turn, choice: Choice, command: DecideApprovals) -> Plain:
    try:
        if is_gate(choice.id):
            return decide_gate(turn, command, choice)
        action = _waiting(turn, choice)
        taught = _lesson(action, command)
        DECIDERS[command.decision](turn, action, command, choice)
        lesson = learn(turn, source_of(turn, action), taught) if taught is not None else ""
    except QuarterdeckError as error:
        plain: Plain = {"code": error.code, "message": error.message, "hint": error.hint, "details": error.details}
        return {"id": choice.id, "ok": False, "error": plain}
    after = find(turn, Action, action.id)
    return {
        "id": action.id, "ok": True, "status": after.status, "release_us": after.release_us, "lesson": lesson,
        "cooling": bool(after.cooling),
    }  # fmt: skip


def _lesson(action: Action, command: DecideApprovals) -> LessonDraft | None:
    """What is to be learned, with its words: known before anything is decided, so that nothing is decided without it."""
    if command.lesson is None:
        return None
    edited = replace(action, proposed_args=action.args, args={**action.args, **command.edits})
    return with_words(edited, command.lesson)


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


def _looked(turn: Turn, command: DecideApprovals) -> int | None:
    return attention_ms(command.shown_us, turn.env.now_us, len(command.items))


# --- yes ------------------------------------------------------------------------------------------


def _approve(turn: Turn, action: Action, command: DecideApprovals, choice: Choice) -> None:
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
    high = _check_risk(turn, action, verdict, args, targets, choice)
    body: Plain = {
        "action": action.id,
        "shown_hash": action.shown_hash,
        "approved_hash": action_hash(action.connector, action.verb, args, targets),
        "reason": command.reason,
        "rests": rests(turn, action),
    }
    if args != action.args:
        body |= {"args": args, "targets": list(targets), "diff": difference(action.args, args)}
    turn.emit("approval.given", body, run=action.run or None, labels=action.labels)
    note(turn, "edited" if args != action.args else "approved", high=high, ms=_looked(turn, command))
    _hold(turn, find(turn, Action, action.id), verdict)


def _check_risk(
    turn: Turn, action: Action, verdict: Verdict, args: Plain, targets: tuple[str, ...], choice: Choice
) -> bool:  # fmt: skip
    """A risky one must be typed, and not too many in a minute. By the rules of then and of now. Returns whether it is."""
    strictest = action if needs_word(action) else replace(action, verdict=verdict)
    check_word(strictest, args, targets, choice.confirm)
    high = strictest.verdict.risk == "high"
    if high and choice.confirm is not None:
        lately = lately_high(turn.draft, turn.env.now_us)
        check_pace(lately, turn.env.now_us, per_minute=settings_of(turn.draft).high_per_minute)
    return high


def _hold(turn: Turn, action: Action, verdict: Verdict) -> None:
    """It waits for its hold; what is risky cools off, and is read again before it leaves."""
    cool_us = cooling_us(turn.draft, action, verdict)
    if not cool_us:
        hold(turn, action)
        return
    basis: Plain = msgspec.to_builtins(basis_of(turn.draft, action, verdict))
    wait_us = max(cool_us, action.verdict.hold_us)
    body: Plain = {"action": action.id, "until_us": turn.env.now_us + wait_us, "cooling": {"basis": basis}}
    turn.emit("action.held", body, run=action.run or None, labels=action.labels)


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


def difference(before: Plain, after: Plain) -> str:
    """The arguments as proposed and as approved, as a unified diff."""
    rows = difflib.unified_diff(
        list(_lines(before)), list(_lines(after)), "proposed", "approved", lineterm="", n=2
    )  # fmt: skip
    return "\n".join(rows)[:DIFF_CHARS_MAX]


def _lines(args: Plain) -> Iterator[str]:
    for name, value in args.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield from (f"{name}: {line}" for line in shown.split("\n"))


# --- no, and not now ------------------------------------------------------------------------------


def _reject(turn: Turn, action: Action, command: DecideApprovals, choice: Choice) -> None:
    body: Plain = {"action": action.id, "shown_hash": action.shown_hash, "reason": command.reason}
    turn.emit("approval.rejected", body, run=action.run or None, labels=action.labels)
    note(turn, "rejected", ms=_looked(turn, command))


def _snooze(turn: Turn, action: Action, command: DecideApprovals, choice: Choice) -> None:
    body: Plain = {"action": action.id, **put_away(turn, command, action.id, action.expires_us, action.targets)}
    turn.emit("approval.snoozed", body, run=action.run or None, labels=action.labels)
    note(turn, "snoozed", ms=_looked(turn, command))


def _back(turn: Turn, action: Action, why: str) -> None:
    body: Plain = {"action": action.id, "why": why}
    turn.emit("approval.back", body, run=action.run or None, labels=action.labels)


def bring_back(turn: Turn, event: Event) -> None:
    """Something happened that a put away action waited for."""
    names = happened(turn, event)
    if not names:
        return
    for action in list(turn.draft.live(Action, "away")):
        replied = action.snoozed_on == "reply" and {target.lower() for target in action.targets} & names
        if replied or action.snoozed_on in names:
            _back(turn, action, f"{action.snoozed_on} happened")


# --- time -----------------------------------------------------------------------------------------


def wake(turn: Turn, action: Action, now_us: int) -> None:
    """It was put away until now, or its time is running out."""
    if action.status != "proposed" or (action.expires_us is not None and action.expires_us <= now_us):
        return
    if action.warn_us is not None and action.warn_us <= now_us:
        _warn(turn, action)
    elif action.snoozed_until_us is not None and action.snoozed_until_us <= now_us:
        _back(turn, action, "its time has come")


def _warn(turn: Turn, action: Action) -> None:
    turn.emit("approval.warned", {"action": action.id}, run=action.run or None, labels=action.labels)
    tell_expiring(turn, action.id, f"action:{action.id}", action.expires_us)


def over(turn: Turn, event: Event) -> None:
    """One that was warned about waits no more."""
    if find(turn, Action, str(event.body["action"])).warned:
        settle_expiring(turn)


DECIDERS: dict[str, Callable[[Turn, Action, DecideApprovals, Choice], None]] = {
    "approve": _approve,
    "reject": _reject,
    "snooze": _snooze,
}
DECIDE: dict[type[Command], Callable[..., Plain]] = {DecideApprovals: decide_approvals}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    **dict.fromkeys(("fact.asserted", "run.ended", "run.cancelled", "document.parsed"), bring_back),
    **dict.fromkeys(("approval.given", "approval.rejected", "action.expired", "action.withdrawn"), over),
}
