"""Fan-out: one step done for each item of a list. Its children are steps of the run with ids such as `send[0]`.

step.fanned_out   the list as it was; the children are there, pending
at_most           so many children are under way at once, in the order of the list
the end           when all children are over: output.items has their outputs in order, null where one has none
"""

from __future__ import annotations

from quarterdeck_protocol.events import Event

from .entities import Plain, Run, Step
from .expressions import Unanswerable, listed
from .playbook_form import FAN_OUT_MAX, RUN_STEPS_MAX, StepSpec
from .run_state import replace, run_of
from .step_ends import STEP_OVER, UNDER_WAY, succeed, values_of
from .table import Draft
from .turn import Applier, Turn


def begin(turn: Turn, run: Run, spec: StepSpec) -> None:
    """Raises Unanswerable when there is no list, or too long a one."""
    items = listed(spec.each, values_of(run))
    if len(items) > FAN_OUT_MAX:
        raise Unanswerable(f"a fan-out has at most {FAN_OUT_MAX} items, {spec.each!r} gives {len(items)}")
    if len(run.steps) + len(items) > RUN_STEPS_MAX:
        raise Unanswerable(f"a run has at most {RUN_STEPS_MAX} steps, those of its fan-outs counted")
    if not items:
        succeed(turn, run, spec.id, {"items": [], "count": 0, "failed": [], "skipped": []}, labels=run.labels)
        return
    body: Plain = {"run": run.id, "step": spec.id, "agent": spec.agent, "items": items}
    turn.emit("step.fanned_out", body, run=run.id, labels=run.labels)


def has_room(run: Run, spec: StepSpec, child: Step) -> bool:
    """Whether a child may begin: its place in the list decides, and how many are under way."""
    if not spec.at_most:
        return True
    siblings = [run.steps[id] for id in run.steps[child.parent].children]
    return sum(one.status in UNDER_WAY for one in siblings) < spec.at_most


def settle(turn: Turn, run: Run, step: Step) -> bool:
    """End the fan-out when all its children are over. Returns whether it did."""
    children = [run.steps[id] for id in step.children]
    if not all(child.status in STEP_OVER for child in children):
        return False
    output: Plain = {
        "items": [child.output if child.status == "succeeded" else None for child in children],
        "count": len(children),
        "failed": [child.id for child in children if child.status == "failed"],
        "skipped": [child.id for child in children if child.status == "skipped"],
    }
    succeed(turn, run, step.id, output, labels=run.labels)
    return True


def _fanned_out(draft: Draft, event: Event) -> None:
    run = run_of(draft, event)
    id = str(event.body["step"])
    items = event.body["items"]
    assert isinstance(items, list), "a fan-out has a list"
    made = [
        Step(id=f"{id}[{index}]", agent=str(event.body["agent"]), parent=id, item=item)
        for index, item in enumerate(items)
    ]
    parent = replace(
        run.steps[id], status="waiting", children=tuple(child.id for child in made), started_us=event.at_us
    )
    steps = {**run.steps, id: parent, **{child.id: child for child in made}}
    draft.put(replace(run, seq=event.seq, steps=steps))


APPLY: dict[str, Applier] = {"step.fanned_out": _fanned_out}
