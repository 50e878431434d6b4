"""What the methods about taking back and about the stop take and give."""

from __future__ import annotations

from .frames import Plain
from .params import Change, ChangeOne, Name, Short
from .shapes import Page, Shape


class UndoStart(Change, frozen=True, kw_only=True):
    """scope: action:a17, run:r3, agent:outreach, undoing:u2, or everything with a time.

    since, until  only what was proposed then; for an agent and for everything
    plan_hash     of the dry run that was seen: when the plan is another by now, the answer is `conflict`
    """

    scope: Name
    since: Short | None = None
    until: Short | None = None
    dry_run: bool = False
    plan_hash: Short = ""


class UndoOne(ChangeOne, frozen=True, kw_only=True):
    """As `undo.start` with the scope of one run, or of one action."""

    dry_run: bool = False
    plan_hash: Short = ""


class UndoItemView(Shape, frozen=True, kw_only=True):
    """One action of an undoing.

    way    in a dry run, what would be done: withdraw, compensate, correct, wait or cannot; says: that in words
    state  how far it is: waiting, compensating, compensated, withdrawn, corrected, cannot, compensation_failed,
           not_needed; by: the action that takes it back, verb and by_status: of that one
    """

    action: str
    summary: str = ""
    status: str = ""
    way: str = ""
    says: str = ""
    verb: str = ""
    state: str = ""
    by: str = ""
    by_status: str = ""


class UndoState(Shape, frozen=True, kw_only=True):
    """status: compensating, compensated or compensation_failed; "" for a dry run.

    items    newest effect first, which is the order in which they are taken back
    records  for a run: the facts and memories that it wrote, and the rewind that takes them back; it is not done by itself
    """

    id: str
    scope: str
    status: str
    items: list[UndoItemView]
    seq: int = 0
    plan_hash: str = ""
    dry_run: bool = False
    records: Plain = {}
    at: str = ""
    by: str = ""
    reason: str = ""
    ended_at: str | None = None


class UndoStates(Page, frozen=True, kw_only=True):
    items: list[UndoState]


class LetGo(Change, frozen=True, kw_only=True):
    """Runs that a release of some paused, actions that it held back."""

    runs: tuple[Name, ...] = ()
    actions: tuple[Name, ...] = ()


class LetGone(Shape, frozen=True, kw_only=True):
    """What goes on now."""

    actions: list[str]
    runs: list[str]
    seq: int = 0


class StoppedAction(Shape, frozen=True, kw_only=True):
    """then: its status at the moment of the stop; now: its status. held_back: why it was not released with the rest."""

    id: str
    summary: str
    then: str
    now: str
    run: str = ""
    held_back: str = ""


class StopDetail(Shape, frozen=True, kw_only=True):
    """The last stop: what was on the wire and what waited when it came, and what has become of it.

    unlisted: further actions that had not ended.  paused_runs, held_back: what still waits after a release of some
    """

    stopped: bool
    epoch: int
    reason: str
    by: str
    at: str | None
    actions: list[StoppedAction]
    unlisted: int = 0
    paused_runs: list[str] = []
    held_back: list[StoppedAction] = []
