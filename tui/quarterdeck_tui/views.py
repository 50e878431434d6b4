"""View models: small frozen values that screens are given and widgets draw.

Owns     the words of the screen: what an approval, a run, a decision look like to the operator.
Promises nothing here knows a socket or a widget; every text is raw and is made safe when drawn.
Leaves   filling them to `replies.py`, keeping them fresh to the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
        amounts = (self.args.get(name) for name in AMOUNTS)
        amount = next((value for value in amounts if isinstance(value, (int, float, str)) and str(value)), None)
        if amount is not None:
            return str(amount)
        return self.targets[0].rpartition("@")[2] if self.targets else self.verb


@dataclass(frozen=True, slots=True)
class RunView:
    """One run at work. `done` of `total` steps; `at_us` when it began."""

    id: str
    playbook: str
    status: str
    done: int = 0
    total: int = 0
    step: str = ""
    at_us: int | None = None
    cost: str = ""


@dataclass(frozen=True, slots=True)
class AlertView:
    text: str
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class InFlight:
    """An effect that was on the wire when the stop came."""

    id: str
    act: str = ""
    summary: str = ""
    target: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class StopView:
    """The emergency stop. `confirmed` by the supervisor or the daemon; until then it is only asked for."""

    engaged: bool = False
    confirmed: bool = True
    reason: str = ""
    by: str = ""
    at_us: int | None = None
    in_flight: tuple[InFlight, ...] = ()
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
class DecisionView:
    """What the operator last did here. `release_us`: end of the hold; None when nothing waits to leave."""

    id: str
    summary: str
    done: str  # "approved", "rejected", "snoozed", "undone".
    release_us: int | None = None
    status: str = ""


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
    last: DecisionView | None = None
    unreadable: int = 0  # Items of the daemon's list that this screen could not read.

    @property
    def may_change(self) -> bool:
        return self.link == "live"


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
