"""Runs within runs: a step that is a run of another playbook.

The child inherits namespace, labels, priority and window. Pause, resume, cancel and kill travel down; how it ended, and
its outputs, come back as the output of the step. Runs lie at most DEPTH_MAX deep, and one run starts at most
CHILDREN_MAX of them.

A child that is opened again, because a step of it is retried, takes the step above with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .entities import DeadLetter, Plain, Run
from .expressions import resolve
from .lookup import find
from .orders import Failure
from .pinned import find_playbook
from .playbook import Playbook, StepSpec, check_inputs, parse_playbook
from .playbook_form import CHILDREN_MAX, DEPTH_MAX
from .run_state import change_step
from .starting import begin_run
from .step_ends import succeed, values_for
from .table import Draft
from .turn import Applier, Turn

GOOD: frozenset[str] = frozenset(("succeeded", "no_op"))


def begin(turn: Turn, run: Run, playbook: Playbook, spec: StepSpec) -> None:
    """Raises QuarterdeckError or Unanswerable when there is no such playbook, or its inputs do not fit."""
    if run.depth >= DEPTH_MAX:
        raise QuarterdeckError("out_of_range", f"runs lie at most {DEPTH_MAX} deep within each other")
    if sum(bool(step.child) for step in run.steps.values()) >= CHILDREN_MAX:
        raise QuarterdeckError("out_of_range", f"a run starts at most {CHILDREN_MAX} others")
    asset = find_playbook(turn, spec.playbook)
    called = parse_playbook(asset.text)
    given = resolve(spec.input, values_for(run, playbook, spec))
    assert isinstance(given, dict), "a map resolves to a map"
    inputs = check_inputs(called, {**given, **run.steps[spec.id].override})
    id = f"r{turn.number('r')}"
    body: Plain = {"run": run.id, "step": spec.id, "child": id, "playbook": called.name, "inputs": inputs}
    turn.emit("step.called", body, run=run.id, labels=run.labels)
    begin_run(
        turn, id, called, asset.hash, inputs, run.labels, namespace=run.namespace, parent=run, parent_step=spec.id
    )


def settle(turn: Turn, event: Event) -> None:
    """A run has ended: tell the step that it is, if that still waits for it."""
    child = find(turn, Run, event.run or "")
    parent = turn.draft.get(Run, child.parent) if child.parent else None
    step = parent.steps.get(child.parent_step) if parent is not None else None
    if parent is None or step is None or step.status != "waiting" or step.child != child.id:
        return
    output: Plain = {"run": child.id, "outcome": child.status, "outputs": child.outputs, "reason": child.reason}
    if child.status in GOOD:
        succeed(turn, parent, step.id, output, labels=child.labels)
        return
    message = f"{child.id} ({child.playbook}) {child.status}" + (f": {child.reason}" if child.reason else "")
    hint = f"quarterdeck runs show {child.id}"
    failure = Failure(failure="permanent", code=child.status, message=message, hint=hint)
    body: Plain = {"run": parent.id, "step": step.id, "error": msgspec.to_builtins(failure), "output": output}
    turn.emit("step.failed", body, run=parent.id, labels=parent.labels)


def children_of(turn: Turn, run: Run) -> Iterator[Run]:
    """The runs that its steps are and that have not ended."""
    for step in run.steps.values():
        child = turn.draft.get(Run, step.child) if step.child else None
        if child is not None and child.live:
            yield child


def pass_on(turn: Turn, event: Event) -> None:
    """What the operator does to a run happens to those within it."""
    run = find(turn, Run, event.run or "")
    for child in list(children_of(turn, run)):
        if event.kind == "run.paused" and child.status == "running":
            told: Plain = {"run": child.id, "reason": f"{run.id} is paused", "by_parent": run.id}
            turn.emit("run.paused", told, run=child.id, labels=child.labels)
        elif event.kind == "run.resumed" and child.status == "paused" and child.paused_by == run.id:
            turn.emit(
                "run.resumed", {"run": child.id, "reason": f"{run.id} goes on"}, run=child.id, labels=child.labels
            )
        elif event.kind in ("run.cancelled", "run.ended"):
            reason = f"{run.id}, of which it is a part, ended: {run.status}"
            ends: Plain = {"run": child.id, "status": "cancelled", "reason": reason}
            if event.body.get("killed"):
                ends["killed"] = True
            turn.emit("run.cancelled", ends, run=child.id, labels=child.labels)


def open_parent(turn: Turn, event: Event) -> None:
    """A child goes on: the step above that had failed with it waits for it again."""
    child = find(turn, Run, event.run or "")
    parent = turn.draft.get(Run, child.parent) if child.parent else None
    step = parent.steps.get(child.parent_step) if parent is not None else None
    if parent is None or step is None or step.status != "failed" or step.child != child.id:
        return
    for letter in list(turn.draft.live(DeadLetter, f"run:{parent.id}")):
        if letter.step == step.id:
            turn.emit("deadletter.resolved", {"id": letter.id, "remedy": "retry"}, run=parent.id)
    if not parent.live:
        turn.emit("run.reopened", {"run": parent.id}, run=parent.id, labels=parent.labels)
    turn.emit("step.rejoined", {"run": parent.id, "step": step.id, "child": child.id}, run=parent.id)


def _called(draft: Draft, event: Event) -> None:
    run = change_step(
        draft,
        event,
        status="waiting",
        child=str(event.body["child"]),
        started_us=event.at_us,
        error={},
        ended_us=None,
    )
    draft.link(f"run:{event.body['child']}", "derived_from", f"run:{run.id}", event.seq)


def _rejoined(draft: Draft, event: Event) -> None:
    change_step(draft, event, status="waiting", error={}, ended_us=None)


APPLY: dict[str, Applier] = {"step.called": _called, "step.rejoined": _rejoined}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "run.paused": pass_on,
    "run.resumed": pass_on,
    "run.reopened": open_parent,
}
