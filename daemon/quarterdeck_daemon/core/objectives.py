"""Objectives and their projects: what runs, tasks and schedules are for.

A change above proposes what is to become of what is below; it is done when the operator says so, with one word.

Owns     the tree of objectives, what serves them, and proposals to replan.
Leaves   how far they are to progress.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from . import run_steering, schedules, tasks
from .alerts import raise_alert, settle_topic
from .commands import Attach, Command, DecideReplan, PutObjective, PutTask, SteerRun, SteerSchedule
from .entities import ENTITIES, Entity, Objective, Plain, Replan, Run, Schedule, Task, TaskState
from .lookup import find
from .objective_parts import move_part, parts_of
from .table import Draft, Table
from .turn import Applier, Turn, named, strings, take_number

TITLE_CHARS_MAX: Final = 300
TEXT_CHARS_MAX: Final = 20_000
DEPTH_MAX: Final = 5
ITEMS_MAX: Final = 500  # That one replanning names.
LIVE_MAX: Final = 1_000
VERB_OF: Final[dict[str, str]] = {"paused": "pause", "cancelled": "cancel", "open": "resume"}
replace = msgspec.structs.replace


# --- made and changed -----------------------------------------------------------------------------


def put(turn: Turn, command: PutObjective) -> Plain:
    names = ("title", "text", "parent", "owner", "state", "criteria", "namespace")
    said: Plain = {name: value for name in names if (value := getattr(command, name)) is not None}
    if command.due_us is not None or command.undated:
        said["due_us"] = command.due_us
    if said.get("parent"):
        find(turn, Objective, str(said["parent"]))
    objective = _create(turn, command, said) if not command.id else _change(turn, command, said)
    return _told(objective)


def _told(objective: Objective) -> Plain:
    proposed = objective.replan
    return {
        "id": objective.id,
        "state": objective.state,
        "replan": {"verb": proposed.verb, "items": list(proposed.items)} if proposed is not None else None,
    }


def _create(turn: Turn, command: PutObjective, said: Plain) -> Objective:
    objective = Objective(
        id=f"obj{turn.number('obj')}", title="", at_us=turn.env.now_us, labels=command.labels, note=command.note
    )
    objective = replace(objective, **said)
    _check(turn, objective)
    if objective.state != "open":
        raise QuarterdeckError("bad_value", "an objective begins open")
    if sum(1 for _ in turn.draft.live(Objective)) >= LIVE_MAX:
        raise QuarterdeckError("busy", f"{LIVE_MAX:,} objectives are open", hint="quarterdeck objectives close ID")
    body: Plain = msgspec.to_builtins(objective)
    del body["labels"]
    turn.emit("objective.put", body, labels=objective.labels)
    return find(turn, Objective, objective.id)


def _change(turn: Turn, command: PutObjective, said: Plain) -> Objective:
    objective = find(turn, Objective, command.id)
    fields = {name: value for name, value in said.items() if getattr(objective, name) != value}
    _check(turn, replace(objective, **fields))
    if fields.get("state") == "done":
        _check_done(turn, objective)
    if fields or command.note:
        body: Plain = {
            "id": objective.id,
            "was": objective.state,
            **msgspec.to_builtins(fields),
            "note": command.note,
        }
        turn.emit("objective.changed", body, labels=objective.labels)
    if "state" in fields:
        _propose_replan(turn, find(turn, Objective, objective.id))
    return find(turn, Objective, objective.id)


def _check(turn: Turn, objective: Objective) -> None:
    if not objective.title.strip() or len(objective.title) > TITLE_CHARS_MAX:
        raise QuarterdeckError("schema", f"an objective has a title of at most {TITLE_CHARS_MAX} characters")
    if len(objective.text) > TEXT_CHARS_MAX:
        raise QuarterdeckError("out_of_range", f"a text has at most {TEXT_CHARS_MAX:,} characters")
    depth, above = 1, objective.parent
    while above:
        depth += 1
        if above == objective.id:
            raise QuarterdeckError("bad_value", f"{objective.id} would be above itself")
        if depth > DEPTH_MAX:
            raise QuarterdeckError("out_of_range", f"objectives are at most {DEPTH_MAX} deep")
        higher = turn.draft.get(Objective, above)  # One that was forgotten since is above nothing.
        above = higher.parent if higher is not None else ""


def _check_done(turn: Turn, objective: Objective) -> None:
    left = [name for name, one in beneath(turn.draft, objective.id) if one.live and not isinstance(one, Schedule)]
    if left:
        named = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
        raise QuarterdeckError(
            "conflict",
            f"{objective.id} is not done: {named} {'is' if len(left) == 1 else 'are'} still open",
            hint=f"Finish them; or cancel it: quarterdeck objectives close {objective.id} --cancelled",
        )


def beneath(table: Table, objective: str) -> Iterator[tuple[str, Run | Task | Schedule | Objective]]:
    """Everything that serves it, whether itself or through its projects: (`kind:id`, the entity)."""
    waiting, seen = [objective], {objective}
    while waiting:
        for name in parts_of(table, waiting.pop()):
            kind, _, id = name.partition(":")
            entity = table.get(ENTITIES[kind], id)
            if isinstance(entity, Run | Task | Schedule | Objective):
                yield name, entity
            if isinstance(entity, Objective) and id not in seen:
                seen.add(id)
                waiting.append(id)


_SERVING: Final[dict[str, type[Entity]]] = {
    "run": Run,
    "task": Task,
    "schedule": Schedule,
    "objective": Objective,
}


# --- what serves it -------------------------------------------------------------------------------


def attach(turn: Turn, command: Attach) -> Plain:
    kind, _, id = command.entity.partition(":")
    cls = _SERVING.get(kind)
    if cls is None:
        raise QuarterdeckError(
            "bad_value",
            f"{command.entity[:80]!r} serves no objective",
            hint="A run, task, schedule or project: run:r3.",
        )
    if command.objective:
        find(turn, Objective, command.objective)
    entity: Entity = find(turn, cls, id)
    if isinstance(entity, Objective):
        _change(turn, PutObjective(id=id, note=command.reason), {"parent": command.objective})
    else:
        assert isinstance(entity, Run | Task | Schedule), "asked by kind"
        tasks.attach(turn, entity, command.objective, command.reason)
    return {"id": id, "objective": command.objective}


# --- replanning -----------------------------------------------------------------------------------


def _propose_replan(turn: Turn, objective: Objective) -> None:
    """Its state has changed: say what could become of what is below."""
    _drop(turn, objective, "it has changed again")
    verb = VERB_OF.get(objective.state, "")
    items = _concerned(turn, objective, verb) if verb else []
    if not items:
        return
    body: Plain = {
        "id": objective.id,
        "verb": verb,
        "items": items[:ITEMS_MAX],
        "more": max(0, len(items) - ITEMS_MAX),
        "because": f"{objective.id} is {objective.state}",
    }
    turn.emit("objective.replan_proposed", body, labels=objective.labels)
    count = "one thing" if len(items) == 1 else f"{len(items):,} things"
    raise_alert(
        turn,
        "warning",
        f"objective.replan/{objective.id}",
        f"{objective.id} is {objective.state}; {count} below could be {_PAST[verb]}: {objective.title}",
        hint=f"quarterdeck objectives replan {objective.id}, or --keep to leave them as they are",
        about=(f"objective:{objective.id}", *items[:30]),
        labels=objective.labels,
    )


_PAST: Final = {"pause": "paused", "cancel": "cancelled", "resume": "resumed"}


def _concerned(turn: Turn, objective: Objective, verb: str) -> list[str]:
    if verb == "resume":
        return [name for name in objective.paused_by_replan if _fits(turn.draft, name, verb)]
    return [name for name, _ in beneath(turn.draft, objective.id) if _fits(turn.draft, name, verb)]


def _fits(table: Table, name: str, verb: str) -> bool:
    """Whether there is something to pause, cancel or resume about it."""
    kind, _, id = name.partition(":")
    entity = table.get(ENTITIES[kind], id)
    if isinstance(entity, Schedule):
        return entity.paused and not entity.removed if verb == "resume" else entity.live
    if isinstance(entity, Run):
        return entity.status in {"pause": ("running",), "cancel": ("running", "paused"), "resume": ("paused",)}[verb]
    if isinstance(entity, Task):
        fitting = {"pause": ("open", "doing"), "resume": ("waiting",)}.get(verb)
        return entity.live if fitting is None else entity.state in fitting
    if not isinstance(entity, Objective):
        return False  # It was forgotten.
    return entity.live and (verb == "cancel" or (entity.state == "paused") == (verb == "resume"))


def decide(turn: Turn, command: DecideReplan) -> Plain:
    objective = find(turn, Objective, command.id)
    proposed = objective.replan
    if proposed is None:
        raise QuarterdeckError("conflict", f"nothing is proposed for what is below {objective.id}")
    if command.seq and command.seq != objective.seq:
        raise QuarterdeckError(
            "conflict",
            f"{objective.id} has changed since you saw it",
            hint=f"quarterdeck objectives show {objective.id}",
        )
    if not command.confirm:
        _drop(turn, objective, command.reason or "left as it is")
        return {"id": objective.id, "done": [], "left": list(proposed.items)}
    done, left = _carry_out(turn, proposed, command.reason)
    body: Plain = {"id": objective.id, "verb": proposed.verb, "done": done, "left": left, "reason": command.reason}
    turn.emit("objective.replanned", body, labels=objective.labels)
    settle_topic(turn, f"objective.replan/{objective.id}", f"{len(done)} {_PAST[proposed.verb]}")
    return {"id": objective.id, "done": done, "left": left}


def _carry_out(turn: Turn, proposed: Replan, reason: str) -> tuple[list[str], list[str]]:
    """Do it for each; what has moved on meanwhile is left."""
    done: list[str] = []
    why = reason or proposed.because
    for name in proposed.items:
        if _fits(turn.draft, name, proposed.verb):
            kind, _, id = name.partition(":")
            _DO[kind](turn, id, proposed.verb, why)
            done.append(name)
    return done, [name for name in proposed.items if name not in done]


def _do_run(turn: Turn, id: str, verb: str, why: str) -> None:
    run_steering.steer(turn, SteerRun(id=id, verb=verb, reason=why))


def _do_task(turn: Turn, id: str, verb: str, why: str) -> None:
    states = {"pause": "waiting", "cancel": "cancelled", "resume": "open"}
    tasks.put(turn, PutTask(id=id, state=msgspec.convert(states[verb], TaskState), note=why))


def _do_schedule(turn: Turn, id: str, verb: str, why: str) -> None:
    """A cancelled objective pauses its schedules: one that stands in a file could not be removed."""
    schedules.steer(turn, SteerSchedule(id=id, verb="resume" if verb == "resume" else "pause", reason=why))


def _do_objective(turn: Turn, id: str, verb: str, why: str) -> None:
    objective = find(turn, Objective, id)
    state = {"pause": "paused", "cancel": "cancelled", "resume": "open"}[verb]
    body: Plain = {"id": id, "was": objective.state, "state": state, "note": why}
    turn.emit("objective.changed", body, labels=objective.labels)


_DO: dict[str, Callable[[Turn, str, str, str], None]] = {
    "run": _do_run, "task": _do_task, "schedule": _do_schedule, "objective": _do_objective,
}  # fmt: skip


def _drop(turn: Turn, objective: Objective, reason: str) -> None:
    if objective.replan is not None:
        turn.emit("objective.replan_dropped", {"id": objective.id, "reason": reason}, labels=objective.labels)
        settle_topic(turn, f"objective.replan/{objective.id}", reason)


# --- events ---------------------------------------------------------------------------------------


def _put(draft: Draft, event: Event) -> None:
    objective = msgspec.convert({**event.body, "seq": event.seq, "labels": event.labels}, Objective)
    draft.put(objective)
    take_number(draft, objective.id, event.seq)
    move_part(draft, f"objective:{objective.id}", "", objective.parent, event.seq)


def _changed(draft: Draft, event: Event) -> None:
    before = named(draft, Objective, event)
    fields = {name: value for name, value in event.body.items() if name in _CHANGEABLE}
    plain: Plain = {**msgspec.structs.asdict(before), **fields, "seq": event.seq}
    now = msgspec.convert(plain, Objective, from_attributes=True)
    if now.live != before.live:
        now = replace(now, ended_us=None if now.live else event.at_us)
    draft.put(now)
    move_part(draft, f"objective:{now.id}", before.parent, now.parent, event.seq)


_CHANGEABLE: Final = frozenset(
    ("title", "text", "parent", "owner", "state", "due_us", "criteria", "note", "namespace")
)  # fmt: skip


def _proposed(draft: Draft, event: Event) -> None:
    body = {**event.body, "at_us": event.at_us}
    draft.put(replace(named(draft, Objective, event), seq=event.seq, replan=msgspec.convert(body, Replan)))


def _replanned(draft: Draft, event: Event) -> None:
    """What a pause paused is kept, so that it can be resumed with it."""
    paused = strings(event.body["done"]) if event.body["verb"] == "pause" else ()
    draft.put(replace(named(draft, Objective, event), seq=event.seq, replan=None, paused_by_replan=paused))


def _dropped(draft: Draft, event: Event) -> None:
    draft.put(replace(named(draft, Objective, event), seq=event.seq, replan=None))


DECIDE: dict[type[Command], Callable[..., Plain]] = {PutObjective: put, Attach: attach, DecideReplan: decide}
APPLY: dict[str, Applier] = {
    "objective.put": _put,
    "objective.changed": _changed,
    "objective.replan_proposed": _proposed,
    "objective.replanned": _replanned,
    "objective.replan_dropped": _dropped,
}
