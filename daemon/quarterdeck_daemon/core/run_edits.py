"""Edits of a run by the operator: another input or output of a step, another agent for it.

Each is an event with the reason. Later steps see the new output; steps that used the old one are named, and done again
when that is wanted and nothing of theirs has left: what has left is undone first, by the operator.
"""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError

from .commands import Command, EditStep, ReassignStep
from .entities import Action, DeadLetter, Plain, Run, Step
from .lookup import find
from .pinned import pinned_playbook
from .playbook import Playbook
from .run_steering import again, reopen, step_of
from .turn import Turn

STILL_HERE: frozenset[str] = frozenset(
    ("denied", "rejected", "expired", "withdrawn", "proposed", "held", "compensated", "failed")
)
BEFORE_WORK: tuple[str, ...] = ("pending", "backoff", "queued", "failed")


def edit(turn: Turn, command: EditStep) -> Plain:
    """Returns which steps used the old output, which are done again, and which are not and why."""
    run = find(turn, Run, command.id)
    step = step_of(run, command.step)
    playbook = pinned_playbook(turn, run)
    if command.output is not None:
        return _edit_output(turn, run, playbook, step, command)
    if command.input is None:
        raise QuarterdeckError("bad_value", "nothing to edit was given", hint="Give an input or an output.")
    return _edit_input(turn, run, playbook, step, command)


def _edit_input(turn: Turn, run: Run, playbook: Playbook, step: Step, command: EditStep) -> Plain:
    spec = playbook.step(step.id)
    if spec.wait is not None or step.children:
        raise QuarterdeckError("conflict", f"step {step.id} of {run.id} is a wait or a fan-out and has no input")
    if step.status not in BEFORE_WORK and not command.rerun_after:
        raise QuarterdeckError(
            "conflict",
            f"step {step.id} of {run.id} is {step.status}; its input is edited before it works",
            hint="Give an output instead, or have it done again with the new input: --rerun-after.",
        )
    body: Plain = {"run": run.id, "step": step.id, "input": {**step.override, **(command.input or {})}}
    body |= {"was": step.override, "reason": command.reason}
    used = _downstream(run, playbook, step.id)
    if command.rerun_after and step.status not in BEFORE_WORK:
        _check_free(turn, run, step)
        turn.emit("step.edited", body, run=run.id, labels=run.labels)
        return _reply(turn, run, step, _run_again(turn, run, [step.id, *used], command.reason))
    turn.emit("step.edited", body, run=run.id, labels=run.labels)
    if step.status == "failed":
        again(turn, find(turn, Run, run.id), step, "retry", command.reason)
    return _reply(turn, run, step, {"used_by": used, "rerun": [], "kept": []})


def _edit_output(turn: Turn, run: Run, playbook: Playbook, step: Step, command: EditStep) -> Plain:
    if step.status in ("started", "asking", "recalling") or step.children or step.child:
        raise QuarterdeckError(
            "conflict",
            f"step {step.id} of {run.id} is under way, or made of others",
            hint="Wait for it, or reassign it; of a fan-out edit the children.",
        )
    _check_free(turn, run, step)
    was = step.status
    body: Plain = {
        "run": run.id,
        "step": step.id,
        "output": command.output,
        "was": step.output,
        "reason": command.reason,
    }
    used = _downstream(run, playbook, step.id) if was == "succeeded" or was == "skipped" else []
    rerun = command.rerun_after and bool(used)
    if was == "failed":
        _resolve(turn, run, step)
    if was == "failed" or rerun:
        reopen(turn, run)
    turn.emit("step.edited", body, run=run.id, labels=run.labels)
    if rerun:
        return _reply(turn, run, step, _run_again(turn, run, used, command.reason))
    return _reply(turn, run, step, {"used_by": used, "rerun": [], "kept": []})


def _resolve(turn: Turn, run: Run, step: Step) -> None:
    letters = [one.id for one in turn.draft.live(DeadLetter, f"run:{run.id}") if one.step == step.id]
    for letter in letters:
        turn.emit("deadletter.resolved", {"id": letter, "remedy": "edit"}, run=run.id)


def _downstream(run: Run, playbook: Playbook, id: str) -> list[str]:
    """Steps that come after this one, as far as they have begun: they may have used what it gave."""
    reached = {id, run.steps[id].parent}
    found: list[str] = []
    for _ in playbook.steps:
        more = [spec.id for spec in playbook.steps if spec.id not in reached and reached & set(spec.after)]
        reached |= set(more)
        found += more
    order = [spec.id for spec in playbook.steps if spec.id in found]
    return [one for one in order if run.steps[one].status != "pending"]


def _run_again(turn: Turn, run: Run, ids: list[str], reason: str) -> Plain:
    """Do these steps again, the first first; what has left keeps its step as it is."""
    rerun: list[str] = []
    kept: list[Plain] = []
    # Nothing begins before all of them are put back.
    reopen(turn, run)
    for id in ids:
        step = find(turn, Run, run.id).steps[id]
        gone = _left(turn, run, step)
        if gone:
            kept.append({"step": id, "because": f"{', '.join(gone)} has left; undo it first"})
            continue
        _withdraw(turn, run, step)
        body: Plain = {"run": run.id, "step": id, "reason": reason or "what it used was edited", "rerun": True}
        turn.emit("step.retried", body, run=run.id, labels=run.labels)
        rerun.append(id)
    return {"used_by": ids, "rerun": rerun, "kept": kept}


def _left(turn: Turn, run: Run, step: Step) -> list[str]:
    ids = [*step.actions, *(id for child in step.children for id in run.steps[child].actions)]
    actions = [find(turn, Action, id) for id in ids]
    return [action.id for action in actions if action.status not in STILL_HERE]


def _withdraw(turn: Turn, run: Run, step: Step) -> None:
    for id in [*step.actions, *(one for child in step.children for one in run.steps[child].actions)]:
        action = find(turn, Action, id)
        if action.status in ("proposed", "held"):
            body: Plain = {"action": id, "reason": "its step is done again", "was": action.status}
            turn.emit("action.withdrawn", body, run=run.id, labels=action.labels)


def _check_free(turn: Turn, run: Run, step: Step) -> None:
    """Raises `conflict` when an effect of the step has left or is about to."""
    gone = _left(turn, run, step)
    if gone or (step.status == "waiting" and step.actions):
        what = ", ".join(gone or step.actions)
        raise QuarterdeckError(
            "conflict",
            f"step {step.id} of {run.id} has proposed {what}",
            hint=f"Decide on it first: quarterdeck undo {what}",
        )


def _reply(turn: Turn, run: Run, step: Step, more: Plain) -> Plain:
    return {"run_id": run.id, "step": step.id, "status": find(turn, Run, run.id).status, **more}


def reassign(turn: Turn, command: ReassignStep) -> Plain:
    """Have another agent do it. What the first one still answers is not taken."""
    run = find(turn, Run, command.id)
    step = step_of(run, command.step)
    if not step.agent or step.children:
        raise QuarterdeckError("conflict", f"step {step.id} of {run.id} is not the work of one agent")
    if step.status in ("succeeded", "skipped") or step.actions:
        raise QuarterdeckError(
            "conflict",
            f"step {step.id} of {run.id} is {step.status}; only what is still to be done is reassigned",
            hint="Have it done again by editing its input: quarterdeck runs edit … --rerun-after",
        )
    reason = command.reason or "reassigned by the operator"
    body: Plain = {"run": run.id, "step": step.id, "agent": command.agent, "was": step.agent, "reason": reason}
    keep = step.status in ("failed", "pending")
    turn.emit("step.rerouted", body | ({"keep": True} if keep else {}), run=run.id, labels=step.labels)
    if step.status == "failed":
        again(turn, find(turn, Run, run.id), step, "retry", reason)
    return {**_reply(turn, run, step, {}), "agent": command.agent}


DECIDE: dict[type[Command], Callable[..., Plain]] = {EditStep: edit, ReassignStep: reassign}
