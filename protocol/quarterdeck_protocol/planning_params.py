"""What the methods about time and work take: schedules, tasks, objectives. See params.py for the conventions."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .frames import Plain
from .params import Change, ChangeOne, Listing, Name, Params, Short, Text

Priority = Literal["interactive", "normal", "batch"]
TaskState = Literal["open", "doing", "waiting", "review", "done", "cancelled"]
ObjectiveState = Literal["open", "paused", "done", "cancelled"]
DAYS_MAX = 366
NEXT_MAX = 1_000
Lines = Annotated[tuple[Short, ...], Meta(max_length=100)]


# --- schedules --------------------------------------------------------------------------------------


class SchedulePut(Change, frozen=True, kw_only=True):
    """Make a schedule, or change the one of this id; what is left out stays. docs/scheduling.md explains every word.

    Exactly one of cron, rrule, at, every and after, for a new one.  dry_run: only say when it would run.
    """

    id: Short = ""
    playbook: Short | None = None
    cron: Short = ""
    rrule: Annotated[str, Meta(max_length=1_000)] = ""
    at: Short = ""
    every: Short = ""
    after: Short = ""
    when: Annotated[str, Meta(max_length=2_000)] = ""
    begin: Short = ""
    zone: Short | None = None
    inputs: Plain | None = None
    missed: Literal["skip", "once", "all"] | None = None
    missed_max: int | None = None
    overlap: Literal["skip", "queue", "allow"] | None = None
    jitter: Short | None = None
    priority: Literal["", "interactive", "normal", "batch"] | None = None
    window: Short | None = None
    objective: Short | None = None
    namespace: Short | None = None
    note: Short | None = None
    dry_run: bool = False


class ScheduleList(Listing, frozen=True, kw_only=True):
    """all: removed ones and those that are over as well."""

    playbook: Short | None = None
    objective: Short | None = None
    all: bool = False


class ScheduleNext(Params, frozen=True, kw_only=True):
    """What would run in the days to come. id: only this schedule."""

    days: Annotated[float, Meta(gt=0, le=DAYS_MAX)] = 7.0
    id: Short = ""
    limit: Annotated[int, Meta(ge=1, le=NEXT_MAX)] = 100


# --- tasks ------------------------------------------------------------------------------------------


class TaskPut(Change, frozen=True, kw_only=True):
    """Make a task, or change the one of this id; what is left out stays.

    due        an ISO time, or a date: its end, in the workspace's zone; "" takes it away
    accept     only the operator's acceptance closes it      criteria  what must hold for that
    evidence   is added to what there is
    """

    id: Short = ""
    title: Short | None = None
    text: Text | None = None
    owner: Short | None = None
    state: TaskState | None = None
    due: Short | None = None
    accept: bool | None = None
    criteria: Lines | None = None
    evidence: Lines = ()
    parent: Short | None = None
    source: Short | None = None
    priority: Priority | None = None
    namespace: Short | None = None


class TaskDecide(ChangeOne, frozen=True, kw_only=True):
    """seq: of the version that was seen; another one by now is a conflict."""

    seq: int = 0


class TaskList(Listing, frozen=True, kw_only=True):
    """Those that are not closed, unless `state` or `all` says otherwise. waits: for the operator's word."""

    state: TaskState | None = None
    owner: Short | None = None
    parent: Short | None = None
    overdue: bool = False
    waits: bool = False
    all: bool = False


# --- objectives -------------------------------------------------------------------------------------


class ObjectivePut(Change, frozen=True, kw_only=True):
    """Make an objective, or change the one of this id; what is left out stays. One with a parent is its project."""

    id: Short = ""
    title: Short | None = None
    text: Text | None = None
    parent: Short | None = None
    owner: Short | None = None
    state: ObjectiveState | None = None
    due: Short | None = None
    criteria: Lines | None = None
    namespace: Short | None = None


class ObjectiveList(Listing, frozen=True, kw_only=True):
    """parent: only projects of this one; "" only those without.  all: closed ones as well."""

    parent: Short | None = None
    all: bool = False


class ObjectiveAttach(Change, frozen=True, kw_only=True):
    """entity: `run:r3`, `task:t2`, `schedule:s1` or `objective:obj2`.  objective: "" for none."""

    entity: Name
    objective: Short


class ObjectiveReplan(ChangeOne, frozen=True, kw_only=True):
    """Do what a change above proposes for what is below; with `keep`, leave it as it is. seq: of the version seen."""

    keep: bool = False
    seq: int = 0
