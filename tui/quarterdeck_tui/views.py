"""View models: small frozen values that screens are given and widgets draw.

Owns     the words of the screen: what an approval, a run, a decision look like to the operator.
Promises nothing here knows a socket or a widget; every text is raw and is made safe when drawn.
Leaves   filling them to `replies.py`, keeping them fresh to the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Risk = Literal["low", "medium", "high"]
Link = Literal["connecting", "live", "lost", "absent"]
Decision = Literal["approve", "reject", "snooze"]

RISK_ORDER: dict[Risk, int] = {"high": 0, "medium": 1, "low": 2}
OUTBOUND = frozenset(("mail", "payment", "calendar", "web", "cms", "webhook", "post"))
AMOUNTS = ("amount", "total", "sum")
MEMORY_ID = re.compile(r"(memory:)?m\d+$")


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One piece of why. `span` are characters [from, to) of the source's text."""

    claim: str
    source: str = ""
    quote: str = ""
    span: tuple[int, int] | None = None

    @property
    def remembered(self) -> bool:
        return MEMORY_ID.match(self.source) is not None


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """One thing that waits for a yes. `shown_hash` binds the yes to exactly these arguments."""

    id: str
    shown_hash: str
    summary: str
    connector: str
    verb: str
    risk: Risk
    args: Mapping[str, object] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    agent: str = ""
    why: str = ""
    evidence: tuple[EvidenceView, ...] = ()
    confidence: float | None = None
    rule: str = ""
    rule_where: str = ""
    rule_reasons: tuple[str, ...] = ()
    hold_s: float | None = None
    undo: str = ""
    risks: tuple[str, ...] = ()
    cost: str = ""
    integrity: str = ""
    sensitivity: str = ""
    sources: tuple[str, ...] = ()
    group: str = ""
    run: str = ""
    step: str = ""
    at_us: int | None = None
    expires_us: int | None = None
    confirm: str = ""  # What the daemon wants typed for a yes; "" for nothing.
    returned: tuple[str, ...] = ()  # What had changed when it came back from cooling off.
    gate: bool = False  # A question of a run: nothing to edit, in no group.
    group_items: tuple[str, ...] = ()  # Ids that can be decided together with it.
    ticked: bool = False  # Whether its group's yes takes it along.
    outlier: str = ""  # Why not, in words.
    basis: str = ""  # What the confidence rests on, in words; without enough data there is none.
    worth: str = ""  # What a confidence like that was worth before, in words.
    made_with: tuple[str, ...] = ()  # Lessons that lay before whoever made it, and the template.
    others: tuple[str, ...] = ()  # What else was considered.

    @property
    def typed(self) -> bool:
        """Whether a yes to it is typed, not pressed."""
        return self.risk == "high" or bool(self.confirm)

    @property
    def act(self) -> str:
        return f"{self.connector}.{self.verb}"

    @property
    def outbound(self) -> bool:
        return self.connector in OUTBOUND

    @property
    def body(self) -> str | None:
        """The text that would leave, when there is one to edit."""
        body = self.args.get("body")
        return body if isinstance(body, str) else None

    @property
    def confirm_word(self) -> str:
        """What the operator types before a HIGH risk is approved: the amount, else where it goes, else the verb."""
        if self.confirm:
            return self.confirm
        amounts = (self.args.get(name) for name in AMOUNTS)
        amount = next((value for value in amounts if isinstance(value, (int, float, str)) and str(value)), None)
        if amount is not None:
            return str(amount)
        return self.targets[0].rpartition("@")[2] if self.targets else self.verb


@dataclass(frozen=True, slots=True)
class LessonView:
    """Who learns from a no: whoever proposed it, about one recipient only, or everybody."""

    to: str = ""
    everybody: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A no with its reason; `lesson` when somebody shall learn from it."""

    reason: str
    lesson: LessonView | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """One run at work. `done` of `total` steps; `at_us` when it began; `waits_for` the actions it cannot go on without."""

    id: str
    playbook: str
    status: str
    done: int = 0
    total: int = 0
    at_us: int | None = None
    cost: str = ""
    waits_for: tuple[str, ...] = ()

    @property
    def moving(self) -> bool:
        """Whether it goes on without the operator."""
        return self.status != "paused" and not self.waits_for


@dataclass(frozen=True, slots=True)
class AlertView:
    """Something is wrong; `hint` is the next step."""

    text: str
    hint: str = ""
    level: str = "warning"
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class StopView:
    """The emergency stop. `confirmed` by the supervisor or the daemon; until then it is only asked for."""

    engaged: bool = False
    confirmed: bool = True
    reason: str = ""
    by: str = ""
    at_us: int | None = None
    in_flight: tuple[str, ...] = ()  # Ids of the actions that were on the wire; those cannot be called back.
    note: str = ""  # Why it is not confirmed, in words.


@dataclass(frozen=True, slots=True)
class StatusView:
    """The top bar's figures."""

    workspace: str = ""
    waiting: int = 0
    running: int = 0
    dead: int = 0
    cost_today: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class DeedView:
    """An action after the decision: what was said, and what has become of it.

    `release_us`: end of the hold. `due_us`: when a snoozed one comes back. `at_us`: of the decision.
    """

    id: str
    summary: str
    done: str  # "approved", "rejected", "snoozed", "undone", or "" when nobody decided: a rule allowed it.
    release_us: int | None = None
    status: str = ""
    at_us: int | None = None
    act: str = ""
    target: str = ""
    shown_hash: str = ""
    due_us: int | None = None
    corrected: bool = False
    error: str = ""

    @property
    def held(self) -> bool:
        return self.status == "held"

    @property
    def returnable(self) -> bool:
        """Whether taking it back would do anything."""
        if self.status == "proposed":
            return self.done == "snoozed"
        left = self.status == "succeeded" and self.act == "mail.send" and not self.corrected
        return self.held or (left and self.done == "approved")


def to_take_back(deeds: Sequence[DeedView]) -> DeedView | None:
    """Return what `z` takes back: what is still held, the newest first; else the newest decision that can be."""
    newest = sorted((one for one in deeds if one.returnable), key=lambda one: one.at_us or 0, reverse=True)
    return next((one for one in newest if one.held), newest[0] if newest else None)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One call to the daemon, as the command line would say it, or one message shown to the operator."""

    at_us: int
    text: str
    outcome: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class SourceView:
    """The text behind an evidence link."""

    id: str
    title: str = ""
    text: str = ""
    source: str = ""
    integrity: str = ""
    note: str = ""  # Why there is no text.


@dataclass(frozen=True, slots=True)
class BenchView:
    """All that the Bench shows, as of `status.seq`. Replaced whole, never changed."""

    link: Link = "connecting"
    note: str = ""  # For the banner: what is wrong and what to do.
    status: StatusView = StatusView()
    approvals: tuple[ApprovalView, ...] = ()
    runs: tuple[RunView, ...] = ()
    alerts: tuple[AlertView, ...] = ()
    stop: StopView = StopView()
    deeds: tuple[DeedView, ...] = ()  # Decided or permitted, the newest first.
    unreadable: int = 0  # Items of the daemon's list that this screen could not read.

    @property
    def may_change(self) -> bool:
        return self.link == "live"

    @property
    def held(self) -> tuple[DeedView, ...]:
        """What leaves when its hold ends, the next one first."""
        return tuple(sorted((one for one in self.deeds if one.held), key=lambda one: one.release_us or 0))

    @property
    def on_the_wire(self) -> tuple[DeedView, ...]:
        return tuple(one for one in self.deeds if one.status in ("intent", "sent"))

    @property
    def last(self) -> DeedView | None:
        """What the line of the last decision speaks of: what `z` would take back, else what was decided last."""
        decided = (one for one in self.deeds if one.done)
        return to_take_back(self.deeds) or next(decided, None)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was drawn when the key was pressed: the only thing that an approval may name."""

    id: str
    shown_hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The daemon's answer to one decision. `code` is empty when it was done."""

    id: str
    code: str = ""
    message: str = ""
    hint: str = ""
    release_us: int | None = None

    @property
    def ok(self) -> bool:
        return not self.code
