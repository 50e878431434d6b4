"""What was proposed, decided and done in the world, and the taking back of it."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import Labels

from .base import Entity, Plain

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


class Alternative(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What else was considered. id: opens it, when it is something that is there.  why: what spoke for the other."""

    what: str
    id: str = ""
    why: str = ""


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
    rests: Plain = {}  # What its permission rests on besides: what the connector offered; see obstacles.py.
    calibrated: Plain = {}  # What a confidence like this one was worth before; see calibration.py.
    alternatives: tuple[Alternative, ...] = ()
    made_with: tuple[str, ...] = ()  # Lessons that were before whoever made it, and the template: `memory:m12`.
    snoozed_on: str = ""  # What brings it back before its time: `fact:client/acme`, `run:r3`, `reply`.

    @property
    def live(self) -> bool:
        return self.status not in ACTION_ENDED

    @property
    def marks(self) -> tuple[str, ...]:
        """`away`: put away until something happens; `warned`: told that its time runs out."""
        if self.status != "proposed":
            return ()
        return (*(("away",) if self.snoozed_on else ()), *(("warned",) if self.warned else ()))


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
