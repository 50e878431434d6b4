"""Commands about schedules, tasks and objectives."""

from __future__ import annotations

from typing import Literal

from quarterdeck_protocol.labels import OPERATOR, Labels

from ..entities import Missed, ObjectiveState, Overlap, Plain, Priority, TaskState
from .base import Command


class PutSchedule(Command, frozen=True, kw_only=True):
    """Make a schedule, or change one; what is None stays. Exactly one of cron, rrule, at, every and after for a new one.

    begin  where `rrule` and `every` begin to count: ISO 8601; "": now       when  the condition of `after`
    """

    playbook: str | None = None
    id: str = ""
    cron: str = ""
    rrule: str = ""
    at: str = ""
    every: str = ""
    after: str = ""
    when: str = ""
    begin: str = ""
    zone: str | None = None
    inputs: Plain | None = None
    missed: Missed | None = None
    missed_max: int | None = None
    overlap: Overlap | None = None
    jitter: str | None = None
    priority: Literal["", "interactive", "normal", "batch"] | None = None
    window: str | None = None
    objective: str | None = None
    namespace: str | None = None
    note: str | None = None
    labels: Labels = OPERATOR
    dry_run: bool = False


class SteerSchedule(Command, frozen=True, kw_only=True):
    """Pause, resume or remove a schedule."""

    id: str
    verb: str  # "pause", "resume" or "remove".
    reason: str = ""


class PutTask(Command, frozen=True, kw_only=True):
    """Make a task, or change one; what is None stays. A client that is not the operator's proposes the change."""

    id: str = ""
    title: str | None = None
    text: str | None = None
    owner: str | None = None
    state: TaskState | None = None
    due_us: int | None = None
    undated: bool = False  # It has no due date any more.
    accept: bool | None = None
    criteria: tuple[str, ...] | None = None
    evidence: tuple[str, ...] = ()  # Added to what there is.
    parent: str | None = None
    source: str | None = None
    note: str = ""
    priority: Priority | None = None
    namespace: str | None = None
    labels: Labels = OPERATOR


class DecideTask(Command, frozen=True, kw_only=True):
    """The operator accepts or rejects what is proposed for a task, or that it is done.

    seq  of the version that was seen; 0: whatever it says now
    """

    id: str
    accept: bool
    seq: int = 0
    reason: str = ""


class PutObjective(Command, frozen=True, kw_only=True):
    """Make an objective, or a project of one; or change it. What is None stays."""

    id: str = ""
    title: str | None = None
    text: str | None = None
    parent: str | None = None
    owner: str | None = None
    state: ObjectiveState | None = None
    due_us: int | None = None
    undated: bool = False
    criteria: tuple[str, ...] | None = None
    note: str = ""
    namespace: str | None = None
    labels: Labels = OPERATOR


class Attach(Command, frozen=True, kw_only=True):
    """Have a run, task, schedule or project serve an objective; "" for none. entity: `run:r3`."""

    entity: str
    objective: str
    reason: str = ""


class DecideReplan(Command, frozen=True, kw_only=True):
    """Do what a change above proposed for what is below, or leave it as it is. seq: of the version that was seen."""

    id: str
    confirm: bool
    seq: int = 0
    reason: str = ""
