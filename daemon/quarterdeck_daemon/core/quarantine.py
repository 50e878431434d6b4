"""Quarantine: a run that cannot be loaded waits by itself, and everything else goes on.

It may be that its playbook cannot be read any more after an upgrade, or that it does not name the steps which the run
has. The run is kept as it is, with why; `resume` tries again, `cancel` and `kill` always work.
"""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .alerts import raise_alert, settle_topic
from .commands import Command, ExamineRuns
from .entities import Plain, Run
from .pinned import pinned_playbook
from .playbook import Playbook
from .run_state import replace, run_of
from .table import Draft
from .turn import Applier, Turn
from .unreadable import REASON_CHARS_MAX


def trouble_with(turn: Turn, run: Run) -> str:
    """Why the run cannot go on, "" when it can."""
    if not run.playbook:
        return run.trouble
    try:
        playbook = pinned_playbook(turn, run)
    except QuarterdeckError as error:
        return f"its playbook cannot be read: {error.message}"[:REASON_CHARS_MAX]
    missing = [spec.id for spec in playbook.steps if spec.id not in run.steps]
    return f"its playbook has steps that it has not: {', '.join(missing)}"[:REASON_CHARS_MAX] if missing else ""


def loaded(turn: Turn, run: Run) -> Playbook | None:
    """The playbook of a run; None when it could not be loaded, and is in quarantine now."""
    trouble = trouble_with(turn, run)
    if not trouble:
        return pinned_playbook(turn, run)
    _set_apart(turn, run, trouble)
    return None


def _set_apart(turn: Turn, run: Run, trouble: str) -> None:
    body: Plain = {"run": run.id, "trouble": trouble, "remedies": remedies_for(run)}
    turn.emit("run.quarantined", body, run=run.id, labels=run.labels)
    _tell(turn, run, trouble)


def remedies_for(run: Run) -> list[str]:
    """Commands: what can be done about it, the likeliest first."""
    return [f"quarterdeck runs resume {run.id}", f"quarterdeck runs kill {run.id}"]


def _tell(turn: Turn, run: Run, trouble: str) -> None:
    resume, kill = remedies_for(run)
    raise_alert(
        turn,
        "critical",
        topic_of(run.id),
        f"run {run.id} ({run.playbook or 'unknown'}) is in quarantine: {trouble}",
        hint=f"When it is mended: {resume}; or give it up: {kill}",
        about=(f"run:{run.id}",),
        labels=run.labels,
    )


def topic_of(id: str) -> str:
    return f"run.quarantined/{id}"


def examine(turn: Turn, command: ExamineRuns) -> Plain:
    """At start, so that trouble is seen then and not when a step happens to end."""
    runs = list(turn.draft.live(Run))
    found = [run.id for run in runs if run.status == "running" and loaded(turn, run) is None]
    for run in runs:
        if run.status == "quarantined" and not run.playbook:
            _tell(turn, run, run.trouble)
            found.append(run.id)
    return {"quarantined": found}


def settle(turn: Turn, event: Event) -> None:
    """It goes on, or has ended: there is nothing to look at any more."""
    run = run_of(turn.draft, event)
    settle_topic(turn, topic_of(run.id), f"it is {run.status}")


def _quarantined(draft: Draft, event: Event) -> None:
    run = run_of(draft, event)
    trouble = str(event.body["trouble"])
    draft.put(replace(run, seq=event.seq, status="quarantined", trouble=trouble, paused_us=event.at_us))


DECIDE: dict[type[Command], Callable[..., Plain]] = {ExamineRuns: examine}
APPLY: dict[str, Applier] = {"run.quarantined": _quarantined}
