"""What the state consists of: frozen values under (kind, id), each change kept as a version.

The state is one keyed table of these values. `apply` in this package writes them, the store keeps
them in the same atomic batch as the events, and `as_of` reads any of them at an earlier sequence.
Values are plain data: they encode to MessagePack maps, and a field added later has a default.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import OPERATOR, Labels

from ..almanac.rule import Rule
from .declared import Declared

Plain = dict[str, object]


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all state values. `seq` is the log position of the last change."""

    kind: ClassVar[str] = ""
    id: str
    seq: int = 0

    @property
    def live(self) -> bool:
        """Whether the kernel still has work to do for it; live ones are found again after a restart."""
        return False


# --- memory ---------------------------------------------------------------------------------------

Tier = Literal["instructions", "core", "working", "project", "long-term", "review", "prospective"]


class Memory(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """One remembered piece of text: a note, or one chunk of a document. Id `m12`."""

    kind: ClassVar[str] = "memory"
    text: str
    at_us: int
    labels: Labels
    title: str = ""
    source: str = ""  # Where it came from, for people: a path, a mail's subject, "operator".
    document: str = ""  # The document's id when it is a chunk.
    span: tuple[int, int] | None = None  # Characters [from, to) in the document's text.
    tier: Tier = "long-term"
    memory_kind: str = "note"
    tags: tuple[str, ...] = ()
    namespace: str = "default"
    language: str = ""  # ISO 639-1 of the text, "" when nobody could tell.
    pinned: bool = False  # Always in a step's context, before anything recalled.
    run: str = ""  # The run whose working memory it is.
    when: str = ""  # Of the prospective tier: the words whose appearance brings it back.
    repeats: bool = False  # Brought back each time, not only the first.
    fired: tuple[str, ...] = ()  # What brought it back, as `kind:id`, latest last.
    supersedes: str = ""  # The memory whose place it took.
    endorsed: str = ""  # Hash of the text that the operator vouched for, when it came from somebody else.
    depth: int = 0  # 0: said or read; 1 and more: made from memories, so it is no source for anything further.
    stands_for: tuple[str, ...] = ()  # Ids of the memories that this summary replaces.
    superseded_by: str = ""  # The memory or document that took its place; kept, not recalled unless asked for.
    expires_us: int | None = None
    withdrawn: bool = False  # Expired, compressed away or rewound: kept in the log, not recalled, can come back.
    forgotten: bool = False  # Erased for good: this is the tombstone.

    @property
    def current(self) -> bool:
        """Whether it is recalled when nothing else is asked for."""
        return not (self.forgotten or self.withdrawn or self.superseded_by)

    @property
    def live(self) -> bool:
        return self.current and self.expires_us is not None


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands on a shelf: a memory's size in tokens, and what brings it back if it waits for something."""

    tier: Tier
    tokens: int
    pinned: bool = False
    when: tuple[tuple[str, ...], ...] = ()


class Shelf(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What every step sees without asking, by memory id. Id `standing`, or `working/` and a run."""

    kind: ClassVar[str] = "shelf"
    places: dict[str, Place] = {}


class Use(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """How often a memory was shown to somebody who searched. Its id is the memory's."""

    kind: ClassVar[str] = "use"
    count: int
    last_us: int


class Upkeep(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Where the keeper of memory stands, so that a restart goes on. Id `memory`."""

    kind: ClassVar[str] = "upkeep"
    began_us: int
    ended_us: int | None = None
    phase: str = ""
    cursor: str = ""  # The last one looked at in this phase.
    counts: dict[str, int] = {}  # What became of memories in this pass.

    @property
    def live(self) -> bool:
        return self.ended_us is None


class Document(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something that arrived whole: a mail, a file. Raw bytes lie in the blob store. Id `doc3`.

    meta, for a mail: message_id, from_name, from_address, reply_to, to, subject, date, in_reply_to,
    references, auto (bulk/bounce markers), language, warnings. Strings and lists of strings only.
    """

    kind: ClassVar[str] = "document"
    external_id: str  # What the source calls it; one external id is taken in once per content.
    media_type: str
    blob: str
    size_bytes: int
    at_us: int
    labels: Labels
    connector: str = ""
    status: Literal["received", "parsed", "unreadable"] = "received"
    title: str = ""
    text: str = ""  # Readable text; chunks point into it.
    meta: Plain = {}
    chunks: tuple[str, ...] = ()
    error: str = ""
    namespace: str = "default"
    tier: Tier = "long-term"  # Where its chunks belong when it is the operator's; else they are in review.
    memory_kind: str = "document"
    places: tuple[
        str, ...
    ] = ()  # Files in which it lies now. One that was in a file and is in none any more is withdrawn.
    supersedes: str = ""  # The document whose place it took: the same file or mail, read again after a change.
    superseded_by: str = ""
    withdrawn: bool = False
    forgotten: bool = False
    pruned: bool = False  # The original was given up after a time; what it said is still here.

    @property
    def live(self) -> bool:
        return self.status == "received"


class Fact(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A canonical record. Id `kind/key`. `version` counts changes, for compare-and-set."""

    kind: ClassVar[str] = "fact"
    fact_kind: str
    key: str
    value: Plain
    version: int
    at_us: int
    labels: Labels
    valid_from: str | None = None  # ISO date or time: when it became true, apart from when we learned it.
    valid_to: str | None = None
    source: str = ""  # An entity id (doc3, m12, run id) or a path.
    tier: Tier = "long-term"
    namespace: str = "default"
    withdrawn: bool = False  # Taken back, or rewound to before it was known; its versions stay.
    since_us: int | None = None  # When it was learned, if it changed something without saying since when.
    kind_version: int = 0  # Of the kind's schema when it was written; 0: before kinds were typed.
    refs: tuple[tuple[str, str], ...] = ()  # (relation, fact id) of links that follow from its value.
    evidence: tuple[Evidence, ...] = ()  # Where it was found, when it was captured from a text.
    proposes: str = ""  # The fact that it would become: then it is a proposal, not a canonical fact.
    proposal: Literal["", "open", "accepted", "rejected"] = ""
    ahead: tuple[Standing, ...] = ()  # What earlier versions say about now and later, where this one does not.

    @property
    def live(self) -> bool:
        """A proposal waits for the operator's word."""
        return self.proposal == "open" and not self.withdrawn

    @property
    def canonical(self) -> bool:
        """Whether it counts: neither a proposal nor taken back."""
        return not (self.proposes or self.withdrawn)


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an earlier version of a fact says about a time that the later ones leave open."""

    version: int
    value: Plain
    valid_from: str | None = None
    valid_to: str | None = None


AssetKind = Literal["playbook", "policy", "template", "agent", "kind", "preset"]


class Asset(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A file of the workspace that steers it: playbook, policy, template, agent, kind. Id `playbook/name`.

    refused: why what the file of a kind says now is not in use; "" when it is. Never loaded: it is `removed`, too.
    """

    kind: ClassVar[str] = "asset"
    asset_kind: AssetKind
    name: str
    path: str
    hash: str
    text: str
    at_us: int
    removed: bool = False
    refused: str = ""


# --- runs -----------------------------------------------------------------------------------------

StepStatus = Literal[
    "pending", "recalling", "queued", "started", "waiting", "backoff", "succeeded", "failed", "skipped",
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
    thread: tuple[str, ...] = ()  # Message ids of the mails to which an answer is waited for.
    child: str = ""  # The run that is this step's work.
    given_output: bool = False  # Its output is the operator's word, not its own work.
    agent_version: str = ""  # Of the agent that was started last.


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

    @property
    def namespaces(self) -> tuple[str, ...]:
        """What somebody must be allowed to see who is shown it."""
        return (self.namespace, *self.seen)

    @property
    def live(self) -> bool:
        return self.status not in RUN_ENDED


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


class Thread(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A mail of ours to which a run waits, or will wait, for an answer. Its id is the mail's message id."""

    kind: ClassVar[str] = "thread"
    run: str
    step: str
    action: str
    replies: tuple[str, ...] = ()  # Documents that answer it, in the order in which they came.


# --- limits and failures --------------------------------------------------------------------------

Priority = Literal["interactive", "normal", "batch"]
Per = Literal["minute", "hour", "day", "month", "ever"]
Over = Literal["throttle", "escalate", "stop"]


class Amounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What work may use or has used. ms: of doing it. money: in minor units, such as cents."""

    calls: int = 0
    ms: int = 0
    tokens: int = 0
    money: int = 0


class Cap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The most of one span of time; 0 of an amount is no limit. over: what is done with work that does not fit."""

    per: Per
    most: Amounts
    over: Over = "throttle"


class Limit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """of: "agent:composer", "agent:*" (each), "connector:mail", "model:draft", "run" (each) or "workspace"."""

    of: str
    at_once: int = 0  # 0: no limit.
    caps: tuple[Cap, ...] = ()


class Limits(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What quarterdeck.toml says about limits and failures. Id `workspace`."""

    kind: ClassVar[str] = "limits"
    rules: tuple[Limit, ...] = ()
    breaker_failures: int = 5
    breaker_window_us: int = 60_000_000
    breaker_open_us: int = 30_000_000
    escalate_us: int = 4 * 3_600_000_000  # A dead letter so old becomes an alert of its own; 0: never.


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One try of a step, or one effect, as limits see it. id: `r1/draft`, or `a7`."""

    id: str
    scopes: tuple[str, ...]  # All of them must have room.
    amounts: Amounts  # The most that it may use.
    priority: Priority = "normal"
    run: str = ""
    due_us: int | None = None  # When it is too late for it.


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was used and is reserved in the present span of time. more: what the operator gave on top, for this span."""

    since_us: int = 0
    used: Amounts = Amounts()
    reserved: Amounts = Amounts()
    more: Amounts = Amounts()


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Waiters of one priority, first to last, each naming the next."""

    head: str
    tail: str


class Meter(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a limit is taken, and who waits for room. Its id is what is limited: `agent:composer`, `run:r1`."""

    kind: ClassVar[str] = "meter"
    in_use: int = 0
    spans: dict[Per, Span] = {}
    own: tuple[Cap, ...] = ()  # Of a run: what its playbook or its start said.
    lines: dict[Priority, Line] = {}
    waiting: int = 0
    turns: int = 0  # Called from the lines so far; which of them is next follows from it.
    until_us: int | None = None  # When it is worth looking again.

    @property
    def live(self) -> bool:
        return self.waiting > 0


class Waiter(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a line. Id `w12`."""

    kind: ClassVar[str] = "waiter"
    scope: str
    work: Work
    at_us: int
    next: str = ""


class Reservation(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What a piece of work may use, taken out of its limits before it is dispatched. Its id is the work's."""

    kind: ClassVar[str] = "reservation"
    scopes: dict[str, tuple[Per, ...]]  # Each limit that it counts in, with the spans of time.
    amounts: Amounts
    at_us: int
    open: bool = True

    @property
    def live(self) -> bool:
        return self.open


class Breaker(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Whether an agent, connector or model is given work. Id as of what it protects: `connector:mail`."""

    kind: ClassVar[str] = "breaker"
    state: Literal["closed", "open", "half_open"] = "closed"
    failures: tuple[int, ...] = ()  # When, as far as they count; each success takes the oldest away.
    until_us: int | None = None  # Open: when one try is let through. Half open: when that try counts as lost.
    probe: str = ""  # The work that tries.
    opened: int = 0  # Times in a row.
    since_us: int = 0
    failure: str = ""  # Class of the last one.


# --- actions --------------------------------------------------------------------------------------

ActionStatus = Literal[
    "proposed", "denied", "rejected", "expired", "withdrawn", "held", "intent", "sent",
    "succeeded", "failed", "unknown", "compensated", "compensation_failed",
]  # fmt: skip
ACTION_ENDED: frozenset[str] = frozenset(
    ("denied", "rejected", "expired", "withdrawn", "succeeded", "failed", "compensated", "compensation_failed")
)
Risk = Literal["low", "medium", "high"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy said: the rule that decided, and where to find it."""

    verdict: Literal["allow", "ask", "deny"]
    rule: str
    where: str  # "policies/mail.toml", or "built-in R2".
    risk: Risk
    hold_us: int
    reasons: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()  # Numbers of the built-in rules that spoke, the deciding one first; see guards.py.
    grant: str = ""  # The standing permission that allowed it.
    level: str = ""  # Of autonomy, when it had a say.
    typed: bool = False  # A yes must be typed, not pressed.
    alone: bool = False  # Decided by itself: never in a group, never "always".
    report: bool = False  # Allowed, and told afterwards.
    sinks: tuple[str, ...] = ()  # Places that a yes lets receive data of this class from then on (R4).
    cool_us: int | None = None  # How long it waits after a yes, by the rule's word; None: as the settings say.


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recorded yes. It covers exactly the arguments whose hash is `shown_hash`."""

    shown_hash: str
    by: str
    at_us: int
    seq: int
    edited: bool = False
    reason: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of why: a value, and the entity (with a span in its text) that it was taken from."""

    claim: str
    source: str
    quote: str = ""
    span: tuple[int, int] | None = None


class Action(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A proposed effect and what became of it. Id `a17`; an approval goes by the same id."""

    kind: ClassVar[str] = "action"
    connector: str
    verb: str
    args: Plain
    targets: tuple[str, ...]
    summary: str
    status: ActionStatus
    shown_hash: str  # BLAKE2b of connector, verb, args and targets; what an approval binds.
    epoch: int = 0  # Of the stop, when the intent was recorded.
    operation_id: str  # The same for every try; the connector's idempotency key.
    agent: str
    at_us: int
    labels: Labels
    verdict: Verdict
    run: str = ""
    step: str = ""
    why: str = ""
    evidence: tuple[Evidence, ...] = ()
    confidence: float | None = None  # From the track record; None without enough of it, see `basis`.
    risks: tuple[str, ...] = ()
    undo: str = ""  # How to take it back, in words, before and after it left.
    cost: str = "0"
    group: str = ""
    approval: Approval | None = None
    proposed_args: Plain = {}  # What the agent wrote, when the operator edited it.
    tries: int = 0  # Times an intent was recorded.
    release_us: int | None = None  # End of the hold.
    expires_us: int | None = None
    snoozed_until_us: int | None = None
    result: Plain = {}
    error: Plain = {}
    compensates: str = ""  # The action this one corrects.
    compensated_by: str = ""
    queued: str = ""  # Its place in the line of a limit or an open breaker, while it is held there.
    compensation: Plain = {}  # How to take it back, when its verb's own way does not do: {"verb", "args"}.
    left_seq: int = 0  # Of the first intent: effects are taken back newest first.
    looks: int = 0  # Times the other side was asked what became of it.
    look_us: int | None = None  # When it is asked next.
    looking: bool = False  # It is being asked now.
    held_back: str = ""  # Why it was not released with the rest after a stop.
    let_go: bool = False  # It was named after a stop: it goes on though its run is paused.
    namespaces: tuple[str, ...] = ("default",)  # Of its run: whoever is shown it must be allowed to see all of them.
    basis: str = ""  # What the confidence rests on, in words; without enough data there is none.
    seen: Plain = {}  # What the policy knew besides, so that other rules can be asked about it later; see questions.py.
    cooling: Plain = {}  # What a yes to something risky rested on; read again before it leaves. See cooling.py.
    returned: tuple[str, ...] = ()  # What had changed when it came back from cooling off, in words.
    warn_us: int | None = None  # When the operator is told that its time is running out; None: never, or told.
    warned: bool = False
    snoozed_on: str = ""  # What brings it back before its time: `fact:client/acme`, `run:r3`, `reply`.

    @property
    def live(self) -> bool:
        return self.status not in ACTION_ENDED


# --- time and work --------------------------------------------------------------------------------

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


# --- permissions and trust ------------------------------------------------------------------------

Level = Literal["", "observe", "suggest", "act_with_approval", "act_and_report", "autonomous"]


class Grant(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A standing permission, given by the operator: one agent, one kind of action, so many times, until then. Id `g3`.

    to: patterns of targets, or `known`; every target must fit one.  A status other than `active` is final.
    """

    kind: ClassVar[str] = "grant"
    agent: str
    action: str  # `connector.verb`, exactly.
    to: tuple[str, ...]
    uses_max: int
    expires_us: int
    at_us: int
    by: str
    reason: str = ""
    per_day: int = 0  # 0: no limit of its own.
    amount_max: int | None = None  # Minor units; None: an action that names an amount does not fit.
    used: int = 0
    day: int = 0  # Days since 1970 in UTC of the last use.
    used_that_day: int = 0
    status: Literal["active", "used_up", "expired", "revoked"] = "active"
    ended: str = ""  # Why, in words.

    @property
    def live(self) -> bool:
        return self.status == "active"


class Tally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one agent's actions of one kind, counted from the log.

    unchanged, edited, rejected  by the operator     done    allowed and carried out without asking
    failed, undone               afterwards          streak  good ends in a row since a bad one or another level
    observed                     noted only: the level was `observe`
    """

    unchanged: int = 0
    edited: int = 0
    rejected: int = 0
    done: int = 0
    failed: int = 0
    undone: int = 0
    observed: int = 0
    streak: int = 0

    @property
    def decisions(self) -> int:
        return self.unchanged + self.edited + self.rejected + self.done


class Record(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The track record of an agent in one kind of action. Id `composer/mail.send`."""

    kind: ClassVar[str] = "record"
    tally: Tally = Tally()
    recent: str = ""  # The last ends, a letter each, latest last; see track.py.
    last_us: int = 0


class Reached(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A target that something has been sent to. Id `mail.send/` and a hash of the target."""

    kind: ClassVar[str] = "reached"
    count: int = 1
    first_us: int = 0


class Autonomy(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """How far an agent may go in one kind of action, as the operator decided. Id as of the record."""

    kind: ClassVar[str] = "autonomy"
    level: Level = ""
    since_us: int = 0
    by: str = ""
    reason: str = ""
    proposed: Level = ""  # What its record speaks for; waits for the operator.
    proposed_us: int = 0
    why: str = ""
    quiet_until: int = 0  # No further proposal before so many decisions: the last one was declined.


class Consent(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The operator has agreed that a sink receives a class of data. Id: a hash of both."""

    kind: ClassVar[str] = "consent"
    sink: str  # `mail.send`, or with the pattern of a sink that the operator described.
    sensitivity: str
    action: str
    at_us: int


# --- the workspace itself -------------------------------------------------------------------------


class Stop(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The emergency stop as the log knows it. Id `stop`. The fence file is the faster truth."""

    kind: ClassVar[str] = "stop"
    engaged: bool
    epoch: int
    reason: str
    by: str
    at_us: int
    in_flight: tuple[str, ...] = ()  # Actions that were on the wire.
    states: dict[str, str] = {}  # How each action that had not ended stood at that moment: id -> status.
    unlisted: int = 0  # Further ones, beyond what is listed.


class Attention(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What deciding has cost the operator on one day, counted from the decisions. Id `2026-11-21`, in the workspace's zone.

    measured_ms: of the decisions for which a face told how long they were shown; `measured` of them.
    """

    kind: ClassVar[str] = "attention"
    decided: int = 0
    measured: int = 0
    measured_ms: int = 0
    counts: dict[str, int] = {}  # approved, edited, rejected, snoozed.
    high_us: tuple[int, ...] = ()  # When the latest risky ones were approved, oldest first.


class Settings(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What decisions need to know of quarterdeck.toml. Id `workspace`."""

    kind: ClassVar[str] = "settings"
    name: str = "My company"
    operator: str = "Operator <operator@localhost>"
    timezone: str = "UTC"
    hold_us: int = 8_000_000
    expires_us: int = 7 * 86_400_000_000
    step_deadline_ms: int = 30_000
    core_tokens: int = 2_000
    instructions_tokens: int = 2_000
    pinned_tokens: int = 2_000
    working_tokens: int = 4_000
    batch_window: str = ""  # Hours in which what is scheduled as batch begins; "": at any time.
    working_us: int = 7 * 86_400_000_000  # How long working memory is kept when nothing else is said; 0: for ever.
    cooling_us: int = 0  # How long what is risky waits after a yes; 0: no longer than its hold.
    high_per_minute: int = 6  # High risks that may be approved within a minute; 0: any number.
    warn_percent: int = 0  # Share of the time after which it is told that a proposal expires; 0: never.


class Alert(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something the operator should look at. Id `alert3`. The same `topic` is raised once until it is resolved."""

    kind: ClassVar[str] = "alert"
    level: Literal["info", "warning", "critical"]
    topic: str  # What it is about, stable: "fact.conflict/supplier/nordpapier/iban".
    text: str
    at_us: int
    labels: Labels
    hint: str = ""
    about: tuple[str, ...] = ()  # Entities, as `kind:id`.
    details: Plain = {}
    resolved: str = ""  # How it ended; empty while it is open.
    runbook: str = ""  # Name of the page that says what to do: `quarterdeck runbook NAME`.

    @property
    def live(self) -> bool:
        return not self.resolved


class CaptureMark(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """How far the log has been read for facts to propose. Id `mark`."""

    kind: ClassVar[str] = "capture"
    upto: int


class Snapshot(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A name for a position of the log. Its id is the name. It costs one record: versions are kept anyway."""

    kind: ClassVar[str] = "snapshot"
    at_seq: int
    at_us: int
    note: str = ""
    removed: bool = False


class Rewind(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Records taken back to how they were at `to_seq`. Id `rw2`. `from_seq`: the log before it, where its undo leads."""

    kind: ClassVar[str] = "rewind"
    to_seq: int
    from_seq: int
    scope: str  # "workspace", or `kind:id` of a run, an agent, a record or an earlier rewind.
    changes: int  # What it set out to change.
    at_us: int
    done: int = 0
    finished: bool = False  # False: it was interrupted between two of its commits, and can be resumed.
    reason: str = ""

    @property
    def live(self) -> bool:
        return not self.finished


UndoState = Literal[
    "waiting", "compensating", "compensated", "withdrawn", "corrected", "cannot", "compensation_failed", "not_needed",
]  # fmt: skip
UNDO_ITEM_OVER: frozenset[str] = frozenset(
    ("compensated", "withdrawn", "corrected", "cannot", "compensation_failed", "not_needed")
)


class UndoItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action of an undoing. `by`: the action that takes it back."""

    action: str
    state: UndoState
    by: str = ""
    note: str = ""  # In words: what is done, or why nothing can be.


class Undoing(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Effects being taken back, newest first, as one plan. Id `u3`. It moves as its actions do, so a crash costs nothing.

    scope  what was named: "action:a17", "run:r3", "agent:outreach", "undoing:u2" or "everything"
    """

    kind: ClassVar[str] = "undoing"
    scope: str
    items: tuple[UndoItem, ...]
    status: Literal["compensating", "compensated", "compensation_failed"]
    at_us: int
    by: str
    since_us: int | None = None
    until_us: int | None = None
    reason: str = ""
    ended_us: int | None = None

    @property
    def live(self) -> bool:
        return self.status == "compensating"


class Edge(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The past of a link that the operator may take back: kept twice, from either end, under the ids of core/edges.py."""

    kind: ClassVar[str] = "edge"
    source: str
    relation: str
    target: str
    removed: bool = False


class ClockMark(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The wall clock was set back at this event. Id: its sequence in 20 digits. `highest_us`: the latest time before."""

    kind: ClassVar[str] = "clock"
    highest_us: int
    at_us: int


class Origin(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """This workspace is a fork of another one. Id `workspace`."""

    kind: ClassVar[str] = "origin"
    fork: str  # Its own name among all forks; goes into the operation ids of what it does.
    forked_from: str
    at_seq: int
    at_us: int


class Scopes(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Who may read and write what: "agent:composer", "connector:mail", "editor". Id `workspace`."""

    kind: ClassVar[str] = "scopes"
    declared: dict[str, Declared] = {}


class Refusals(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What a party was refused of late, by a hash of it, with the time. Its id is the party's name."""

    kind: ClassVar[str] = "refusals"
    recent: dict[str, int] = {}


class Erasure(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is forgotten for good. Id `er1`. What it names stands in the event `list_seq`, sealed."""

    kind: ClassVar[str] = "erasure"
    stage: Literal["planned", "erased", "closed"]
    list_seq: int
    counts: dict[str, int]
    reason: str
    epoch: int  # Of the store's keys, when it was planned.
    at_us: int
    proof: Plain = {}

    @property
    def live(self) -> bool:
        return self.stage != "closed"


class Alias(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Another name of an entity: `connector:external id` of a document, so that it is taken in once."""

    kind: ClassVar[str] = "alias"
    target: str
    gone: bool = False  # Of a file's name: nothing lies there any more; the target lay there last.


class Receipt(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The answer once given to a request id: repeated word for word, never done twice."""

    kind: ClassVar[str] = "receipt"
    body_hash: str
    reply: Plain
    reply_seq: int


class Counter(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The last number given to ids of one prefix."""

    kind: ClassVar[str] = "counter"
    value: int


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A directed, named edge between two entities, each written `kind:id` (`memory:m12`, `fact:client/acme`).

    Relations: `derived_from` (what a value was made from: provenance, read by `why` and `used_by`),
    `read` (a step saw it), `compensates`, and those of the operator between facts. `seq`: since when it stands; made
    once more it keeps that.
    """

    source: str
    relation: str
    target: str
    seq: int = 0


ENTITIES: dict[str, type[Entity]] = {
    cls.kind: cls
    for cls in (
        Memory, Document, Fact, Asset, Run, DeadLetter, Action, Stop, Settings, Alert, Snapshot, Alias, Erasure, Receipt, Counter,
        Shelf, Use, Upkeep,
        Rewind, Edge, ClockMark, Origin, Undoing,
        CaptureMark,
        Scopes, Refusals,
        Grant, Record, Reached, Autonomy, Consent,
        Schedule, Watch, Task, Objective, Part,
        Limits, Meter, Waiter, Reservation, Breaker,
        Thread,
        Attention,
    )
}  # fmt: skip
