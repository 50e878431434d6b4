"""Calibration: what a stated confidence was worth. Of the actions that were proposed with one like it, how many stood.

Stated is the share of the track record at the moment of the proposal (track.py), never what an agent or a model says of
itself. It falls into one of ten bins; for each bin the record keeps how many were decided and how many of them stood as
proposed, and did not fail and were not undone later. With too few in a bin nothing is said about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import msgspec

from .entities import Plain, Record, Tally
from .vocabulary import CONFIDENCE_DECISIONS_MIN

BINS: Final = 10
Z95: Final = 1.959964  # Of the normal distribution: 95 % lie within.
NOTHING: Final = "not enough data"


class Borne(msgspec.Struct, frozen=True, kw_only=True):
    """Of `n` that were stated between `low_stated` and `high_stated`, `stood` stood. low, high: Wilson, 95 %."""

    low_stated: float
    high_stated: float
    n: int
    stood: int
    observed: float | None
    low: float | None
    high: float | None
    says: str


def bin_of(stated: float) -> int:
    """0 for 0 up to 0.1, 9 for 0.9 up to 1; the end belongs to the last."""
    return min(int(stated * BINS + 1e-9), BINS - 1)


def wilson(stood: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson: it stays within 0 and 1, and is wide for few. n: at least 1.

    stood: a sum of parts between 0 and 1 may stand for a count; they scatter less, so the interval is no narrower than theirs.
    """
    assert 0 <= stood <= n, "no more can have stood than there were"
    square = Z95 * Z95
    middle = (stood + square / 2) / (n + square)
    half = Z95 / (n + square) * math.sqrt(stood * (n - stood) / n + square / 4)
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def borne(record: Record | None, number: int) -> Borne:
    """What became of those in one bin."""
    n, stood = record.calibration.get(str(number), (0, 0)) if record is not None else (0, 0)
    enough = n >= CONFIDENCE_DECISIONS_MIN
    low, high = wilson(stood, n) if enough else (None, None)
    return Borne(
        low_stated=number / BINS,
        high_stated=(number + 1) / BINS,
        n=n,
        stood=stood,
        observed=round(stood / n, 4) if enough else None,
        low=low,
        high=high,
        says=_says(number, n, stood, low, high),
    )


def _says(number: int, n: int, stood: int, low: float | None, high: float | None) -> str:
    stated = f"{number * 10} to {(number + 1) * 10} %"
    if low is None or high is None:
        return f"{NOTHING} about what was stated with {stated} ({n} of {CONFIDENCE_DECISIONS_MIN} decisions)"
    return f"of {n} stated with {stated}, {stood} stood ({percent(stood / n)}; {percent(low)} to {percent(high)})"


def percent(share: float) -> str:
    return f"{round(share * 100)} %"


def calibrated(record: Record | None, stated: float | None) -> Plain:
    """What an action carries: how what was stated like this has borne out. Empty when nothing is stated."""
    return {} if stated is None else msgspec.to_builtins(borne(record, bin_of(stated)))


def table_of_bins(record: Record | None) -> Iterator[Borne]:
    """The bins in which something was decided, lowest first."""
    for number in range(BINS):
        found = borne(record, number)
        if found.n:
            yield found


def standing(tally: Tally) -> Plain:
    """How what was decided stood, as counts and as a share: {"decisions", …, "stood", "share", "low", "high", "says"}."""
    n = tally.decisions
    stood = min(n, max(0, tally.unchanged + tally.done - tally.failed - tally.undone))
    counts: Plain = {"decisions": n, "unchanged": tally.unchanged, "edited": tally.edited, "rejected": tally.rejected}
    counts |= {"done": tally.done, "failed": tally.failed, "undone": tally.undone, "stood": stood}
    if n < CONFIDENCE_DECISIONS_MIN:
        says = f"{NOTHING} ({n} of {CONFIDENCE_DECISIONS_MIN} decisions)"
        return {**counts, "share": None, "low": None, "high": None, "says": says}
    low, high = wilson(stood, n)
    says = f"{stood} of {n} stood ({percent(stood / n)}; {percent(low)} to {percent(high)})"
    return {**counts, "share": round(stood / n, 4), "low": low, "high": high, "says": says}
