"""What the methods about rules, permissions and autonomy give. See results.py for the conventions."""

from __future__ import annotations

from .frames import Plain
from .shapes import Page, Shape


class TriedRule(Shape, frozen=True, kw_only=True):
    """outcome: matched, not matched, or why its term failed.  terms: what the names in it stood for."""

    rule: str
    where: str
    outcome: str
    terms: Plain = {}


class Guard(Shape, frozen=True, kw_only=True):
    """A built-in rule that has something against it: R0 to R7."""

    number: str
    word: str
    reason: str


class Explanation(Shape, frozen=True, kw_only=True):
    """spoke: the guards with something against it.  grant, level: a permission or a level that had a say.

    typed: a yes must be typed.  alone: never in a group.  confidence: from the record, null without enough of it.
    """

    verdict: str
    rule: str
    where: str
    risk: str
    hold_us: int
    reasons: list[str] = []
    tried: list[TriedRule] = []
    spoke: list[Guard] = []
    guards: list[str] = []
    grant: str = ""
    level: str = ""
    typed: bool = False
    alone: bool = False
    report: bool = False
    confidence: float | None = None
    basis: str = ""


class Tested(Shape, frozen=True, kw_only=True):
    """One action of the past. was, now: allow, ask or deny.  became: how it ended.  decided: what you did with it.

    change: same, allowed, asked or denied: what the rules would newly do.
    """

    id: str
    at: str
    agent: str
    action: str
    summary: str
    targets: list[str]
    was: str
    now: str
    change: str
    became: str
    decided: str = ""
    rule: str = ""
    where: str = ""
    reasons: list[str] = []


class PolicyTested(Shape, frozen=True, kw_only=True):
    """Differences first, the newest of each kind first. counts: how many of each change.  slips: terms that are none.

    against: how many of what would newly be allowed you had rejected or changed.
    """

    compared: int
    counts: dict[str, int]
    against: int
    items: list[Tested]
    slips: list[str] = []


class GrantView(Shape, frozen=True, kw_only=True):
    """status: active, used_up, expired or revoked; all but the first are for good."""

    id: str
    agent: str
    action: str
    to: list[str]
    uses_max: int
    used: int
    left: int
    per_day: int
    amount_max: int | None
    status: str
    expires_at: str
    at: str
    by: str
    reason: str = ""
    ended: str = ""


class Grants(Page, frozen=True, kw_only=True):
    items: list[GrantView]


class GrantGiven(Shape, frozen=True, kw_only=True):
    id: str
    expires_at: str
    uses_max: int
    seq: int


class AutonomyView(Shape, frozen=True, kw_only=True):
    """How far an agent may go in one kind of action, and its record. level "": the rules alone decide.

    proposed  the level that its record speaks for, waiting for you; why says what it rests on
    next, needed  the level after this one, and how many good ends in a row are still missing
    widens    whether it may ever act unasked: not with money, secrets or deletion
    """

    id: str
    agent: str
    action: str
    level: str
    proposed: str = ""
    why: str = ""
    confidence: float | None = None
    basis: str = ""
    track: Plain = {}
    next: str = ""
    needed: int = 0
    widens: bool = False
    by: str = ""
    reason: str = ""
    since: str | None = None


class AutonomyViews(Page, frozen=True, kw_only=True):
    items: list[AutonomyView]


class LevelSet(Shape, frozen=True, kw_only=True):
    id: str
    level: str
    was: str
    seq: int
