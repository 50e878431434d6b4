"""The ledger of tasks: who is to do what by when, what shows that it is done, and who accepted that.

Anybody may make a task. The operator changes any; an agent goes on with its own and proposes everything else. What
needs acceptance is closed by the operator's acceptance and by nothing else. Every change is a version, and an event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels

from .alerts import raise_alert, settle_topic
from .commands import Command, DecideTask, PutTask
from .declared import ANY
from .entities import Objective, Plain, Run, Schedule, Step, Task, TaskState, TaskUpdate
from .lookup import find
from .orders import ProposedTask
from .scopes import CLIENTS, COMMONS, declared_for
from .turn import Turn

TITLE_CHARS_MAX: Final = 300
TEXT_CHARS_MAX: Final = 20_000
EVIDENCE_MAX: Final = 100
CRITERIA_MAX: Final = 50
LIVE_MAX: Final = 10_000
FROM_STEP_MAX: Final = 50
OPERATOR: Final = "operator"


# --- made and changed by people -------------------------------------------------------------------


def put(turn: Turn, command: PutTask) -> Plain:
    _check_namespace(turn, command.namespace or COMMONS)
    if not command.id:
        return _create(turn, command)
    task = find(turn, Task, command.id)
    _check_namespace(turn, task.namespace)
    fields = _fields(turn, command, task)
    if turn.actor == OPERATOR:
        _change(turn, task, fields, command.note, task.labels)
    else:
        _propose(turn, task, fields, command.note, command.labels, turn.actor)
    return _said(find(turn, Task, task.id))


def _check_namespace(turn: Turn, namespace: str) -> None:
    """A client makes and proposes only where it may write."""
    if turn.actor in CLIENTS:
        allowed = declared_for(turn.draft, turn.actor).write.namespaces
        if ANY not in allowed and namespace not in allowed:
            raise QuarterdeckError("forbidden", f"{turn.actor} may not write in the namespace {namespace}")


def _create(turn: Turn, command: PutTask) -> Plain:
    if not (command.title or "").strip():
        raise QuarterdeckError("schema", "a task has a title")
    task = Task(id=f"t{turn.number('t')}", title="", at_us=turn.env.now_us, labels=command.labels, by=turn.actor)
    fields = _fields(turn, command, task)
    return _said(make(turn, msgspec.structs.replace(task, note=command.note, **fields)))


def make(turn: Turn, task: Task) -> Task:
    """Record a new task. Raises QuarterdeckError for one that cannot be."""
    _check(turn, task)
    _check_parent(turn, task.parent)
    if sum(1 for _ in turn.draft.live(Task)) >= LIVE_MAX:
        raise QuarterdeckError("busy", f"{LIVE_MAX:,} tasks are open", hint="Close some: quarterdeck tasks list")
    body: Plain = msgspec.to_builtins(task)
    del body["labels"]
    turn.emit("task.created", body, labels=task.labels)
    return find(turn, Task, task.id)


def _fields(turn: Turn, command: PutTask, task: Task) -> Plain:
    """What the command says, as fields of a task. Only what differs."""
    names = ("title", "text", "owner", "state", "accept", "criteria", "parent", "source", "priority", "namespace")
    said: Plain = {name: value for name in names if (value := getattr(command, name)) is not None}
    if command.due_us is not None or command.undated:
        said["due_us"] = command.due_us
    if command.evidence:
        said["evidence"] = tuple(dict.fromkeys((*task.evidence, *command.evidence)))
    return {name: value for name, value in said.items() if getattr(task, name) != value}


def _check(turn: Turn, task: Task) -> None:
    for what, length, most in (
        ("a title", len(task.title), TITLE_CHARS_MAX),
        ("a text", len(task.text), TEXT_CHARS_MAX),
        ("the evidence", len(task.evidence), EVIDENCE_MAX),
        ("the list of criteria", len(task.criteria), CRITERIA_MAX),
    ):
        if length > most:
            raise QuarterdeckError("out_of_range", f"{what} has at most {most:,}, this one {length:,}")
    if not task.title.strip():
        raise QuarterdeckError("schema", "a task has a title")
    if task.owner != OPERATOR and not task.owner.startswith("agent:"):
        raise QuarterdeckError("bad_value", f"{task.owner[:80]!r} owns no task", hint="operator, or agent:NAME.")
    if task.state == "review" and not task.accept:
        hint = "Its state is open, doing, waiting, done or cancelled."
        raise QuarterdeckError("bad_value", f"{task.id} needs no acceptance", hint=hint)


def _check_parent(turn: Turn, parent: object) -> None:
    """Only where it is said: an objective that was forgotten since holds nothing up."""
    if parent:
        find(turn, Objective, str(parent))


def _change(turn: Turn, task: Task, fields: Plain, note: str, labels: Labels, actor: str | None = None) -> None:
    """Record a change of one who may make it. Done, where it needs acceptance, is `review`."""
    if fields.get("state") == "done" and fields.get("accept", task.accept):
        fields = {**fields, "state": "review"}
    if fields.get("state") == task.state:
        del fields["state"]
    _check(turn, msgspec.structs.replace(task, **fields))
    _check_parent(turn, fields.get("parent"))
    if fields or note:
        body: Plain = {"id": task.id, **msgspec.to_builtins(fields), "note": note}
        turn.emit("task.changed", body, labels=labels, actor=actor)


def _propose(turn: Turn, task: Task, fields: Plain, note: str, labels: Labels, by: str, source: str = "") -> None:
    """Keep what somebody wants changed, for the operator. A later proposal takes the place of an earlier one."""
    if not task.live:
        raise QuarterdeckError("conflict", f"the task {task.id} is {task.state}")
    if beyond := sorted(set(fields) - _PROPOSED):
        raise QuarterdeckError("forbidden", f"only the operator changes {beyond[0]} of a task")
    _check(turn, msgspec.structs.replace(task, **{**fields, "state": task.state}))
    update = {**fields, "by": by, "at_us": turn.env.now_us, "note": note, "source": source, "labels": labels}
    added = [one for one in msgspec.convert(update, TaskUpdate).evidence if one not in task.evidence]
    body: Plain = {"id": task.id, "update": msgspec.to_builtins({**update, "evidence": added})}
    turn.emit("task.proposed", body, labels=labels, actor=by)


_PROPOSED: Final = frozenset(("state", "owner", "due_us", "evidence"))


def _said(task: Task) -> Plain:
    return {"id": task.id, "state": task.state, "proposed": task.proposal is not None}


# --- accepted and rejected ------------------------------------------------------------------------


def decide(turn: Turn, command: DecideTask) -> Plain:
    task = find(turn, Task, command.id)
    if turn.actor != OPERATOR:
        raise QuarterdeckError("forbidden", "only the operator accepts or rejects")
    if command.seq and command.seq != task.seq:
        raise QuarterdeckError(
            "conflict", f"the task {task.id} has changed since you saw it", hint=f"quarterdeck tasks show {task.id}"
        )
    if command.accept:
        _accept(turn, task, command.reason)
    else:
        _reject(turn, task, command.reason)
    return _said(find(turn, Task, task.id))


def _accept(turn: Turn, task: Task, reason: str) -> None:
    """A proposal is carried out as it stands; else the task is accepted as done."""
    if not task.live:
        raise QuarterdeckError("conflict", f"the task {task.id} is {task.state} already")
    proposal = task.proposal
    fields: Plain = {}
    if proposal is not None:
        given = (("state", proposal.state), ("owner", proposal.owner), ("due_us", proposal.due_us))
        fields = {name: value for name, value in given if value is not None}
        if proposal.evidence:
            fields["evidence"] = list(dict.fromkeys((*task.evidence, *proposal.evidence)))
    elif task.accept:
        fields = {"state": "done"}
    else:
        raise QuarterdeckError(
            "conflict", f"the task {task.id} needs no acceptance", hint=f"quarterdeck tasks done {task.id}"
        )
    body: Plain = {"id": task.id, "what": "proposal" if proposal else "done", "fields": fields, "reason": reason}
    turn.emit("task.accepted", body, labels=task.labels)


def _reject(turn: Turn, task: Task, reason: str) -> None:
    if task.proposal is None and task.state != "review":
        raise QuarterdeckError("conflict", f"nothing of the task {task.id} waits for acceptance")
    what = "proposal" if task.proposal is not None else "done"
    turn.emit("task.rejected", {"id": task.id, "what": what, "reason": reason}, labels=task.labels)


# --- from the steps of runs -----------------------------------------------------------------------


def take_tasks(turn: Turn, run: Run, step: Step, tasks: tuple[ProposedTask, ...], labels: Labels) -> list[Plain]:
    """Make and change what a step returned. Returns what could not be, with the reason."""
    refused: list[Plain] = []
    for number, wanted in enumerate(tasks):
        try:
            if number >= FROM_STEP_MAX:
                raise QuarterdeckError("out_of_range", f"a step returns at most {FROM_STEP_MAX} tasks")
            _take(turn, run, step, wanted, labels)
        except (QuarterdeckError, msgspec.ValidationError) as error:
            refused.append({"task": wanted.id or wanted.title[:TITLE_CHARS_MAX], "reason": str(error)})
    return refused


def _take(turn: Turn, run: Run, step: Step, wanted: ProposedTask, labels: Labels) -> None:
    task = _meant(turn, run, wanted)
    if task is None:
        _make_from(turn, run, step, wanted, labels)
        return
    by = f"agent:{step.agent}"
    said: Plain = {"state": wanted.state or None, "owner": wanted.owner or None, "due_us": wanted.due_us}
    fields = {name: value for name, value in said.items() if value is not None and value != getattr(task, name)}
    if new := [one for one in wanted.evidence if one not in task.evidence]:
        fields["evidence"] = (*task.evidence, *new)
    if (
        task.owner == by
        and task.live
        and fields.get("state") != "cancelled"
        and not fields.keys() & {"owner", "due_us"}
    ):
        _change(turn, task, fields, wanted.note, labels, by)
    elif fields or wanted.note:
        _propose(turn, task, fields, wanted.note, labels, by, f"run:{run.id}/{step.id}")


def _meant(turn: Turn, run: Run, wanted: ProposedTask) -> Task | None:
    """The task that it names by id or by its key; None: it is a new one. Others' namespaces are out of its reach."""
    here = (run.namespace, COMMONS)
    if wanted.id:
        task = find(turn, Task, wanted.id)
        if task.namespace not in here:
            raise QuarterdeckError("not_found", f"there is no task {wanted.id!r}")
        return task
    if not wanted.key:
        return None
    return next((one for one in turn.draft.live(Task) if one.key == wanted.key and one.namespace in here), None)


def _make_from(turn: Turn, run: Run, step: Step, wanted: ProposedTask, labels: Labels) -> None:
    served = turn.draft.get(Objective, run.objective) if run.objective else None
    parent = wanted.parent or (served.id if served is not None else "")
    make(
        turn,
        Task(
            id=f"t{turn.number('t')}", title=wanted.title, text=wanted.text, at_us=turn.env.now_us, labels=labels,
            by=f"agent:{step.agent}", owner=wanted.owner or OPERATOR, due_us=wanted.due_us, accept=wanted.accept,
            criteria=wanted.criteria, evidence=wanted.evidence, parent=parent, key=wanted.key, note=wanted.note,
            source=f"run:{run.id}/{step.id}", namespace=run.namespace, priority=run.priority,
            state=msgspec.convert(_begun(wanted), TaskState),
        ),
    )  # fmt: skip


def _begun(wanted: ProposedTask) -> str:
    """Nobody makes a task that is closed already, least of all one that needs acceptance."""
    return wanted.state if wanted.state in ("open", "doing", "waiting") else "open"


# --- late -----------------------------------------------------------------------------------------


def wake(turn: Turn, task: Task) -> None:
    """Its due date has come: say so, once."""
    if task.live and not task.overdue and task.due_us is not None and task.due_us <= turn.env.now_us:
        turn.emit("task.overdue", {"id": task.id, "due_us": task.due_us}, labels=task.labels)
        raise_alert(
            turn,
            "warning",
            f"task.overdue/{task.id}",
            f"the task {task.id} is overdue: {task.title}",
            hint=f"quarterdeck tasks done {task.id}, or give it more time: quarterdeck tasks edit {task.id} --due 2d",
            about=(f"task:{task.id}",),
            labels=task.labels,
        )


def settle(turn: Turn, event: Event) -> None:
    """It is done, or has more time: the alert about its lateness is over."""
    task = find(turn, Task, str(event.body["id"]))
    if not task.overdue or not task.live:
        settle_topic(
            turn, f"task.overdue/{task.id}", f"the task is {task.state}" if not task.live else "it has more time"
        )


# --- attaching ------------------------------------------------------------------------------------


def attach(turn: Turn, entity: Run | Task | Schedule, objective: str, reason: str) -> None:
    """Have it serve an objective, or none."""
    if isinstance(entity, Task):
        turn.emit("task.changed", {"id": entity.id, "parent": objective, "note": reason}, labels=entity.labels)
    elif isinstance(entity, Run):
        body: Plain = {"run": entity.id, "objective": objective, "reason": reason}
        turn.emit("run.attached", body, run=entity.id, labels=entity.labels)
    else:
        plain: Plain = msgspec.to_builtins(msgspec.structs.replace(entity, objective=objective))
        del plain["labels"]
        turn.emit("schedule.put", plain, labels=entity.labels)


DECIDE: dict[type[Command], Callable[..., Plain]] = {PutTask: put, DecideTask: decide}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"task.changed": settle, "task.accepted": settle}
