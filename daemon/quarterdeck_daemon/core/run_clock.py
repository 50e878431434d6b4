"""The clocks of a run: its promised time, its deadline, its window, and the one that sees that nothing moves.

Each is a moment in the run, so that it is waited for after a restart like before. A paused run does not time out: its
deadline moves by the length of the pause.

    late_us      the sla of the playbook; when it passes, `run.late` and an alert. The run goes on
    deadline_us  the run ends as timed_out
    opens_us     steps that are ready wait for the window
    stall_us     after so long without an event the run ends as stalled, unless something is due to come by itself
"""

from __future__ import annotations

from collections.abc import Iterator

from quarterdeck_protocol.events import Event

from .alerts import raise_alert, settle_topic
from .durations import length_of
from .entities import Action, Plain, Run, Step
from .local_time import opens_at
from .moments import text_of
from .run_state import replace, run_of
from .settings import settings_of
from .step_ends import STEP_OVER
from .sub_runs import children_of
from .table import Draft
from .turn import Applier, Turn

UNDER_WAY: frozenset[str] = frozenset(("proposed", "held", "intent", "sent"))


def moments(run: Run) -> Iterator[int]:
    """When the run has to be looked at, beside what its steps wait for."""
    if run.status != "running":
        return
    yield from (at for at in (run.late_us, run.deadline_us, run.opens_us) if at is not None)
    if run.stall_us:
        # On a grid from its start, so that a busy run sets one timer and not one for each event.
        cells = -(-(run.moved_us + run.stall_us - run.at_us) // run.stall_us)
        yield run.at_us + cells * run.stall_us


def ring(turn: Turn, run: Run, due_us: int) -> None:
    """Some of these moments has come, or none of them any more."""
    if run.deadline_us is not None and run.deadline_us <= due_us:
        reason = f"it had until {text_of(run.deadline_us)}"
        turn.emit(
            "run.ended", {"run": run.id, "status": "timed_out", "reason": reason}, run=run.id, labels=run.labels
        )
        return
    if run.late_us is not None and run.late_us <= due_us:
        _tell_late(turn, run)
    if run.opens_us is not None and run.opens_us <= due_us:
        turn.emit("run.opened", {"run": run.id}, run=run.id, labels=run.labels)
    if run.stall_us and run.moved_us + run.stall_us <= due_us:
        _stall(turn, run, due_us)


def _tell_late(turn: Turn, run: Run) -> None:
    assert run.late_us is not None, "asked before"
    turn.emit("run.late", {"run": run.id, "due_us": run.late_us}, run=run.id, labels=run.labels)
    raise_alert(
        turn,
        "warning",
        topic_of(run.id),
        f"run {run.id} ({run.playbook}) is late: it should have ended by {text_of(run.late_us)}",
        hint=f"See what it waits for: quarterdeck runs show {run.id}",
        about=(f"run:{run.id}",),
        labels=run.labels,
    )


def topic_of(id: str) -> str:
    return f"run.late/{id}"


def settle_late(turn: Turn, event: Event) -> None:
    """It has ended: nobody needs to look at its being late."""
    run = run_of(turn.draft, event)
    if run.late_us is None:
        settle_topic(turn, topic_of(run.id), f"it ended: {run.status}")


def _stall(turn: Turn, run: Run, due_us: int) -> None:
    waits = [step for step in run.steps.values() if step.status not in STEP_OVER | {"pending"}]
    if any(_comes_by_itself(turn, step, due_us) for step in waits) or any(children_of(turn, run)):
        turn.emit("run.excused", {"run": run.id}, run=run.id, labels=run.labels)
        return
    names = ", ".join(step.id for step in waits)
    reason = f"nothing moved for {length_of(run.stall_us)}" + (f"; {names} waits" if names else "")
    turn.emit("run.ended", {"run": run.id, "status": "stalled", "reason": reason}, run=run.id, labels=run.labels)


def _comes_by_itself(turn: Turn, step: Step, due_us: int) -> bool:
    """Whether a time is set at which the step goes on, or its work is with somebody who has a deadline."""
    if step.status in ("recalling", "queued", "started", "asking") or (
        step.until_us is not None and step.until_us > due_us
    ):
        return True
    actions = [turn.draft.get(Action, id) for id in step.actions]
    return any(action is not None and action.status in UNDER_WAY for action in actions)


def may_begin_now(turn: Turn, run: Run) -> bool:
    """Whether the run's window is open; if not, it is recorded until when it waits."""
    if not run.window:
        return True
    opening = opens_at(run.window, settings_of(turn.draft).timezone, turn.env.now_us)
    if opening is None:
        return True
    if run.opens_us is None or run.opens_us <= turn.env.now_us:
        body: Plain = {"run": run.id, "until_us": opening, "window": run.window}
        turn.emit("run.deferred", body, run=run.id, labels=run.labels)
    return False


def _put(**fields: object) -> Applier:
    def apply(draft: Draft, event: Event) -> None:
        draft.put(replace(run_of(draft, event), seq=event.seq, **fields))

    return apply


def _deferred(draft: Draft, event: Event) -> None:
    draft.put(replace(run_of(draft, event), seq=event.seq, opens_us=event.body["until_us"]))


def _excused(draft: Draft, event: Event) -> None:
    draft.put(replace(run_of(draft, event), seq=event.seq, moved_us=event.at_us))


APPLY: dict[str, Applier] = {
    "run.late": _put(late_us=None),
    "run.opened": _put(opens_us=None),
    "run.deferred": _deferred,
    "run.excused": _excused,
}
