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

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .actions import propose_as, release
from .commands import Command, SteerRun, Undo
from .compensations import Declared, Way, proposal_of, way_back
from .entities import UNDO_ITEM_OVER, Action, Asset, Plain, Run, Undoing, UndoItem, UndoState
from .hashing import value_hash
from .lookup import find
from .playbook import parse_playbook
from .run_steering import steer
from .step_ends import values_of
from .table import Draft, Table
from .turn import Applier, Turn, take_number

E = TypeVar("E", Action, Run, Undoing)

ITEMS_MAX = 500  # Of one undoing; more is a smaller stretch of time at once.
CHAIN_MAX = 64  # Undo of an undo of an undo …
CORRECTION = "correction"  # The playbook that mends a mail which was undone too late.


class Planned(msgspec.Struct, frozen=True):
    action: Action
    way: Way


# --- what a scope means -----------------------------------------------------------------------------


def plan(table: Table, command: Undo) -> list[Planned]:
    """What undoing this scope would do, newest first. Raises QuarterdeckError for a scope that is none."""
    kind, _, id = command.scope.partition(":")
    finder = SCOPES.get(kind)
    if finder is None or (kind == "everything") != (not id):
        raise QuarterdeckError(
            "bad_value",
            f"{command.scope!r} is nothing that can be undone",
            hint="action:a17, run:r3, agent:outreach, undoing:u2, or everything with a time.",
        )
    found = sorted(finder(table, id, command), key=lambda one: (one.left_seq or one.seq, _number(one)), reverse=True)
    if len(found) > ITEMS_MAX:
        raise QuarterdeckError(
            "out_of_range", f"that is {len(found):,} actions; {ITEMS_MAX} go at once", hint="Take a shorter time."
        )
    busy = {item.action: one.id for one in table.live(Undoing) for item in one.items if not _over(item)}
    return [Planned(action, _way(table, action, busy.get(action.id, ""))) for action in found]


def _way(table: Table, action: Action, busy: str) -> Way:
    if busy:
        return Way(kind="cannot", says=f"{busy} is taking it back already")
    return way_back(action, declared_compensation(table, action))


def _number(action: Action) -> int:
    digits = action.id.removeprefix("a")
    return int(digits) if digits.isdecimal() and len(digits) < 16 else 0


def _one_action(table: Table, id: str, command: Undo) -> Iterator[Action]:
    yield _get(table, Action, id)


def _of_run(table: Table, id: str, command: Undo) -> Iterator[Action]:
    run = _get(table, Run, id)
    for step in run.steps.values():
        for action in step.actions:
            yield from _standing(table, table.get(Action, action))
        if step.child:  # What a run within it did is its doing, too.
            yield from _of_run(table, step.child, command)


def _of_agent(table: Table, id: str, command: Undo) -> Iterator[Action]:
    return _in_time(table, command, lambda action: action.agent == id)


def _of_everybody(table: Table, id: str, command: Undo) -> Iterator[Action]:
    if command.since_us is None and command.until_us is None:
        raise QuarterdeckError("schema", "params: `since` is missing", hint="Everything needs a time: since, until.")
    return _in_time(table, command, lambda action: True)


def _in_time(table: Table, command: Undo, fits: Callable[[Action], bool]) -> Iterator[Action]:
    since, until = command.since_us or 0, command.until_us
    for action in list(table.scan(Action)):
        in_time = action.at_us >= since and (until is None or action.at_us <= until)
        if in_time and fits(action) and not action.compensates:
            yield from _standing(table, action)


def _of_undoing(table: Table, id: str, command: Undo) -> Iterator[Action]:
    """The undo of an undo: what it did is taken back, what it still waits for is withdrawn."""
    for item in _get(table, Undoing, id).items:
        action = table.get(Action, item.by) if item.by else None
        if action is not None and action.status not in ("rejected", "expired", "withdrawn", "denied", "failed"):
            yield action


def _standing(table: Table, action: Action | None) -> Iterator[Action]:
    """What stands in the world of this action: itself, or what an undone undo put in its place; else nothing.

    Every second action of a chain takes back the one before it.
    """
    depth = 0
    while action is not None and action.status == "compensated" and depth < CHAIN_MAX:
        action, depth = table.get(Action, action.compensated_by), depth + 1
    over = ("denied", "rejected", "expired", "withdrawn", "failed", "compensated")
    if action is not None and depth % 2 == 0 and action.status not in over:
        yield action


SCOPES: dict[str, Callable[[Table, str, Undo], Iterator[Action]]] = {
    "action": _one_action,
    "run": _of_run,
    "agent": _of_agent,
    "undoing": _of_undoing,
    "everything": _of_everybody,
}


def _get(table: Table, cls: type[E], id: str) -> E:
    entity = table.get(cls, id)
    if entity is None:
        raise QuarterdeckError("not_found", f"there is no {cls.kind} {id!r}", hint="quarterdeck timeline")
    return entity


def declared_compensation(table: Table, action: Action) -> Declared | None:
    """What the action's step in its playbook says about taking it back; None when it says nothing."""
    run = table.get(Run, action.run) if action.run and action.step else None
    pinned = table.get(Asset, f"playbook/{run.playbook}@{run.playbook_hash[:16]}") if run is not None else None
    if run is None or pinned is None:
        return None
    spec = next((spec for spec in parse_playbook(pinned.text).steps if spec.id == action.step), None)
    if spec is None or spec.compensate is None:
        return None
    compensate = spec.compensate
    if compensate.agent:
        return Declared(verb="", agent=compensate.agent)
    return Declared(verb=f"{compensate.connector}.{compensate.verb}", args=compensate.args, values=values_of(run))


# --- beginning --------------------------------------------------------------------------------------


def undo_scope(turn: Turn, command: Undo) -> Plain:
    """Begin to take back, or say what that would mean."""
    planned = plan(turn.draft, command)
    hash = value_hash([command.scope, [[one.action.id, one.way.kind, one.way.verb, one.way.args] for one in planned]])
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
    _refuse_empty(command, planned)
    id = begin(turn, command, planned)
    undoing = find_undoing(turn, id)
    return {**told, "id": id, "status": undoing.status, "dry_run": False, "items": rows_of(turn.draft, undoing)}


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


def begin(turn: Turn, command: Undo, planned: list[Planned]) -> str:
    """Record the plan and do what can be done now. Returns its id."""
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
    if kind == "run" and find(turn, Run, name).live:
        steer(turn, SteerRun(id=name, verb="cancel", reason=command.reason or "rolled back"))
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
    undoing = find_undoing(turn, id)
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
        wanted: Plain = {"action": action.id, "reason": undoing.reason}
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
    corrected = {item.action for item in find_undoing(turn, id).items}
    waiting = [one for one in turn.draft.live(Action) if one.status == "held" and one.compensates in corrected]
    for action in waiting:  # Also a second correction of the same, which finds out that it is not needed.
        if action.release_us is not None and action.release_us <= turn.env.now_us:
            release(turn, find(turn, Action, action.id))


def _finish_when_over(turn: Turn, id: str) -> None:
    undoing = find_undoing(turn, id)
    if not undoing.live or not all(_over(item) for item in undoing.items):
        return
    failed = any(item.state == "compensation_failed" for item in undoing.items)
    turn.emit("undo.finished", {"undoing": id, "status": "compensation_failed" if failed else "compensated"})


def _over(item: UndoItem) -> bool:
    return item.state in UNDO_ITEM_OVER


def _items_of(turn: Turn, action: str) -> list[tuple[Undoing, UndoItem]]:
    """The open items that concern this action."""
    return [
        (undoing, item)
        for undoing in list(turn.draft.live(Undoing))
        for item in undoing.items
        if item.action == action and not _over(item)
    ]


def follow_proposed(turn: Turn, event: Event) -> None:
    """A correction that a playbook wrote: now the item has a name for it."""
    corrected = str(event.body.get("compensates", ""))
    for undoing, item in _items_of(turn, corrected) if corrected else ():
        if item.state == "compensating" and not item.by:
            _move(turn, undoing.id, item.action, "compensating", by=str(event.body["action"]), note=item.note)


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
    """The playbook that should write a correction ended without one."""
    run = find(turn, Run, event.run or "")
    corrected = str(run.inputs.get("action", ""))
    if run.playbook != CORRECTION or not corrected:
        return
    for undoing, item in _items_of(turn, corrected):
        if item.state == "compensating" and not item.by:
            note = f"{run.id}, which should write the correction, ended as {run.status}: {run.reason}"
            _move(turn, undoing.id, item.action, "compensation_failed", note=note)
            _finish_when_over(turn, undoing.id)


# --- events -----------------------------------------------------------------------------------------


def find_undoing(turn: Turn, id: str) -> Undoing:
    return _get(turn.draft, Undoing, id)


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
