"""When work begins, what is to be done, and what it is for."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import OPERATOR, Labels

from ...almanac.rule import Rule
from .base import Entity, Plain
from .limits import Priority

Missed = Literal["skip", "once", "all"]


Overlap = Literal["skip", "queue", "allow"]


class Queued(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run that is to begin when the one before has ended. at_us: what it was due for. event: what it follows from."""

    at_us: int
    event: int = 0
    inputs: Plain = {}
    labels: Labels = OPERATOR
    namespace: str = ""
    chain: int = 0


class Schedule(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """When a playbook is run by itself. Id `s2`, a name that the operator chose, or `playbook.name` of one in a file."""

    kind: ClassVar[str] = "schedule"
    playbook: str
    rule: Rule
    at_us: int
    labels: Labels
    inputs: Plain = {}
    zone: str = ""  # As it was said; "": the workspace's. The rule has the one in force.
    missed: Missed = "once"
    missed_max: int = 10  # With `all`: the most that are made up for.
    overlap: Overlap = "skip"
    jitter_us: int = 0
    priority: Literal["", "interactive", "normal", "batch"] = ""  # Of its runs; "": the playbook's.
    window: str = ""  # It is begun only in these hours of its zone.
    objective: str = ""
    namespace: str = "default"
    file: str = ""  # The playbook whose file it stands in; "": the operator's own.
    note: str = ""
    paused: bool = False
    removed: bool = False
    over: bool = False  # There is no further time.
    next_us: int | None = None  # The next time by its rule.
    wake_us: int | None = None  # When that is looked at: later by jitter, or by its window.
    last_us: int = 0  # The latest time that was dealt with; nothing up to here is dealt with again.
    fired: int = 0
    missed_count: int = 0
    runs: tuple[str, ...] = ()  # Those it started that had not ended when it last started one.
    queued: tuple[Queued, ...] = ()
    refused: str = ""  # Why the last run could not begin.

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.namespace,)

    @property
    def live(self) -> bool:
        return not (self.removed or self.paused or self.over)


class Watch(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Schedules that wait for one kind of event. Its id is the kind."""

    kind: ClassVar[str] = "watch"
    schedules: tuple[str, ...]


TaskState = Literal["open", "doing", "waiting", "review", "done", "cancelled"]


TASK_ENDED: frozenset[str] = frozenset(("done", "cancelled"))


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who said that it is done as it was meant to be, and when."""

    by: str
    at_us: int
    seq: int
    reason: str = ""


class TaskUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody who may not decide it proposes for a task. None: as it is."""

    by: str
    at_us: int
    labels: Labels
    state: TaskState | None = None
    owner: str | None = None
    due_us: int | None = None
    evidence: tuple[str, ...] = ()
    note: str = ""
    source: str = ""  # `run:r3/send`.


class Task(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be done by somebody. Id `t3`. review: its owner says it is done, the operator has yet to accept it."""

    kind: ClassVar[str] = "task"
    title: str
    at_us: int
    labels: Labels
    by: str  # Who made it.
    owner: str = "operator"  # "operator" or "agent:name".
    state: TaskState = "open"
    text: str = ""
    due_us: int | None = None
    accept: bool = False  # Only the operator's acceptance closes it.
    criteria: tuple[str, ...] = ()  # What must hold for that.
    acceptance: Acceptance | None = None
    evidence: tuple[str, ...] = ()  # Ids, paths or addresses that show it.
    parent: str = ""  # The objective or project that it serves.
    key: str = ""  # The name by which its agent knows it.
    source: str = ""  # `run:r3/send`, or an id that it was made from.
    note: str = ""  # Of the last change.
    proposal: TaskUpdate | None = None
    overdue: bool = False  # That it is late has been said.
    priority: Priority = "normal"
    namespace: str = "default"
    ended_us: int | None = None

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.namespace,)

    @property
    def live(self) -> bool:
        return self.state not in TASK_ENDED


ObjectiveState = Literal["open", "paused", "done", "cancelled"]


OBJECTIVE_ENDED: frozenset[str] = frozenset(("done", "cancelled"))


class Replan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a change above proposes for what is below. Nothing of it is done until the operator says so.

    verb  "pause", "cancel" or "resume"      items  `run:r1`, `task:t2`, `schedule:s1`, `objective:obj2`
    """

    verb: str
    items: tuple[str, ...]
    because: str
    at_us: int
    more: int = 0  # Beyond those that are listed.


class Objective(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What work is for. Id `obj1`. One with a parent is a project of it."""

    kind: ClassVar[str] = "objective"
    title: str
    at_us: int
    labels: Labels
    text: str = ""
    parent: str = ""
    state: ObjectiveState = "open"
    owner: str = "operator"
    due_us: int | None = None
    criteria: tuple[str, ...] = ()
    note: str = ""
    replan: Replan | None = None
    paused_by_replan: tuple[str, ...] = ()  # What a pause of this one paused, so that it can be resumed with it.
    namespace: str = "default"
    ended_us: int | None = None

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.namespace,)

    @property
    def live(self) -> bool:
        return self.state not in OBJECTIVE_ENDED


class Part(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something serves an objective. Id `obj1/run:r3`: what belongs to one is found by its beginning."""

    kind: ClassVar[str] = "part"
    gone: bool = False  # It serves another one now, or none.
