"""Who may do and see what, and what their record says."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from ..declared import Declared
from .base import Entity

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

    @property
    def marks(self) -> tuple[str, ...]:
        """Whom it permits what."""
        return (f"{self.agent} {self.action}",)


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
    calibration: dict[
        str, tuple[int, int]
    ] = {}  # By bin of the stated confidence: decided, stood; see calibration.py.


class Merit(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the actions that were made with a lesson before them, or from a template. Id `memory:m12`."""

    kind: ClassVar[str] = "merit"
    tally: Tally = Tally()
    last_us: int = 0
    scope: tuple[str, ...] = ()  # Records of the actions that it is about: `outreach/mail.send`.
    before: Tally = Tally()  # Of these records, when it was learned or first used.


class Edits(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What the operator changes in one agent's drafts of one kind: hashes of like edits, latest last. Id as of the record."""

    kind: ClassVar[str] = "edits"
    seen: dict[str, tuple[str, ...]] = {}  # Hash of a change: the latest actions in which it was made.
    asked: dict[str, str] = {}  # Hash of a change: the habit under which it was asked about.


class Habit(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """An edit that the operator makes again and again: shall it be a lesson? Id `habit1`.

    record   of whose drafts      key  hash of the change      lesson  what it became
    """

    kind: ClassVar[str] = "habit"
    record: str
    key: str
    actions: tuple[str, ...]
    at_us: int
    status: Literal["asked", "kept", "declined"] = "asked"
    lesson: str = ""

    @property
    def live(self) -> bool:
        return self.status == "asked"


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


class Scopes(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Who may read and write what: "agent:composer", "connector:mail", "editor". Id `workspace`."""

    kind: ClassVar[str] = "scopes"
    declared: dict[str, Declared] = {}


class Refusals(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What a party was refused of late, by a hash of it, with the time. Its id is the party's name."""

    kind: ClassVar[str] = "refusals"
    recent: dict[str, int] = {}
