"""How a step ends, and what expressions see of a run."""

from __future__ import annotations

from quarterdeck_protocol.labels import Labels, join

from .entities import Plain, Run, Step
from .playbook_form import Playbook, StepSpec
from .turn import Turn

STEP_OVER: frozenset[str] = frozenset(("succeeded", "failed", "skipped"))
UNDER_WAY: frozenset[str] = frozenset(("recalling", "queued", "started", "asking", "waiting", "backoff"))


def succeed(
    turn: Turn, run: Run, step: str, output: Plain, *, actor: str | None = None, labels: Labels | None = None,
    told: Plain | None = None,
) -> None:  # fmt: skip
    """The step is done. labels: of what came in from outside with its output, beside its own. told: more to record."""
    own = run.steps[step].labels
    body: Plain = {"run": run.id, "step": step, "output": output, **(told or {})}
    whole = own if labels is None else join((own, run.labels, labels))
    turn.emit("step.succeeded", body, run=run.id, labels=whole, actor=actor)


def skip(turn: Turn, run: Run, step: str, reason: str, *, output: Plain | None = None) -> None:
    body: Plain = {"run": run.id, "step": step, "reason": reason}
    if output is not None:
        body["output"] = output
    turn.emit("step.skipped", body, run=run.id, labels=run.labels)


def values_of(run: Run) -> Plain:
    """The names that a playbook's expressions may use."""
    steps: Plain = {
        id: {"status": step.status, "output": step.output} for id, step in run.steps.items() if not step.parent
    }
    return {"inputs": run.inputs, "steps": steps, "run": {"id": run.id, "playbook": run.playbook}}


def values_for(run: Run, playbook: Playbook, spec: StepSpec) -> Plain:
    """The same for one step: a child of a fan-out sees its item, whoever joins sees what came together."""
    values = values_of(run)
    step = run.steps[spec.id]
    if step.parent:
        siblings = run.steps[step.parent].children
        values[spec.item] = step.item
        values["each"] = {"index": siblings.index(step.id), "count": len(siblings)}
    needs = playbook.step(step.parent).needs if step.parent else spec.needs
    if needs:
        values["joined"] = [one.output for one in feeders(run, needs) if one.status == "succeeded"]
    return values


def feeders(run: Run, needs: tuple[str, ...]) -> list[Step]:
    """The steps that `needs` stand for: the children of a fan-out one by one, any other as it is."""
    found: list[Step] = []
    for need in needs:
        step = run.steps[need]
        found += [run.steps[child] for child in step.children] if step.children else [step]
    return found
