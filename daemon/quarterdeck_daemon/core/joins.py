"""Fan-in: when a step may begin, by what it needs and how many of those must have succeeded.

all     every need is over, and none was skipped (then this is skipped too)
any, N  so many have succeeded; the children of a fan-out count one by one, and the others go on
"""

from __future__ import annotations

from typing import NamedTuple

from .entities import Run
from .playbook import Playbook, StepSpec
from .step_ends import STEP_OVER, feeders


class _Tally(NamedTuple):
    wanted: int
    done: int
    failed: int
    to_come: int


def is_ready(run: Run, playbook: Playbook, spec: StepSpec) -> bool:
    """Whether a pending step may begin, or is to be skipped."""
    if spec.sender and run.steps[spec.sender].status not in STEP_OVER:
        return False
    if spec.join == "all":
        return all(_over(run, playbook, need) for need in spec.after)
    tally = _tally(run, spec)
    return tally.done >= tally.wanted or not (tally.to_come or tally.failed)


def skipped_needs(run: Run, spec: StepSpec) -> str:
    """Why a step that is ready is not done, "" when it is."""
    if spec.join == "all":
        skipped = any(run.steps[need].status == "skipped" for need in spec.after)
        return "a step it needs was skipped" if skipped else ""
    tally = _tally(run, spec)
    return "" if tally.done >= tally.wanted else f"{tally.done} of the {tally.wanted} that it joins were done"


def reason_stuck(run: Run, spec: StepSpec) -> str:
    """Why a step will never be ready."""
    if spec.join == "all":
        open_needs = [need for need in spec.after if run.steps[need].status not in ("succeeded", "skipped")]
        return f"it needs {', '.join(open_needs)}"
    tally = _tally(run, spec)
    return f"it joins {tally.wanted}, {tally.done} were done and {tally.failed} failed"


def _over(run: Run, playbook: Playbook, need: str) -> bool:
    status = run.steps[need].status
    return status in ("succeeded", "skipped") or (status == "failed" and playbook.step(need).on_failure == "continue")


def _tally(run: Run, spec: StepSpec) -> _Tally:
    fed = feeders(run, spec.needs)
    states = [step.status for step in fed]
    wanted = 1 if spec.join == "any" else spec.join
    assert isinstance(wanted, int), "all is asked elsewhere"
    to_come = sum(status not in STEP_OVER for status in states)
    return _Tally(wanted, states.count("succeeded"), states.count("failed"), to_come)
