"""What the methods about delegation and the digest take and give. See params.py and results.py for the conventions."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .frames import Plain
from .params import Change, Name, Read, Short
from .policy_params import USES_MAX
from .shapes import Shape


class ApprovalDelegate(Change, frozen=True, kw_only=True):
    """Make a rule, or a permission with an end, out of one waiting action. Nothing changes without `plan_hash`.

    form         `rule` goes into policies/delegated.toml; `grant` is a permission of `max` uses until `until`
    plan_hash    of the preview that was read; another one is a `conflict`
    amount_max   minor units; left out: the amount of this action
    """

    id: Name
    shown_hash: Name
    form: Literal["rule", "grant"] = "rule"
    until: Short = ""
    max: Annotated[int, Meta(ge=1, le=USES_MAX)] = 20
    amount_max: Annotated[int, Meta(ge=0)] | None = None
    plan_hash: Short = ""


class WouldMatch(Shape, frozen=True, kw_only=True):
    """An action of the past that it would have let go unasked. decided: what you said to it then."""

    id: str
    at: str
    summary: str
    targets: list[str]
    decided: str
    status: str


class Delegation(Shape, frozen=True, kw_only=True):
    """text: the rule as it would stand in the file.  refused: why it cannot be delegated, in words; then nothing else counts.

    compared: actions of the past that were looked at.  against: of those matched, what you rejected or changed then.
    written: where it stands now, or the id of the permission; "" for a preview.
    """

    id: str
    form: str
    text: str = ""
    refused: list[str] = []
    compared: int = 0
    matched: int = 0
    against: int = 0
    items: list[WouldMatch] = []
    plan_hash: str = ""
    written: str = ""
    seq: int = 0


class DigestGet(Read, frozen=True, kw_only=True):
    """span: `day` for its start, `evening` for its end, `week` for the last seven days.  at: ISO time; left out: now."""

    span: Literal["day", "evening", "week"] = "day"
    at: Short = ""


class DigestLine(Shape, frozen=True, kw_only=True):
    """One thing of a digest. what: how it stands.  at: when it happened, or is due."""

    id: str
    what: str
    text: str
    at: str | None = None
    agent: str = ""
    risk: str = ""


class AgentWeek(Shape, frozen=True, kw_only=True):
    """What an agent did in the span. wrong: edited, rejected, failed and undone.

    earned: by currency, of payments that its runs led to.
    """

    id: str
    done: int
    approved: int
    edited: int
    rejected: int
    failed: int
    undone: int
    wrong: int
    cost: str
    earned: dict[str, str] = {}


class AttentionUse(Shape, frozen=True, kw_only=True):
    """What deciding took. estimated: decisions of which no face told how long they were shown, counted at `estimate_s` each."""

    decisions: int
    minutes: float
    measured: int
    estimated: int
    estimate_s: int
    decisions_target: int
    minutes_target: int
    days: int = 1


class Digest(Shape, frozen=True, kw_only=True):
    """waiting: by risk, what to decide first.  went_out, failed: since `since`.  late: past its time, or soon.

    reconciled: of what was approved in the span, how each stands now; for the evening.  agents: for the week.
    """

    span: str
    since: str
    until: str
    waiting: list[DigestLine]
    waiting_counts: dict[str, int]
    cooling: list[DigestLine] = []
    went_out: list[DigestLine] = []
    failed: list[DigestLine] = []
    late: list[DigestLine] = []
    reconciled: list[DigestLine] = []
    counts: dict[str, int] = {}
    agents: list[AgentWeek] = []
    attention: AttentionUse
    lessons: list[str] = []
    suggested: list[Plain] = []
    cost: str = "0"
    complete: bool = True
