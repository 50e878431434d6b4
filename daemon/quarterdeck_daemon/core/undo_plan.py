"""What an undo would mean: the actions that a scope names, newest first, each with the way back that it has. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .commands import Undo
from .compensations import Declared, Way, way_back
from .entities import UNDO_ITEM_OVER, Action, Asset, Run, Undoing, UndoItem
from .hashing import value_hash
from .playbook import base_of, parse_playbook
from .step_ends import values_for
from .table import Table

E = TypeVar("E", Action, Run, Undoing)

ITEMS_MAX: Final = 500  # Of one undoing; more is a smaller stretch of time at once.
CHAIN_MAX: Final = 64  # Undo of an undo of an undo …
CORRECTION: Final = "correction"  # The playbook that mends a mail which was undone too late.
WORKS_OUT: Final = "undoing:"  # Origin of a run in which somebody works out what takes an effect back.
NEVER_HAPPENED: Final = ("denied", "rejected", "expired", "failed")


class Planned(msgspec.Struct, frozen=True):
    action: Action
    way: Way


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
    busy = _busy(table)
    return [Planned(action, _way(table, action, busy.get(action.id, ""))) for action in found]


def hash_of(scope: str, planned: list[Planned]) -> str:
    """What a yes to this plan covers."""
    ways = [[one.action.id, *msgspec.structs.astuple(one.way)] for one in planned]
    return value_hash([scope, ways])


def _busy(table: Table) -> dict[str, str]:
    """Actions that are being taken back -> by what: an undoing, else an action or a run that nobody follows."""
    busy = {one.compensates: one.id for one in table.live(Action) if one.compensates}
    busy |= {action: run.id for run in table.live(Run) if (action := works_out(run))}
    return busy | {item.action: one.id for one in table.live(Undoing) for item in one.items if not is_over(item)}


def _way(table: Table, action: Action, busy: str) -> Way:
    if busy:
        return Way(kind="cannot", says=f"{busy} is taking it back already")
    return way_back(action, declared_compensation(table, action))


def _number(action: Action) -> int:
    digits = action.id.removeprefix("a")
    return int(digits) if digits.isdecimal() and len(digits) < 16 else 0


# --- what a scope names -----------------------------------------------------------------------------


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
    """The undo of an undo: what it did is taken back, what it still waits for is withdrawn. What it withdrew stays so."""
    for item in _get(table, Undoing, id).items:
        action = table.get(Action, item.by or item.action) if item.by or item.state == "withdrawn" else None
        if action is not None and (not item.by or action.status not in (*NEVER_HAPPENED, "withdrawn")):
            yield action


def _standing(table: Table, action: Action | None) -> Iterator[Action]:
    """What stands in the world of this action: itself, or what an undone undo put in its place; else nothing.

    Every second action of a chain takes back the one before it.
    """
    depth = 0
    while action is not None and action.status == "compensated" and depth < CHAIN_MAX:
        action, depth = table.get(Action, action.compensated_by), depth + 1
    over = (*NEVER_HAPPENED, "withdrawn", "compensated")
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


# --- what is known of one action --------------------------------------------------------------------


def is_over(item: UndoItem) -> bool:
    return item.state in UNDO_ITEM_OVER


def works_out(run: Run) -> str:
    """The action for which this run works out what takes it back, "" for any other run."""
    return str(run.inputs.get("action", "")) if run.playbook == CORRECTION else mends(run)


def mends(run: Run) -> str:
    """The action that whatever this run proposes takes back. A playbook may do other things as well, and says it itself."""
    for_one = run.origin.startswith(WORKS_OUT) and run.playbook != CORRECTION
    return str(run.inputs["action"]) if for_one else ""


def declared_compensation(table: Table, action: Action) -> Declared | None:
    """What the action's step in its playbook says about taking it back; None when it says nothing."""
    run = table.get(Run, action.run) if action.run else None
    pinned = table.get(Asset, f"playbook/{run.playbook}@{run.playbook_hash[:16]}") if run is not None else None
    if run is None or pinned is None or action.step not in run.steps:
        return None
    playbook = parse_playbook(pinned.text)
    said = next((spec.compensate for spec in playbook.steps if spec.id == base_of(action.step)), None)
    if said is None:
        return None
    values = values_for(run, playbook, playbook.step(action.step)) | {"output": run.steps[action.step].output}
    if said.agent:
        return Declared(agent=said.agent, args=said.input, reads=said.reads, values=values)
    return Declared(verb=f"{said.connector}.{said.verb}", args=said.args, values=values)
