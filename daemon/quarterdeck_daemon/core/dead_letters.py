"""Dead letters: work that gave up, kept with all that is needed to understand and to mend it.

One is filed for each step that failed for good, and for an effect that failed without a step that could fail with it.
It stays until the operator applies a remedy; after a while, or at once when somebody waits for the run, it is an alert
of its own. A remedy is a command: nothing is retried behind the operator's back, and nothing is dropped by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .actions import propose_as
from .alerts import raise_alert, settle_topic
from .commands import Command, EditStep, ReassignStep, ResolveDeadLetter, SteerStep, Undo
from .diagnosis import diagnosed
from .durations import length_of
from .entities import ACTION_ENDED, Action, DeadLetter, Plain, Run, Step
from .limits import limits_of
from .lookup import find
from .orders import ProposedAction
from .pinned import spec_of
from .run_edits import edit, reassign
from .run_endings import status_after
from .run_steering import steer_step
from .table import Draft
from .turn import Applier, Turn
from .undoing import undo_scope

replace = msgspec.structs.replace
MESSAGE_CHARS_MAX = 200
RUNBOOK = "dead-letters"


# --- filing ---------------------------------------------------------------------------------------


def file_step(turn: Turn, event: Event) -> None:
    """A step gave up: keep what is needed to mend it, and end the run unless its playbook says to go on."""
    assert event.run is not None, "events of runs name their run"
    run = find(turn, Run, event.run)
    step = run.steps[str(event.body["step"])]
    error = event.body["error"]
    assert isinstance(error, dict), "an error is a map"
    _file(turn, run, step, error, event)
    spec = spec_of(turn, run, step.id)
    if spec is not None and spec.on_failure == "continue":
        return
    ended: Plain = {"run": run.id, "status": status_after(error), "reason": f"step {step.id} failed"}
    turn.emit("run.ended", ended, run=run.id, labels=event.labels)


def _file(turn: Turn, run: Run, step: Step, error: Plain, event: Event) -> None:
    id = f"dead{turn.number('dead')}"
    failed = [one for one in step.actions if find(turn, Action, one).status == "failed"]
    body: Plain = {
        "id": id,
        "run": run.id,
        "step": step.id,
        "error": error,
        "attempts": step.attempts,
        "remedies": _remedies(turn, id, run, step),
        "agent": step.agent,
        "playbook": run.playbook,
        "action": failed[0] if failed else "",
        "failures": list(step.failures),
        "input_seq": step.input_seq,
        "diagnosis": diagnosed(error, step.attempts),
        "cause": run.cause,
        "labels": msgspec.to_builtins(event.labels),
        "escalate_us": _escalate_us(turn),
    }
    turn.emit("deadletter.filed", body, run=run.id, labels=event.labels)
    if run.priority == "interactive":
        _escalate(turn, find(turn, DeadLetter, id), "somebody waits for this run")


def _remedies(turn: Turn, id: str, run: Run, step: Step) -> list[str]:
    """What can be done about it, the likeliest first. Each is a command."""
    remedies = [f"quarterdeck dead retry {id}"]
    if step.agent:
        remedies += [f"quarterdeck dead edit {id} NAME=VALUE", f"quarterdeck dead reroute {id} AGENT"]
    remedies.append(f"quarterdeck runs skip {run.id} {step.id}")
    if any(find(turn, Action, one).status == "succeeded" for other in run.steps.values() for one in other.actions):
        remedies.append(f"quarterdeck dead compensate {id}")
    return [*remedies, f"quarterdeck dead drop {id}"]


def _escalate_us(turn: Turn) -> int | None:
    after = limits_of(turn.draft).escalate_us
    return turn.env.now_us + after if after else None


def file_effect(turn: Turn, event: Event) -> None:
    """An effect failed and no step can fail with it: it has none, or its run has ended."""
    action = find(turn, Action, str(event.body["action"]))
    run = turn.draft.get(Run, action.run) if action.run else None
    if run is not None and run.live and action.step in run.steps:
        return
    error = event.body["error"]
    assert isinstance(error, dict), "an error is a map"
    if error.get("code") == "settled":
        return  # The operator said so, and knows.
    id = f"dead{turn.number('dead')}"
    body: Plain = {
        "id": id,
        "run": action.run,
        "step": "",
        "error": error,
        "attempts": action.tries,
        "remedies": [f"quarterdeck dead retry {id}", f"quarterdeck dead drop {id}"],
        "agent": action.agent,
        "action": action.id,
        "diagnosis": diagnosed(error, action.tries),
        "labels": msgspec.to_builtins(action.labels),
        "namespaces": list(action.namespaces),
        "escalate_us": _escalate_us(turn),
    }
    turn.emit("deadletter.filed", body, run=action.run or None, labels=action.labels)


# --- escalation -----------------------------------------------------------------------------------


def wake(turn: Turn, letter: DeadLetter, now_us: int) -> None:
    """Nobody has seen to it for too long."""
    if letter.live and not letter.escalated and letter.escalate_us is not None and letter.escalate_us <= now_us:
        age = length_of((now_us - letter.at_us) // 60_000_000 * 60_000_000)
        _escalate(turn, letter, f"nobody has seen to it for {age}")


def _escalate(turn: Turn, letter: DeadLetter, why: str) -> None:
    turn.emit("deadletter.escalated", {"id": letter.id, "why": why}, run=letter.run or None)
    what = f"step {letter.step} of {letter.run} ({letter.playbook})" if letter.step else f"the effect {letter.action}"
    message = str(letter.error.get("message", ""))[:MESSAGE_CHARS_MAX]
    raise_alert(
        turn,
        "warning",
        topic_of(letter.id),
        f"{what} gave up, and {why}: {message}",
        hint=f"quarterdeck dead show {letter.id}",
        about=(f"deadletter:{letter.id}", *((f"run:{letter.run}",) if letter.run else ())),
        labels=letter.labels,
        runbook=RUNBOOK,
    )


def topic_of(id: str) -> str:
    return f"deadletter/{id}"


def settle_alert(turn: Turn, event: Event) -> None:
    id = str(event.body["id"])
    if find(turn, DeadLetter, id).escalated:
        settle_topic(turn, topic_of(id), str(event.body["remedy"]))


# --- remedies -------------------------------------------------------------------------------------


def resolve(turn: Turn, command: ResolveDeadLetter) -> Plain:
    """Apply a remedy. Raises `conflict` when it was resolved already, `bad_value` when the remedy does not fit it."""
    letter = find(turn, DeadLetter, command.id)
    if letter.resolved:
        raise QuarterdeckError("conflict", f"{letter.id} was resolved already ({letter.resolved})")
    if not letter.step and command.remedy not in ("retry", "drop"):
        raise QuarterdeckError(
            "bad_value", f"{letter.id} is an effect without a step: it can be tried again or dropped"
        )
    return REMEDIES[command.remedy](turn, letter, command)


def _retry(turn: Turn, letter: DeadLetter, command: ResolveDeadLetter) -> Plain:
    if letter.step:
        return _step_again(turn, letter, command)
    again = _propose_again(turn, find(turn, Action, letter.action), command.reason)
    return _resolved_by(turn, letter, "retry", {"action": again})


def _step_again(turn: Turn, letter: DeadLetter, command: ResolveDeadLetter) -> Plain:
    run = find(turn, Run, letter.run)
    step = run.steps[letter.step]
    if step.status != "failed":
        # It went on by another way; the letter is what is left of it.
        return _resolved_by(turn, letter, command.remedy, {"run_id": run.id, "status": run.status})
    retry = SteerStep(id=run.id, step=step.id, verb="retry", reason=command.reason or f"{command.remedy} {letter.id}")
    return steer_step(turn, retry)


def _edit(turn: Turn, letter: DeadLetter, command: ResolveDeadLetter) -> Plain:
    """Other input for the step, then another try."""
    if not command.input:
        hint = f"quarterdeck dead edit {letter.id} NAME=VALUE"
        raise QuarterdeckError("bad_value", "nothing to edit was given", hint=hint)
    _still_failed(turn, letter)
    reason = command.reason or f"edit {letter.id}"
    return edit(turn, EditStep(id=letter.run, step=letter.step, input=command.input, reason=reason))


def _reroute(turn: Turn, letter: DeadLetter, command: ResolveDeadLetter) -> Plain:
    """Another agent for the step, then another try."""
    if not command.agent:
        raise QuarterdeckError("bad_value", "no agent was named", hint="List them: quarterdeck agents list")
    _still_failed(turn, letter)
    reason = command.reason or f"reroute {letter.id}"
    return reassign(turn, ReassignStep(id=letter.run, step=letter.step, agent=command.agent, reason=reason))


def _still_failed(turn: Turn, letter: DeadLetter) -> None:
    step = find(turn, Run, letter.run).steps[letter.step]
    if step.status != "failed":
        raise QuarterdeckError(
            "conflict",
            f"step {step.id} of {letter.run} is {step.status} by now",
            hint=f"quarterdeck dead drop {letter.id}",
        )


def _compensate(turn: Turn, letter: DeadLetter, command: ResolveDeadLetter) -> Plain:
    """Take back what the run did before it failed; the run stays ended."""
    run = find(turn, Run, letter.run)
    done = [one for step in run.steps.values() for one in step.actions]
    if not any(find(turn, Action, one).status not in (ACTION_ENDED - {"succeeded"}) for one in done):
        raise QuarterdeckError("conflict", f"run {run.id} has done nothing that could be taken back")
    told = undo_scope(turn, Undo(scope=f"run:{run.id}", reason=command.reason or f"compensate {letter.id}"))
    return _resolved_by(turn, letter, "compensate", {"undoing": told.get("id", ""), "items": told.get("items", [])})


def _drop(turn: Turn, letter: DeadLetter, command: ResolveDeadLetter) -> Plain:
    return _resolved_by(turn, letter, "drop", {}, command.reason)


def _resolved_by(turn: Turn, letter: DeadLetter, remedy: str, told: Plain, reason: str = "") -> Plain:
    body: Plain = {"id": letter.id, "remedy": remedy, "reason": reason}
    turn.emit("deadletter.resolved", body, run=letter.run or None)
    return {"id": letter.id, "resolved": remedy, **told}


def _propose_again(turn: Turn, action: Action, reason: str) -> str:
    """The same effect as a new one: judged by the rules of now, with an operation id of its own."""
    proposed = ProposedAction(
        connector=action.connector, verb=action.verb, args=action.args, targets=action.targets,
        summary=action.summary, why=reason or f"{action.id} failed and is tried once more. {action.why}".strip(),
        evidence=action.evidence, confidence=action.confidence or 0.0, risks=action.risks, undo=action.undo,
        compensates=action.compensates, compensation=action.compensation,
    )  # fmt: skip
    return propose_as(turn, proposed, action.labels, agent=action.agent, made_from=(f"action:{action.id}",))


Remedy = Callable[[Turn, DeadLetter, ResolveDeadLetter], Plain]
REMEDIES: dict[str, Remedy] = {
    "retry": _retry, "edit": _edit, "reroute": _reroute, "compensate": _compensate, "drop": _drop,
}  # fmt: skip


# --- events ---------------------------------------------------------------------------------------


def _escalated(draft: Draft, event: Event) -> None:
    letter = draft.get(DeadLetter, str(event.body["id"]))
    assert letter is not None, "only a letter that was filed is escalated"
    draft.put(replace(letter, seq=event.seq, escalated=True))


DECIDE: dict[type[Command], Callable[..., Plain]] = {ResolveDeadLetter: resolve}
APPLY: dict[str, Applier] = {"deadletter.escalated": _escalated}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "step.failed": file_step,
    "effect.failed": file_effect,
    "deadletter.resolved": settle_alert,
}
