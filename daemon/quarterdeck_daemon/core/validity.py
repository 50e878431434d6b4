"""The two clocks of a fact: when it was true, and when we learned it.

A fact has versions in the order in which they were learned. Each speaks about a span of time, from `valid_from`
up to but not including `valid_to`. What was true at a moment is what the version says that was learned last
among those whose span holds the moment: a later version lays itself over the earlier ones and erases none.
Whoever asks "as of" an earlier position leaves the versions out that were learned after it.

    span  without valid_from a first version holds since ever, a later one since it was learned
          without valid_to it holds for ever
          a withdrawn version lies over all of time and says nothing
"""

from __future__ import annotations

from collections.abc import Sequence

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Fact, Standing
from .moments import moment_us, text_of

EVER_US = -(2**62)
FOREVER_US = 2**62
AHEAD_MAX = 64  # Spans of earlier versions that a fact carries along; beyond it the farthest are left out.


def span_of(fact: Fact | Standing) -> tuple[int, int]:
    """Return the span [start, end) in microseconds that the version speaks about, before anything lies over it."""
    since_us = fact.since_us if isinstance(fact, Fact) else None
    start = since_us if since_us is not None else EVER_US
    if fact.valid_from is not None:
        start = moment_us(fact.valid_from)[0]
    return start, moment_us(fact.valid_to)[0] if fact.valid_to is not None else FOREVER_US


def check_span(valid_from: str | None, valid_to: str | None) -> None:
    """Raise QuarterdeckError `bad_value` when an end is no time or the span is empty."""
    start = moment_us(valid_from)[0] if valid_from is not None else EVER_US
    end = moment_us(valid_to)[0] if valid_to is not None else FOREVER_US
    if start >= end:
        raise QuarterdeckError(
            "bad_value",
            f"valid_to {valid_to} is not after valid_from {valid_from}",
            hint="valid_to is the first day, or moment, at which it is no longer true.",
            details={"path": "valid_to"},
        )


def claim_of(fact: Fact) -> tuple[int, int]:
    """Return the span that a version decides about: to take a fact back decides about all of time."""
    return (EVER_US, FOREVER_US) if fact.withdrawn else span_of(fact)


def true_at(versions: Sequence[Fact], start_us: int, end_us: int) -> Fact | None:
    """Return the version that was true in [start_us, end_us); for a whole day, the last one of that day.

    versions: as learned, oldest first. Looks at the newest first and stops when the whole span is decided.
    """
    undecided = [(start_us, end_us)]
    best: tuple[int, Fact] | None = None
    for fact in reversed(versions):
        start, end = claim_of(fact)
        decided = [(max(a, start), min(b, end)) for a, b in undecided if a < end and b > start]
        if not decided:
            continue
        last = decided[-1][0]
        if not fact.withdrawn and (best is None or last > best[0]):
            best = last, fact
        undecided = [part for span in undecided for part in _without(span, start, end)]
        if not undecided:
            break
    return best[1] if best is not None else None


def left_of(versions: Sequence[Fact], index: int) -> list[tuple[int, int]]:
    """Return what the versions learned later leave of the span of `versions[index]`, in order of time."""
    if versions[index].withdrawn:
        return []
    left = [span_of(versions[index])]
    for later in versions[index + 1 :]:
        start, end = claim_of(later)
        left = [part for span in left for part in _without(span, start, end)]
        if not left:
            break
    return left


def _without(span: tuple[int, int], start: int, end: int) -> list[tuple[int, int]]:
    """What is left of the span when [start, end) is laid over it."""
    parts = ((span[0], min(span[1], start)), (max(span[0], end), span[1]))
    return [part for part in parts if part[0] < part[1]]


# --- what a fact carries along for those who cannot look at its history ---------------------------


def ahead_of(present: Fact | None, fresh: Fact, now_us: int) -> tuple[Standing, ...]:
    """Return the stretches from now on about which versions before `fresh` still speak.

    Nearly always none: a change holds from now on and for ever. A price for next year leaves today's standing
    until then; a correction of last year leaves all of what holds now.
    """
    if present is None or present.withdrawn:
        return ()
    start, end = span_of(fresh)
    said = (*present.ahead, _standing(present, *span_of(present)))
    left = [part for one in said for part in _standing_around(one, start, end) if span_of(part)[1] > now_us]
    return tuple(sorted(left, key=lambda one: span_of(one)[0])[:AHEAD_MAX])


def in_force(fact: Fact, now_us: int) -> Fact | Standing | None:
    """Return what is true now according to a fact and what it carries along; None when nothing is."""
    if fact.withdrawn:
        return None
    said: tuple[Fact | Standing, ...] = (fact, *fact.ahead)
    for one in said:
        start, end = span_of(one)
        if start <= now_us < end:
            return one
    return None


def _standing(fact: Fact, start: int, end: int) -> Standing:
    return Standing(
        version=fact.version,
        value=fact.value,
        valid_from=None if start == EVER_US else bound_text(start, fact.valid_from),
        valid_to=None if end == FOREVER_US else bound_text(end, fact.valid_to),
    )


def _standing_around(one: Standing, start: int, end: int) -> list[Standing]:
    low, high = span_of(one)
    found: list[Standing] = []
    if low < start:
        until = one.valid_to if high <= start else text_of(start)
        found.append(Standing(version=one.version, value=one.value, valid_from=one.valid_from, valid_to=until))
    if high > end:
        since = one.valid_from if low >= end else text_of(end)
        found.append(Standing(version=one.version, value=one.value, valid_from=since, valid_to=one.valid_to))
    return found


def bound_text(at_us: int, *written: str | None) -> str:
    """Return the moment as somebody wrote it, if it is one of those, else as a time."""
    return next((text for text in written if text is not None and moment_us(text)[0] == at_us), text_of(at_us))
