"""Undo: an action that has not left is withdrawn; one that has left is mended by a correction."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError

from .actions import propose_as
from .commands import Command, Undo, UndoAction
from .compensations import STANDING, UNDER_WAY
from .entities import Action, Evidence, Plain, Run
from .lookup import find
from .orders import ProposedAction
from .settings import settings_of
from .turn import Turn
from .undoing import CORRECTION as CORRECTION
from .undoing import undo_scope


def undo(turn: Turn, command: UndoAction) -> Plain:
    """Before it left: it never leaves. After: a correction is proposed, since a mail cannot be called back."""
    action = find(turn, Action, command.id)
    if action.status in ("proposed", "held"):
        body: Plain = {"action": action.id, "reason": command.reason, "was": action.status}
        turn.emit("action.withdrawn", body, run=action.run or None, labels=action.labels)
        return {"id": action.id, "status": "withdrawn", "message": "It was not sent and never will be."}
    if action.status == "succeeded" and f"{action.connector}.{action.verb}" == "mail.send":
        if action.compensated_by:
            raise QuarterdeckError("conflict", f"{action.id} has a correction already: {action.compensated_by}")
        _refuse_second_correction(turn, action)
        wanted: Plain = {"action": action.id, "reason": command.reason}
        turn.emit("action.correction_wanted", wanted, run=action.run or None, labels=action.labels)
        message = "It has left and cannot be called back. A correction mail will wait for your approval."
        return {"id": action.id, "status": action.status, "message": message}
    if action.status in STANDING | UNDER_WAY:
        done = undo_scope(turn, Undo(scope=f"action:{action.id}", reason=command.reason))
        item = record_of(done)
        return {
            "id": action.id,
            "status": find(turn, Action, action.id).status,
            "message": item["says"],
            "compensation": item["by"],
            "undoing": done["id"],
        }
    raise QuarterdeckError(
        "conflict",
        f"{action.id} is {action.status} and cannot be undone",
        hint="See what happened: quarterdeck why " + action.id,
    )


def record_of(done: Plain) -> Plain:
    """The only item of an undoing of one action."""
    items = done["items"]
    assert isinstance(items, list), "items come as a list"
    (item,) = items
    assert isinstance(item, dict), "each is a map"
    return item


def _refuse_second_correction(turn: Turn, action: Action) -> None:
    written = [run.id for run in turn.draft.live(Run) if _writes_correction_of(run, action)]
    waiting = [other.id for other in turn.draft.live(Action) if other.compensates == action.id]
    if written or waiting:
        under_way = (waiting or written)[0]
        raise QuarterdeckError(
            "conflict", f"a correction of {action.id} is under way: {under_way}", hint="Decide on that one."
        )


def _writes_correction_of(run: Run, action: Action) -> bool:
    return run.playbook == CORRECTION and run.inputs.get("action") == action.id


def correct_plainly(turn: Turn, action: Action, reason: str) -> None:
    """Propose a correction in plain words, for a workspace that has no playbook for it."""
    subject = str(action.args.get("subject", ""))
    name = settings_of(turn.draft).operator.partition("<")[0].strip()
    body = f"Hello,\n\nplease disregard my last message; it was sent by mistake.\n\n{name}\n"
    message_id = action.result.get("message_id", "")
    told: Plain = {"subject": subject if subject.lower().startswith("re:") else f"Re: {subject}", "body": body}
    thread: Plain = {"in_reply_to": message_id, "references": [message_id]}
    args = {**action.args, **told, **thread}
    proposed = ProposedAction(
        connector=action.connector,
        verb=action.verb,
        args={name: args[name] for name in action.args},
        targets=action.targets,
        summary=f"Correct {action.id}: {action.summary}",
        why=reason or f"You took back {action.id} after it had left.",
        evidence=(Evidence(claim="the mail that is corrected", source=f"action:{action.id}"),),
        confidence=1.0,
        risks=("The first mail has been received; the correction does not remove it.",),
        undo="Until the hold ends it can be withdrawn.",
        compensates=action.id,
    )
    # The operator asked for it, but subject and recipients are those of the first mail.
    propose_as(turn, proposed, action.labels, agent="kernel", made_from=(f"action:{action.id}",))


DECIDE: dict[type[Command], Callable[..., Plain]] = {UndoAction: undo}
