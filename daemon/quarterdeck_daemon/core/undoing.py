"""Taking back: the effects of an action, a run, an agent or a stretch of time, newest first, as one recorded plan.

    Undo ─► undo.begun ─► for each item, newest first:
        not left        action.withdrawn
        on the wire     waits for the outcome, then as if it had been asked for then
        done            its compensation is proposed (policy and approval as for any other action)
        no way back     said so
    ... ─► undo.moved, one for each change of an item ─► undo.finished

A compensation leaves only when all newer items are over, so that effects end in reverse order. One that fails, or is
refused, does not keep the older effects standing: the rest goes on and the whole says `compensation_failed`. Everything
follows from events, so a plan that was cut off anywhere goes on by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .actions import propose_as, release
from .commands import Command, SteerRun, Undo
from .compensations import Way, proposal_of, way_back
from .correcting import plainly
from .entities import UNDO_ITEM_OVER, Action, Plain, Run, Undoing, UndoItem, UndoState
from .lookup import find
from .run_steering import steer
from .table import Draft, Table
from .turn import Applier, Turn, take_number
from .undo_plan import CORRECTION, Planned, declared_compensation, hash_of, is_over, plan, works_out

# --- beginning --------------------------------------------------------------------------------------


def undo_scope(turn: Turn, command: Undo) -> Plain:
    """Begin to take back, or say what that would mean."""
    planned = plan(turn.draft, command)
    hash = hash_of(command.scope, planned)
    if command.plan_hash and command.plan_hash != hash:
        raise QuarterdeckError(
            "conflict",
            "the plan is no longer the one that you saw",
            hint="Look at it again with dry_run, then decide.",
            details={"plan_hash": hash},
        )
    told: Plain = {"scope": command.scope, "plan_hash": hash, "items": [_row(one) for one in planned]}
    if command.dry_run:
        return {**told, "id": "", "status": "", "dry_run": True}
    drafting = _working_out(turn.draft, command.scope)
    if not drafting:
        _refuse_empty(command, planned)
    id = begin(turn, command, planned, drafting)
    undoing = _find(turn, id)
    return {**told, "id": id, "status": undoing.status, "dry_run": False, "items": rows_of(turn.draft, undoing)}


def _working_out(table: Table, scope: str) -> list[Run]:
    """Of an undo that is undone: the runs that are still at work on what it wants to propose."""
    kind, _, id = scope.partition(":")
    undoing = table.get(Undoing, id) if kind == "undoing" else None
    wanted = {item.action for item in undoing.items if _is_worked_out(item)} if undoing is not None else set()
    return [run for run in table.live(Run) if wanted and works_out(run) in wanted]


def _is_worked_out(item: UndoItem) -> bool:
    return item.state == "compensating" and not item.by


def _row(one: Planned) -> Plain:
    return {
        "action": one.action.id,
        "summary": one.action.summary,
        "status": one.action.status,
        "way": one.way.kind,
        "says": one.way.says,
        "verb": one.way.verb,
        "state": "",
        "by": "",
    }


def rows_of(table: Table, undoing: Undoing) -> list[Plain]:
    """The items of an undoing as they stand."""
    rows: list[Plain] = []
    for item in undoing.items:
        action = table.get(Action, item.action)
        by = table.get(Action, item.by) if item.by else None
        rows.append(
            {
                "action": item.action,
                "summary": action.summary if action else "",
                "status": action.status if action else "",
                "way": "",
                "says": item.note,
                "verb": f"{by.connector}.{by.verb}" if by else "",
                "state": item.state,
                "by": item.by,
                "by_status": by.status if by else "",
            }
        )
    return rows


def _refuse_empty(command: Undo, planned: list[Planned]) -> None:
    if any(one.way.kind != "cannot" for one in planned):
        return
    why = "; ".join(f"{one.action.id}: {one.way.says}" for one in planned[:5])
    raise QuarterdeckError(
        "conflict",
        f"nothing of {command.scope} can be undone" + (f" ({why})" if why else ": it left nothing behind"),
        hint="See what was undone: quarterdeck undo --list",
    )


def begin(turn: Turn, command: Undo, planned: list[Planned], drafting: list[Run]) -> str:
    """Record the plan and do what can be done now. drafting: runs that it makes needless. Returns its id."""
    id = f"u{turn.number('u')}"
    items = [{"action": one.action.id, "state": "waiting", "note": one.way.says} for one in planned]
    body: Plain = {
        "undoing": id,
        "scope": command.scope,
        "items": items,
        "reason": command.reason,
        "since_us": command.since_us,
        "until_us": command.until_us,
    }
    kind, _, name = command.scope.partition(":")
    turn.emit("undo.begun", body, run=name if kind == "run" else None)
    ending = [name] if kind == "run" and find(turn, Run, name).live else [run.id for run in drafting]
    for run in ending:
        steer(turn, SteerRun(id=run, verb="cancel", reason=command.reason or "rolled back"))
    for one in planned:
        if one.way.kind == "cannot":
            _move(turn, id, one.action.id, "cannot", note=one.way.says)
        else:
            _take_back(turn, id, one.action.id)
    _finish_when_over(turn, id)
    return id


def _take_back(turn: Turn, id: str, action_id: str) -> None:
    """Do for one item what can be done now."""
    action = find(turn, Action, action_id)
    if action.status == "withdrawn":  # Its run was cancelled a moment ago.
        _move(turn, id, action_id, "withdrawn", note="it never left")
        return
    way = way_back(action, declared_compensation(turn.draft, action))
    undoing = _find(turn, id)
    if way.kind == "withdraw":
        body: Plain = {"action": action.id, "reason": undoing.reason or "undone", "was": action.status}
        turn.emit("action.withdrawn", body, run=action.run or None, labels=action.labels)
        _move(turn, id, action.id, "withdrawn", note="it never left")
    elif way.kind == "cannot":
        _move(turn, id, action.id, "cannot", note=way.says)
    elif way.kind in ("compensate", "correct"):
        _compensate(turn, undoing, action, way)


def _compensate(turn: Turn, undoing: Undoing, action: Action, way: Way) -> None:
    if not way.verb:
        _move(turn, undoing.id, action.id, "compensating", note=way.says)
        wanted: Plain = {"action": action.id, "reason": undoing.reason, "undoing": undoing.id, "agent": way.agent}
        turn.emit("action.correction_wanted", wanted, run=action.run or None, labels=action.labels)
        return
    by = propose_as(
        turn,
        proposal_of(action, way, undoing.reason),
        action.labels,
        agent="kernel",
        run=action.run,
        made_from=(f"action:{action.id}",),
    )
    if find(turn, Action, by).status == "denied":
        rule = find(turn, Action, by).verdict
        _move(turn, undoing.id, action.id, "compensation_failed", by=by, note=f"{rule.rule} ({rule.where}) denies it")
        return
    _move(turn, undoing.id, action.id, "compensating", by=by, note=way.says)


# --- going on ---------------------------------------------------------------------------------------


def _move(turn: Turn, id: str, action: str, state: UndoState, *, by: str = "", note: str = "") -> None:
    body: Plain = {"undoing": id, "action": action, "state": state, "by": by, "note": note}
    turn.emit("undo.moved", body)
    if state in UNDO_ITEM_OVER:
        _let_the_next_go(turn, id)


def _let_the_next_go(turn: Turn, id: str) -> None:
    """One more is over: what waited only for that, and whose hold has ended meanwhile, leaves."""
    corrected = {item.action for item in _find(turn, id).items}
    waiting = [one for one in turn.draft.live(Action) if one.status == "held" and one.compensates in corrected]
    for action in waiting:  # Also a second correction of the same, which finds out that it is not needed.
        if action.release_us is not None and action.release_us <= turn.env.now_us:
            release(turn, find(turn, Action, action.id))


def _finish_when_over(turn: Turn, id: str) -> None:
    undoing = _find(turn, id)
    if not undoing.live or not all(is_over(item) for item in undoing.items):
        return
    failed = any(item.state == "compensation_failed" for item in undoing.items)
    turn.emit("undo.finished", {"undoing": id, "status": "compensation_failed" if failed else "compensated"})


def _items_of(turn: Turn, action: str) -> list[tuple[Undoing, UndoItem]]:
    """The open items that concern this action."""
    return [
        (undoing, item)
        for undoing in list(turn.draft.live(Undoing))
        for item in undoing.items
        if item.action == action and not is_over(item)
    ]


def follow_proposed(turn: Turn, event: Event) -> None:
    """What was worked out: now the item has a name for it. One is enough."""
    by = find(turn, Action, str(event.body["action"]))
    for undoing, item in _items_of(turn, by.compensates) if by.compensates else ():
        if item.state == "compensating" and not item.by:
            _move(turn, undoing.id, item.action, "compensating", by=by.id, note=item.note)
        elif item.by not in ("", by.id) and by.status in ("proposed", "held"):
            body: Plain = {"action": by.id, "reason": f"{item.by} is to take it back", "was": by.status}
            turn.emit("action.withdrawn", body, run=by.run or None, labels=by.labels)


def follow_compensated(turn: Turn, event: Event) -> None:
    for undoing, item in _items_of(turn, str(event.body["action"])):
        by = find(turn, Action, str(event.body["by"]))
        whole = (
            way_back(msgspec.structs.replace(find(turn, Action, item.action), status="succeeded")).kind != "correct"
        )
        note = f"{by.id} took it back" if whole else f"{by.id} says that it does not count; it stays in the world"
        _move(turn, undoing.id, item.action, "compensated" if whole else "corrected", by=by.id, note=note)
        _finish_when_over(turn, undoing.id)


def follow_ended(turn: Turn, event: Event) -> None:
    """An action has ended: one that was waited for, or one that was to take another back."""
    action = find(turn, Action, str(event.body["action"]))
    for undoing, item in _items_of(turn, action.id):
        if item.state == "waiting":
            _outcome_is_known(turn, undoing, action)
    if not action.compensates:
        return
    if action.status != "succeeded":
        for undoing, item in _items_of(turn, action.compensates):
            if item.by == action.id and item.state == "compensating":
                why = str(action.error.get("message", "")) or f"it was {action.status}"
                note = f"{action.id} did not take it back: {why}"
                _move(turn, undoing.id, item.action, "compensation_failed", by=action.id, note=note)
                _finish_when_over(turn, undoing.id)


def _outcome_is_known(turn: Turn, undoing: Undoing, action: Action) -> None:
    if action.status == "succeeded":
        _take_back(turn, undoing.id, action.id)
    else:
        _move(turn, undoing.id, action.id, "not_needed", note=f"it is {action.status}: it never happened")
    _finish_when_over(turn, undoing.id)


def follow_run_ended(turn: Turn, event: Event) -> None:
    """A run that should work out what takes an action back ended without it."""
    run = find(turn, Run, event.run or "")
    for undoing, item in _items_of(turn, works_out(run)) if works_out(run) else ():
        if not _is_worked_out(item):
            continue
        if run.playbook == CORRECTION and run.status in ("no_op", "succeeded"):
            plainly(turn, find(turn, Action, item.action), undoing.reason)
            continue
        note = (
            f"{run.id}, which should work out what takes it back, ended as {run.status}: {run.reason or 'without it'}"
        )
        _move(turn, undoing.id, item.action, "compensation_failed", note=note)
        _finish_when_over(turn, undoing.id)


# --- events -----------------------------------------------------------------------------------------


def _find(turn: Turn, id: str) -> Undoing:
    return find(turn, Undoing, id)


class _Begun(msgspec.Struct):
    undoing: str
    scope: str
    items: tuple[UndoItem, ...]
    reason: str = ""
    since_us: int | None = None
    until_us: int | None = None


def _begun(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Begun)
    draft.put(
        Undoing(
            id=body.undoing,
            seq=event.seq,
            scope=body.scope,
            items=body.items,
            status="compensating",
            at_us=event.at_us,
            by=event.actor,
            since_us=body.since_us,
            until_us=body.until_us,
            reason=body.reason,
        )
    )
    take_number(draft, body.undoing, event.seq)


def _undoing_of(draft: Draft, event: Event) -> Undoing:
    undoing = draft.get(Undoing, str(event.body["undoing"]))
    assert undoing is not None, "events of an undoing name one that was begun"
    return undoing


def _moved(draft: Draft, event: Event) -> None:
    undoing, body = _undoing_of(draft, event), event.body
    fresh = msgspec.convert(
        {"action": body["action"], "state": body["state"], "by": body["by"], "note": body["note"]}, UndoItem
    )
    items = tuple(fresh if item.action == fresh.action else item for item in undoing.items)
    draft.put(msgspec.structs.replace(undoing, seq=event.seq, items=items))


def _finished(draft: Draft, event: Event) -> None:
    undoing = _undoing_of(draft, event)
    draft.put(msgspec.structs.replace(undoing, seq=event.seq, status=event.body["status"], ended_us=event.at_us))


DECIDE: dict[type[Command], Callable[..., Plain]] = {Undo: undo_scope}
APPLY: dict[str, Applier] = {"undo.begun": _begun, "undo.moved": _moved, "undo.finished": _finished}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "action.proposed": follow_proposed,
    "action.compensated": follow_compensated,
    "action.denied": follow_ended,
    "action.expired": follow_ended,
    "action.withdrawn": follow_ended,
    "approval.rejected": follow_ended,
    "effect.succeeded": follow_ended,
    "effect.failed": follow_ended,
    "run.ended": follow_run_ended,
    "run.cancelled": follow_run_ended,
}
