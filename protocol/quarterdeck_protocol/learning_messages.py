"""What was learned and what it was worth: records with their calibration, lessons, templates. See params.py and results.py."""

from __future__ import annotations

from .frames import Plain
from .params import Listing, Short
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
