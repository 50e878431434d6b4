"""Reading facts at two clocks: what was believed at a position of the log, and what was true at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import Fact, Plain
from ..core.moments import moment_us
from ..core.validity import EVER_US, FOREVER_US, bound_text, in_force, left_of, span_of, true_at
from ..store.api import Store
from .views import fact_view

Moment = tuple[int, int] | None


def moment_of(valid_at: str | None) -> Moment:
    """Return [from, to) in microseconds of a date or time. Raises QuarterdeckError `bad_value`."""
    return moment_us(valid_at) if valid_at else None


def versions_of(store: Store, id: str, as_of: int | None) -> list[Fact]:
    """Return what was known of a fact at a position, oldest first; a mere change of trust is no version."""
    found: list[Fact] = []
    for fact in store.history(Fact, id):
        if as_of is not None and fact.seq > as_of:
            break
        if found and _same_statement(found[-1], fact):
            found[-1] = fact
        else:
            found.append(fact)
    return found


def _same_statement(one: Fact, other: Fact) -> bool:
    said = ("version", "value", "valid_from", "valid_to", "withdrawn", "since_us")
    return all(getattr(one, name) == getattr(other, name) for name in said)


def read_fact(store: Store, id: str, *, as_of: int | None, valid_at: Moment, now_us: int) -> Plain | None:
    """Return the view of the version that answers, or None.

    Without `valid_at`: the one that is true now, and if none is, the one that was learned last.
    """
    latest = store.get(Fact, id, as_of=as_of)
    if latest is None or latest.withdrawn:
        return None
    if valid_at is None and (not latest.ahead or in_force(latest, now_us) in (latest, None)):
        return fact_view(latest)  # Nothing lies over what was learned last.
    versions = versions_of(store, id, as_of)
    fact = true_at(versions, *(valid_at or (now_us, now_us + 1)))
    return None if fact is None else version_view(versions, _index(versions, fact))


def _index(versions: list[Fact], fact: Fact) -> int:
    return next(index for index, one in enumerate(versions) if one is fact)


def believed(
    store: Store, facts: Iterable[Fact], *, as_of: int | None, valid_at: Moment, now_us: int
) -> Iterator[Fact]:
    """Yield for each of the latest versions the one that answers, like `read_fact`, for a query.

    Only a fact that has earlier versions, or speaks of another time, costs a look at its history.
    """
    for latest in facts:
        if latest.withdrawn:
            continue
        if valid_at is None:
            if not latest.ahead or in_force(latest, now_us) is latest:
                yield latest
            else:
                yield true_at(versions_of(store, latest.id, as_of), now_us, now_us + 1) or latest
        elif latest.version > 1:
            fact = true_at(versions_of(store, latest.id, as_of), *valid_at)
            yield from () if fact is None else (fact,)
        elif true_at([latest], *valid_at) is not None:
            yield latest


def history_view(
    store: Store, id: str, *, as_of: int | None, valid_at: Moment, reason_of: Callable[[Fact], str], start: int = 0,
    limit: int | None = None,
) -> tuple[list[Plain], bool]:  # fmt: skip
    """Return versions with the time that is left to each, and whether there are more; with `valid_at` those that
    speak about it."""
    versions = versions_of(store, id, as_of)
    fitting = [
        index for index, fact in enumerate(versions) if valid_at is None or fact.withdrawn or _speaks(fact, valid_at)
    ]
    end = len(fitting) if limit is None else start + limit
    page = [version_view(versions, index) | {"reason": reason_of(versions[index])} for index in fitting[start:end]]
    return page, end < len(fitting)


def _speaks(fact: Fact, moment: tuple[int, int]) -> bool:
    start, end = span_of(fact)
    return start < moment[1] and end > moment[0]


# --- views ----------------------------------------------------------------------------------------


def version_view(versions: list[Fact], index: int) -> Plain:
    """A version with the time that the versions learned later have left to it."""
    fact, latest = versions[index], versions[-1].version
    view = fact_view(fact, latest_version=latest)
    if fact.withdrawn:
        return view
    left, (start, end) = left_of(versions, index), span_of(fact)
    if not left:
        over = true_at(versions, start, start + 1)
        return view | {"spans": [], "superseded_by_version": over.version if over else latest}
    closed_us = left[-1][1]
    if closed_us < end:
        after = true_at(versions, closed_us, closed_us + 1)
        view["superseded_by_version"] = after.version if after else latest
    spans = [[_bound(a, versions, fact), _bound(b, versions, fact)] for a, b in left]
    return view | {"valid_from": spans[0][0], "valid_to": spans[-1][1], "spans": spans}


def _bound(at_us: int, versions: list[Fact], fact: Fact) -> str | None:
    """The end of a stretch, as it was written by whichever version set it."""
    if at_us in (EVER_US, FOREVER_US):
        return None
    written = (text for one in (fact, *reversed(versions)) for text in (one.valid_from, one.valid_to))
    return bound_text(at_us, *written)


def not_found(kind: str, key: str, when: str, store: Store) -> QuarterdeckError:
    """Say why there is no answer: never known, taken back, or not true then."""
    latest = store.get(Fact, f"{kind}/{key}")
    hint = f"quarterdeck fact query {kind}" if latest is None else f"quarterdeck fact history {kind} {key}"
    gone = " (it was taken back)" if latest is not None and latest.withdrawn else ""
    return QuarterdeckError("not_found", f"no fact {kind}/{key}{when}{gone}", hint=hint)
