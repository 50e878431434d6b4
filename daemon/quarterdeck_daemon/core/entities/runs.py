"""Runs, their steps, and what became of those that gave up."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import OPERATOR, Labels

from .base import Entity, Plain
from .limits import Priority
from .models import Mode

StepStatus = Literal[
    "pending", "recalling", "queued", "started", "asking", "waiting", "backoff", "succeeded", "failed", "skipped",
]  # fmt: skip


RunStatus = Literal[
    "running", "paused", "quarantined", "succeeded", "failed", "cancelled", "timed_out", "blocked", "no_op", "exhausted", "stalled",
]  # fmt: skip


RUN_ENDED: frozenset[str] = frozenset(
    ("succeeded", "failed", "cancelled", "timed_out", "blocked", "no_op", "exhausted", "stalled")
)


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where one step of a run stands."""

    id: str
    agent: str = ""
    status: StepStatus = "pending"
    attempts: int = 0
    input_seq: int = 0  # The event that holds input and context exactly as the agent saw them.
    recall: Plain = {}  # Read name -> {"query", "limit"}, while the index is being asked.
    output: Plain = {}
    error: Plain = {}
    sources: tuple[str, ...] = ()  # Entity ids it read.
    actions: tuple[str, ...] = ()  # Actions it proposed.
    labels: Labels = OPERATOR
    until_us: int | None = None  # When it wakes: end of a wait, a back-off or a deadline.
    signal: str = ""
    started_us: int | None = None
    ended_us: int | None = None
    queued: str = ""  # Its place in the line of a limit or an open breaker, while it is queued.
    failures: tuple[Plain, ...] = ()  # Every try that failed: {"attempt", "at_us", "agent", "error"}, oldest first.
    override: Plain = {}  # Input that the operator put in place of the playbook's.
    parent: str = ""  # Of a child of a fan-out: the step that it is a share of.
    item: object = None  # What the child is for.
    children: tuple[str, ...] = ()  # Of a fan-out: the ids of its children, in the order of the list.
    gate: str = ""  # What the operator is asked before the step goes on.
    about: tuple[str, ...] = ()  # Of a gate: the steps whose outputs are shown with the question.
    warn_us: int | None = None  # Of a gate: when it is told that its time runs out.
    warned: bool = False
    away_us: int | None = None  # Of a gate: until when it is put away.
    away_on: str = ""  # … and what brings it back before: `fact:client/acme`, `run:r3`.
    thread: tuple[str, ...] = ()  # Message ids of the mails to which an answer is waited for.
    child: str = ""  # The run that is this step's work.
    given_output: bool = False  # Its output is the operator's word, not its own work.
    agent_version: str = ""  # Of the agent that was started last.
    mode: str = ""  # In force when it was started last; "": as free as can be.
    calls: tuple[str, ...] = ()  # What it asked models at this attempt, in order.


class Run(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """One execution of a playbook. The text it began with is pinned by `playbook_hash`."""

    kind: ClassVar[str] = "run"
    playbook: str
    playbook_hash: str
    inputs: Plain
    status: RunStatus
    steps: dict[str, Step]
    at_us: int
    labels: Labels
    cause: str = ""
    ended_us: int | None = None
    reason: str = ""
    signals: dict[str, Plain] = {}  # Signals that came before their waiter.
    namespace: str = "default"  # Whose work it is; its steps see this one and the house's own, `default`.
    seen: tuple[str, ...] = ()  # Other namespaces of which its steps saw something.
    origin: str = ""  # What began it, if it was not somebody: `schedule:s2`.
    objective: str = ""  # The objective or project that it serves.
    chain: int = 0  # Runs before it of which one followed from the other.
    parent: str = ""  # The run of which it is a step.
    parent_step: str = ""
    depth: int = 0  # Runs above it.
    priority: Priority = "normal"
    window: str = ""  # Hours in which its steps may begin, such as 22:00-06:00.
    outputs: Plain = {}  # What it gave back when it ended.
    queued: dict[str, tuple[Plain, ...]] = {}  # Signals behind the first of each name, in order.
    moved_us: int = 0  # When something moved last.
    stall_us: int = 0  # After so long without a move it ends as stalled; 0: never.
    late_us: int | None = None  # When its promised time is over; None: it has none, or that was told.
    deadline_us: int | None = None  # When it ends as timed_out.
    opens_us: int | None = None  # When its window opens again; None: nothing waits for that.
    paused_us: int | None = None  # Since when it is paused.
    paused_by: str = ""  # The run above, when that was paused and took this one along.
    trouble: str = ""  # Why it is in quarantine.
    agents: dict[str, str] = {}  # Version of each agent when the run first used it.
    mode: Mode | Literal[""] = ""  # How far models take part; "": as the workspace says.

    @property
    def namespaces(self) -> tuple[str, ...]:
        """What somebody must be allowed to see who is shown it."""
        return (self.namespace, *self.seen)

    @property
    def live(self) -> bool:
        return self.status not in RUN_ENDED

    @property
    def marks(self) -> tuple[str, ...]:
        """`gate`: a step asks the operator; `away`: such a question is put away until something happens."""
        asking = [step for step in self.steps.values() if step.gate and step.status == "waiting"]
        return (*(("gate",) if asking else ()), *(("away",) if any(step.away_on for step in asking) else ()))


class DeadLetter(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Work that gave up, with what is needed to understand and mend it. Id `dead2`."""

    kind: ClassVar[str] = "deadletter"
    run: str
    step: str
    error: Plain
    attempts: int
    at_us: int
    remedies: tuple[str, ...]
    resolved: str = ""
    namespaces: tuple[str, ...] = ("default",)  # Of its run.
    agent: str = ""
    playbook: str = ""
    action: str = ""  # The effect that failed, if that was it.
    failures: tuple[Plain, ...] = ()  # Every try: {"attempt", "at_us", "agent", "error"}, oldest first.
    input_seq: int = 0  # The event that holds input and context as the agent saw them last.
    diagnosis: str = ""  # In plain words, with the likely cause.
    cause: str = ""  # What its run followed from.
    labels: Labels = OPERATOR
    escalate_us: int | None = None  # When it becomes an alert of its own, if nobody has seen to it.
    escalated: bool = False

    @property
    def live(self) -> bool:
        return not self.resolved

    @property
    def marks(self) -> tuple[str, ...]:
        """The run that it is of."""
        return (f"run:{self.run}",)


class Thread(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A mail of ours to which a run waits, or will wait, for an answer. Its id is the mail's message id."""

    kind: ClassVar[str] = "thread"
    run: str
    step: str
    action: str
    replies: tuple[str, ...] = ()  # Documents that answer it, in the order in which they came.
