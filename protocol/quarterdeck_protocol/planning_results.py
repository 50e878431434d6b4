"""Results about schedules, tasks and objectives. See results.py for the conventions."""

from __future__ import annotations

from .frames import Plain
from .labels import Labels
from .shapes import Page, Shape

# --- schedules --------------------------------------------------------------------------------------


class ScheduleView(Shape, frozen=True, kw_only=True):
    """kind: cron, rrule, at, every or after; rule: its words.  zone: the one in force.

    next      times to come, as a wall of the zone shows them      next_at  the first of them; wakes_at: when it is begun
    file      the playbook's file in which it stands               state    live, paused, over or removed
    """

    id: str
    playbook: str
    kind: str
    rule: str
    zone: str
    state: str
    at: str
    when: str = ""
    next: list[str] = []
    next_at: str | None = None
    wakes_at: str | None = None
    last_at: str | None = None
    inputs: Plain = {}
    missed: str = "once"
    missed_max: int = 10
    overlap: str = "skip"
    jitter: str = ""
    priority: str = ""
    window: str = ""
    objective: str = ""
    namespace: str = "default"
    file: str = ""
    note: str = ""
    fired: int = 0
    missed_count: int = 0
    runs: list[str] = []
    queued: int = 0
    refused: str = ""
    seq: int = 0


class Schedules(Page, frozen=True, kw_only=True):
    items: list[ScheduleView]


class ScheduleChanged(Shape, frozen=True, kw_only=True):
    """next: times to come, as a wall of the zone shows them."""

    id: str
    seq: int
    next: list[str] = []
    paused: bool = False
    removed: bool = False
    dry_run: bool = False


class Coming(Shape, frozen=True, kw_only=True):
    """One run to come. at: by its rule; begins_at: when its window lets it."""

    id: str
    schedule: str
    playbook: str
    at: str
    wall: str
    zone: str
    begins_at: str
    inputs: Plain = {}


class ComingRuns(Shape, frozen=True, kw_only=True):
    """more: there are more in these days.  waiting: schedules that wait for an event instead of a time."""

    items: list[Coming]
    more: bool = False
    waiting: list[Plain] = []


# --- tasks ------------------------------------------------------------------------------------------


class TaskView(Shape, frozen=True, kw_only=True):
    """proposal: what somebody wants changed and the operator has yet to decide.  accepted: by whom, when and why."""

    id: str
    title: str
    state: str
    owner: str
    at: str
    by: str
    text: str = ""
    due_at: str | None = None
    overdue: bool = False
    accept: bool = False
    criteria: list[str] = []
    accepted: Plain = {}
    evidence: list[str] = []
    parent: str = ""
    source: str = ""
    note: str = ""
    proposal: Plain = {}
    priority: str = "normal"
    namespace: str = "default"
    ended_at: str | None = None
    labels: Labels = Labels()
    seq: int = 0


class Tasks(Page, frozen=True, kw_only=True):
    items: list[TaskView]


class TaskRecord(TaskView, frozen=True, kw_only=True):
    """history: every change, oldest first: {seq, at, by, kind, state, note}."""

    history: list[Plain] = []


class TaskChanged(Shape, frozen=True, kw_only=True):
    """proposed: it was not changed; the operator is asked."""

    id: str
    seq: int
    state: str
    proposed: bool = False


# --- objectives -------------------------------------------------------------------------------------


class ObjectiveLine(Shape, frozen=True, kw_only=True):
    """share: done, 0 to 1, null when nothing serves it.  counts: kind -> state -> how many, everything below included.

    blocked  what holds it up, in words      late  ids      replan  what a change proposes for what is below
    """

    id: str
    title: str
    state: str
    owner: str
    at: str
    parent: str = ""
    due_at: str | None = None
    late_itself: bool = False
    share: float | None = None
    counts: dict[str, dict[str, int]] = {}
    blocked: list[str] = []
    late: list[str] = []
    more: bool = False
    replan: Plain = {}
    namespace: str = "default"
    seq: int = 0


class Objectives(Page, frozen=True, kw_only=True):
    items: list[ObjectiveLine]


class ObjectiveView(ObjectiveLine, frozen=True, kw_only=True):
    """tree: nested nodes {id, kind, title, state, share?, due_at?, children}; runs have their steps as children."""

    text: str = ""
    criteria: list[str] = []
    note: str = ""
    ended_at: str | None = None
    tree: Plain = {}


class ObjectiveChanged(Shape, frozen=True, kw_only=True):
    """replan: {verb, items} that the change proposes; confirm with `objective.replan`."""

    id: str
    seq: int
    state: str
    replan: Plain | None = None


class Attached(Shape, frozen=True, kw_only=True):
    id: str
    seq: int
    objective: str


class Replanned(Shape, frozen=True, kw_only=True):
    """left: what had moved on meanwhile, or was to be kept."""

    id: str
    seq: int
    done: list[str]
    left: list[str]
