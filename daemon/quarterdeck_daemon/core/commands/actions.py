"""Commands about approvals, doubt, and taking back."""

from __future__ import annotations

import msgspec

from ..entities import Plain
from .base import Command


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a decision: which action or gate (`RUN/STEP`), and the hash of what the operator saw of it.

    confirm: what was typed for it. None: it was decided where nothing is typed, so none is asked for.
    """

    id: str
    shown_hash: str
    confirm: str | None = None


class LessonDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent shall learn from a decision. to: only about this recipient.  agents: whom it concerns, () the proposer."""

    text: str
    agents: tuple[str, ...] = ()
    to: str = ""
    everybody: bool = False
    expires_us: int | None = None


class DecideApprovals(Command, frozen=True, kw_only=True):
    items: tuple[Choice, ...]
    decision: str  # "approve", "reject" or "snooze".
    edits: Plain = {}
    reason: str = ""
    until_us: int | None = None
    until_event: str = ""  # For snooze: what brings it back before; see approvals.py.
    lesson: LessonDraft | None = None
    shown_us: int | None = None  # When it was put before the operator, if the face told.


class DecideHabit(Command, frozen=True, kw_only=True):
    """An edit that was made again and again becomes a lesson, or is not asked about again.

    decision  "keep" or "decline"      shown_hash  of the words that were shown, when the lesson has none of its own
    """

    id: str
    decision: str
    shown_hash: str = ""
    lesson: LessonDraft = LessonDraft(text="")


class Undo(Command, frozen=True, kw_only=True):
    """Take back what a scope did: "action:a17", "run:r3", "agent:outreach", "undoing:u2" or "everything".

    since_us, until_us  only what was proposed then; for agents and everything     dry_run  only say what would happen
    plan_hash           of the plan that was seen: another one is a conflict
    """

    scope: str
    since_us: int | None = None
    until_us: int | None = None
    dry_run: bool = False
    plan_hash: str = ""
    reason: str = ""


class SettleAction(Command, frozen=True, kw_only=True):
    """The operator says what became of an effect whose outcome nobody could find out."""

    id: str
    happened: bool
    reason: str = ""
