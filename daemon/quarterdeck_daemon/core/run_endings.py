"""How a run ends: one of exactly eight ways, and why in words.

succeeded  all steps are over, and something was done     no_op      all are over, and there was nothing to do
failed     a step or an effect failed for good            exhausted  tries or budget are used up
blocked    it waits for something that cannot come        stalled    nothing moved for as long as its playbook says
timed_out  its deadline has passed                        cancelled  the operator ended it
"""

from __future__ import annotations

from .entities import Action, Plain, Run
from .expressions import Unanswerable, resolve
from .playbook import Playbook
from .step_ends import values_of
from .turn import Turn

# Classes of failure that were tried again until the tries were used up.
TRIED: frozenset[str] = frozenset(("transient", "crash", "timeout"))
USED_UP: frozenset[str] = frozenset(("budget_exceeded", "exhausted"))


def status_after(error: Plain) -> str:
    """How a run ends whose step failed for good with this error."""
    if error.get("code") == "blocked":
        return "blocked"
    if error.get("code") in USED_UP or error.get("failure") in TRIED:
        return "exhausted"
    return "failed"


def end(turn: Turn, run: Run, playbook: Playbook) -> None:
    """Every step is over: say how that was."""
    status, reason = _ending(turn, run, playbook)
    body: Plain = {"run": run.id, "status": status, "reason": reason}
    if playbook.outputs and status in ("succeeded", "no_op"):
        body["outputs"], missing = _outputs(run, playbook)
        body["reason"] = "; ".join(part for part in (reason, *missing) if part)
    turn.emit("run.ended", body, run=run.id, labels=run.labels)


def borne(run: Run, playbook: Playbook) -> bool:
    """Whether the run may go on in spite of every step that failed."""
    return all(
        playbook.step(id).on_failure == "continue" for id, step in run.steps.items() if step.status == "failed"
    )


def _ending(turn: Turn, run: Run, playbook: Playbook) -> tuple[str, str]:
    actions = [turn.draft.get(Action, id) for step in run.steps.values() for id in step.actions]
    states = [action.status for action in actions if action is not None]
    failed = [id for id, step in run.steps.items() if step.status == "failed"]
    borne = [id for id in failed if playbook.step(id).on_failure == "continue"]
    if len(borne) < len(failed):
        return "failed", f"step {next(id for id in failed if id not in borne)} failed"
    if any(status == "failed" for status in states) and not borne:
        return "failed", "an effect failed"
    if states and not any(status in ("succeeded", "failed", "compensated") for status in states):
        return "no_op", f"nothing was done: {', '.join(sorted(set(states)))}"
    skipped = [id for id, step in run.steps.items() if step.status == "skipped"]
    if skipped and not states and not _something_done(run, playbook):
        return "no_op", f"nothing to do: {', '.join(skipped)} skipped"
    return "succeeded", f"it went on without {', '.join(borne)}" if borne else ""


def _something_done(run: Run, playbook: Playbook) -> bool:
    """Whether the last steps of some branch have succeeded: then a skipped branch is only the one not taken."""
    needed = {need for spec in playbook.steps for need in spec.after}
    return any(run.steps[spec.id].status == "succeeded" for spec in playbook.steps if spec.id not in needed)


def _outputs(run: Run, playbook: Playbook) -> tuple[Plain, list[str]]:
    """What the run gives back. An output without an answer is null, and told."""
    given: Plain = {}
    missing: list[str] = []
    for name, template in playbook.outputs.items():
        try:
            given[name] = resolve(template, values_of(run))
        except Unanswerable:
            given[name] = None
            missing.append(f"the output {name} has no answer")
    return given, missing
