"""The operator's word on a gate: the part of `approval.decide` that is about questions of runs.

    approve   the step is done: output {"approved": true, "by", "reason"}
    reject    the step is skipped, and what needs it: output {"approved": false, "by", "reason"}; the reason can become a lesson
    snooze    until a time, or until a fact changes or another run ends

There is no other way to answer a gate. Silence is a no: waits.py skips the step when its time is over.
"""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .actions import refuse_when_stopped
from .attention import attention_ms, note
from .commands import Choice, DecideApprovals
from .entities import Plain, Run
from .gates import Gate, gate_of, gates_of
from .lookup import find
from .rejection_lessons import Source, learn
from .run_state import change_step, run_of
from .step_ends import skip, succeed
from .table import Draft
from .turn import Applier, Turn
from .waiting import happened, put_away, settle_expiring, tell_expiring


def decide_gate(turn: Turn, command: DecideApprovals, choice: Choice) -> Plain:
    """Raises `not_found` for no run, `conflict` when its step does not wait for a word or shows something else by now."""
    gate = _waiting(turn, choice)
    if command.edits:
        raise QuarterdeckError(
            "bad_value", f"{gate.id} is a question, it has nothing to edit",
            hint=f"What a step gave is edited in its run: quarterdeck runs edit {gate.run.id} STEP",
        )  # fmt: skip
    if command.lesson is not None and not (command.lesson.everybody or command.lesson.agents or gate.agents):
        raise QuarterdeckError(
            "bad_value",
            f"no agent made what {gate.id} asks about",
            hint="Say for whom, or that it is for all agents.",
        )
    WORDS[command.decision](turn, gate, command)
    note(turn, WORD_OF[command.decision], ms=attention_ms(command.shown_us, turn.env.now_us, len(command.items)))
    lesson = learn(turn, _source(gate), command.lesson) if command.lesson is not None else ""
    status = find(turn, Run, gate.run.id).steps[gate.step.id].status
    return {"id": gate.id, "ok": True, "status": status, "release_us": None, "lesson": lesson, "cooling": False}


def _waiting(turn: Turn, choice: Choice) -> Gate:
    run = find(turn, Run, choice.id.partition("/")[0])
    gate = gate_of(turn.draft, choice.id)
    if gate is None:
        raise QuarterdeckError(
            "conflict",
            f"{choice.id} does not wait for your word",
            hint=f"See the run: quarterdeck runs show {run.id}",
        )
    if gate.expires_us is not None and gate.expires_us <= turn.env.now_us:
        raise QuarterdeckError("conflict", f"{gate.id} has expired", hint="Start its run again to be asked again.")
    if gate.shown_hash != choice.shown_hash:
        raise QuarterdeckError(
            "conflict",
            f"{gate.id} is no longer what you saw",
            hint="Look at it again, then decide on what it asks now.",
        )
    return gate


def _source(gate: Gate) -> Source:
    return Source(
        id=gate.id, agents=gate.agents, about=f"{gate.run.playbook}: {gate.step.id}", namespace=gate.run.namespace
    )


def _approve(turn: Turn, gate: Gate, command: DecideApprovals) -> None:
    refuse_when_stopped(turn)
    _told(turn, gate, command, approved=True)
    succeed(turn, gate.run, gate.step.id, {"approved": True, "by": turn.actor, "reason": command.reason})


def _reject(turn: Turn, gate: Gate, command: DecideApprovals) -> None:
    _told(turn, gate, command, approved=False)
    reason = f"rejected: {command.reason}" if command.reason else "rejected"
    output: Plain = {"approved": False, "by": turn.actor, "reason": command.reason}
    skip(turn, gate.run, gate.step.id, reason, output=output)


def _told(turn: Turn, gate: Gate, command: DecideApprovals, *, approved: bool) -> None:
    told: Plain = {
        "approved": approved,
        "reason": command.reason,
        "question": gate.step.gate,
        "shown_hash": gate.shown_hash,
    }
    _emit(turn, gate, "gate.decided", told)


def _snooze(turn: Turn, gate: Gate, command: DecideApprovals) -> None:
    if command.until_event == f"run:{gate.run.id}":
        raise QuarterdeckError(
            "bad_value", f"{gate.run.id} does not end before {gate.id} is answered", hint="Choose a time instead."
        )
    _emit(turn, gate, "gate.snoozed", put_away(turn, command, gate.id, gate.expires_us, ()))


def _emit(turn: Turn, gate: Gate, kind: str, told: Plain) -> None:
    turn.emit(kind, {"run": gate.run.id, "step": gate.step.id, **told}, run=gate.run.id, labels=gate.run.labels)


WORDS: dict[str, Callable[[Turn, Gate, DecideApprovals], None]] = {
    "approve": _approve, "reject": _reject, "snooze": _snooze,
}  # fmt: skip
WORD_OF = {"approve": "approved", "reject": "rejected", "snooze": "snoozed"}


# --- time -----------------------------------------------------------------------


def ring(turn: Turn, run: Run, due_us: int) -> None:
    """One of its gates was put away until now, or its time is running out."""
    for gate in gates_of(run):
        step = gate.step
        if step.warn_us is not None and step.warn_us <= due_us:
            _emit(turn, gate, "gate.warned", {})
            tell_expiring(turn, gate.id, f"run:{run.id}", gate.expires_us)
        elif step.away_us is not None and step.away_us <= due_us:
            _emit(turn, gate, "gate.back", {"why": "its time has come"})


def bring_back(turn: Turn, event: Event) -> None:
    """Something happened that a question which was put away waited for."""
    names = happened(turn, event)
    for run in list(turn.draft.live(Run, "away")):
        for gate in gates_of(run):
            if gate.step.away_on in names:
                _emit(turn, gate, "gate.back", {"why": f"{gate.step.away_on} happened"})


def ended(turn: Turn, event: Event) -> None:
    over(turn, event)
    bring_back(turn, event)


def over(turn: Turn, event: Event) -> None:
    """One that was warned about may wait no more."""
    run = turn.draft.get(Run, event.run or "")
    if run is not None and any(step.warned for step in run.steps.values()):
        settle_expiring(turn)


# --- events ---------------------------------------------------------------------------------------


def _decided(draft: Draft, event: Event) -> None:
    draft.touch(run_of(draft, event))


def _snoozed(draft: Draft, event: Event) -> None:
    change_step(draft, event, away_us=event.body["until_us"], away_on=str(event.body.get("on", "")))


def _back(draft: Draft, event: Event) -> None:
    change_step(draft, event, away_us=None, away_on="")


def _warned(draft: Draft, event: Event) -> None:
    change_step(draft, event, away_us=None, away_on="", warn_us=None, warned=True)


APPLY: dict[str, Applier] = {
    "gate.decided": _decided, "gate.snoozed": _snoozed, "gate.back": _back, "gate.warned": _warned,
}  # fmt: skip
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    **dict.fromkeys(("step.succeeded", "step.skipped", "step.edited"), over),
    **dict.fromkeys(("run.ended", "run.cancelled"), ended),
    "fact.asserted": bring_back,
}
