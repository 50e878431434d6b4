"""What was learned and what it was worth: records with their calibration, lessons, templates. See params.py and results.py."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .frames import Plain
from .params import Change, Lesson, Listing, Name, Short
from .shapes import Page, Shape


class RecordList(Listing, frozen=True, kw_only=True):
    agent: Short | None = None


class Borne(Shape, frozen=True, kw_only=True):
    """Of `n` decided that were stated between these two, `stood` stood. observed, low, high: null below ten; 95 %."""

    low_stated: float
    high_stated: float
    n: int
    stood: int
    observed: float | None
    low: float | None
    high: float | None
    says: str


class RecordView(Shape, frozen=True, kw_only=True):
    """What became of one agent's actions of one kind. confidence: what is stated for the next one, null without enough data.

    standing  counts of what was decided, with the share that stood and its interval, and `says` in words
    bins      stated against observed, lowest first; only those in which something was decided
    """

    id: str
    agent: str
    action: str
    confidence: float | None
    basis: str
    standing: Plain
    bins: list[Borne]


class RecordViews(Page, frozen=True, kw_only=True):
    items: list[RecordView]


# --- lessons --------------------------------------------------------------------------------------


class LessonList(Listing, frozen=True, kw_only=True):
    """all: those that were taken back, have ended or were replaced, too.  agent: those that this one is shown."""

    all: bool = False
    agent: Short | None = None


class Effect(Shape, frozen=True, kw_only=True):
    """Counts, each with `share`, `low`, `high` (95 %, null below ten) and `says`, of what became of actions.

    scope   the records that are counted: `outreach/mail.send`
    before  how they stood when it was learned, of a template when it was first used      since  what came after that
    given   of the actions before whose maker it lay, or that were made from it
    """

    scope: list[str]
    before: Plain
    since: Plain
    given: Plain


class LessonView(Shape, frozen=True, kw_only=True):
    """agents: () is all.  actions: kinds, () is all.  to: recipients that it is about.  taught: what it was learned from.

    status: in_force, withdrawn, ended, replaced or in_review.  diff: of the edit that taught it, with `lesson.get`.
    """

    id: str
    text: str
    title: str
    status: str
    agents: list[str]
    actions: list[str]
    to: list[str]
    taught: list[str]
    at: str | None
    expires_at: str | None
    effect: Effect
    seq: int
    diff: str = ""


class Suggested(Shape, frozen=True, kw_only=True):
    """An edit that was made again and again. actions: the latest of them.  shown_hash: to be given back to keep it."""

    id: str
    agent: str
    action: str
    text: str
    count: int
    actions: list[str]
    status: str
    lesson: str
    shown_hash: str
    at: str | None


class Lessons(Page, frozen=True, kw_only=True):
    items: list[LessonView]


class SuggestedList(Listing, frozen=True, kw_only=True):
    """all: those that were decided on, too."""

    all: bool = False


class SuggestedLessons(Page, frozen=True, kw_only=True):
    items: list[Suggested]


class LessonFound(Shape, frozen=True, kw_only=True):
    """One of both, by the id that was asked for."""

    lesson: LessonView | None = None
    suggested: Suggested | None = None


class LessonDecide(Change, frozen=True, kw_only=True):
    """keep: in the words that were shown, by their hash, or in those of `lesson`."""

    id: Name
    decision: Literal["keep", "decline"]
    shown_hash: Short = ""
    lesson: Lesson | None = None


class LessonDecided(Shape, frozen=True, kw_only=True):
    id: str
    status: str
    lesson: str
    seq: int


# --- templates ------------------------------------------------------------------------------------


class TemplateRecord(Shape, frozen=True, kw_only=True):
    id: str
    name: str
    path: str
    effect: Effect


class TemplateRecords(Page, frozen=True, kw_only=True):
    items: list[TemplateRecord]


class TemplateKeep(Change, frozen=True, kw_only=True):
    """id: of a mail that was approved.  name: of the template; never one that is there already."""

    id: Name
    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,60}$")]
    dry_run: bool = False


class TemplateKept(Shape, frozen=True, kw_only=True):
    """turned: what became a field, {value, field}.

    left: what was put in and stays as it is, since no field gives it, {value, source}
    """

    path: str
    text: str
    written: bool
    turned: list[Plain]
    left: list[Plain]
