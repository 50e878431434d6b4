"""How events change tasks."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import join

from .entities import Acceptance, Plain, Run, Task, TaskUpdate
from .objective_parts import move_part
from .table import Draft
from .turn import Applier, named, take_number

replace = msgspec.structs.replace
KNOWN_KINDS = ("document", "memory", "fact", "run", "action")  # That evidence can be, as `kind:id`.


def _created(draft: Draft, event: Event) -> None:
    task = msgspec.convert({**event.body, "seq": event.seq, "labels": event.labels}, Task)
    draft.put(task)
    take_number(draft, task.id, event.seq)
    move_part(draft, f"task:{task.id}", "", task.parent, event.seq)
    _link(draft, task, (task.source.partition("/")[0], *task.evidence), event.seq)


def _changed(draft: Draft, event: Event) -> None:
    fields = {name: value for name, value in event.body.items() if name != "id"}
    _keep(draft, event, fields)


def _keep(draft: Draft, event: Event, fields: Plain) -> None:
    """Put the task with these fields, and what follows from them."""
    before = named(draft, Task, event)
    plain: Plain = {**msgspec.structs.asdict(before), **fields, "seq": event.seq}
    task = msgspec.convert(plain, Task, from_attributes=True)
    if task.due_us != before.due_us:
        task = replace(task, overdue=False)
    if not task.live:
        task = replace(task, ended_us=event.at_us if before.live else before.ended_us, proposal=None)
    elif not before.live:
        task = replace(task, ended_us=None, acceptance=None)
    draft.put(replace(task, labels=join((before.labels, event.labels))))
    move_part(draft, f"task:{task.id}", before.parent, task.parent, event.seq)
    _link(draft, task, [one for one in task.evidence if one not in before.evidence], event.seq)


def _link(draft: Draft, task: Task, sources: tuple[str, ...] | list[str], seq: int) -> None:
    for source in sources:
        if source.partition(":")[0] in KNOWN_KINDS:
            draft.link(f"task:{task.id}", "derived_from", source, seq)


def _proposed(draft: Draft, event: Event) -> None:
    update = msgspec.convert(event.body["update"], TaskUpdate)
    draft.put(replace(named(draft, Task, event), seq=event.seq, proposal=update))


def _accepted(draft: Draft, event: Event) -> None:
    fields = event.body["fields"]
    assert isinstance(fields, dict), "recorded as a map"
    reason = str(event.body.get("reason", ""))
    task = named(draft, Task, event)
    acceptance = Acceptance(by=event.actor, at_us=event.at_us, seq=event.seq, reason=reason)
    closes = fields.get("state") == "done"
    _keep(draft, event, {**fields, "proposal": None, "acceptance": acceptance if closes else task.acceptance})


def _rejected(draft: Draft, event: Event) -> None:
    """A proposal is dropped; what was said to be done is being done again."""
    fields: Plain = {"proposal": None, "note": str(event.body.get("reason", ""))}
    _keep(draft, event, fields if event.body["what"] == "proposal" else {**fields, "state": "doing"})


def _overdue(draft: Draft, event: Event) -> None:
    draft.put(replace(named(draft, Task, event), seq=event.seq, overdue=True))


def _run_attached(draft: Draft, event: Event) -> None:
    run = draft.get(Run, event.run or "")
    assert run is not None, "events of runs name a run that exists"
    objective = str(event.body["objective"])
    draft.put(replace(run, seq=event.seq, objective=objective))
    move_part(draft, f"run:{run.id}", run.objective, objective, event.seq)


APPLY: dict[str, Applier] = {
    "task.created": _created,
    "task.changed": _changed,
    "task.proposed": _proposed,
    "task.accepted": _accepted,
    "task.rejected": _rejected,
    "task.overdue": _overdue,
    "run.attached": _run_attached,
}
