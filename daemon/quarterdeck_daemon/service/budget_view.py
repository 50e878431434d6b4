"""Limits as rows for people: what holds, what is used and reserved, what is left, who waits."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ..core.entities import Amounts, Cap, Limits, Meter, Plain, Run
from ..core.limits import add, caps_of, ends, limits_of, raised, rule_of, span_of
from .house import House
from .views import iso


def budget_rows(house: House, as_of: int | None = None) -> list[Plain]:
    """Every limit: those that were met first, then those of the settings that nobody has met yet."""
    now = house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0
    limits = house.store.get(Limits, "workspace", as_of=as_of) if as_of is not None else limits_of(house.store)
    limits = limits or Limits(id="workspace")
    rows: list[Plain] = []
    met: set[str] = set()
    for meter in _meters(house, as_of):
        met.add(meter.id)
        rows += _rows(limits, meter, now)
    for rule in limits.rules:
        if rule.of not in met:
            rows += _rows(limits, Meter(id=rule.of), now)
    return rows


def _meters(house: House, as_of: int | None) -> Iterator[Meter]:
    """Of all but runs, which are many; of runs, those that have not ended."""
    for kind in ("agent:", "connector:", "model:", "purpose:", "workspace"):
        yield from house.store.scan(Meter, prefix=kind, as_of=as_of)
    for run in house.store.live(Run):
        meter = house.store.get(Meter, f"run:{run.id}", as_of=as_of)
        if meter is not None:
            yield meter


def _rows(limits: Limits, meter: Meter, now: int) -> list[Plain]:
    rule = rule_of(limits, meter.id)
    common: Plain = {"id": meter.id, "in_use": meter.in_use, "waiting": meter.waiting}
    rows: list[Plain] = []
    if rule is not None and rule.at_once:
        rows.append({**common, "per": "at once", "at_once": rule.at_once})
    return rows + [{**common, **_cap(meter, cap, now)} for cap in caps_of(limits, meter, meter.id)]


def _cap(meter: Meter, cap: Cap, now: int) -> Plain:
    span = span_of(meter, cap.per, now)
    most = raised(cap, span.more)
    until = ends(cap.per, now)
    return {
        "per": cap.per,
        "over": cap.over,
        "limit": _plain(most),
        "used": _plain(span.used),
        "reserved": _plain(span.reserved),
        "left": _plain(_left(most, add(span.used, span.reserved))),
        "ends_at": iso(until) if until is not None else None,
    }


def _left(most: Amounts, taken: Amounts) -> Amounts:
    """Of what is limited, the rest; of what is not, nothing that could be told."""
    rest = add(most, taken, -1)
    return Amounts(**{name: getattr(rest, name) if getattr(most, name) else 0 for name in Amounts.__struct_fields__})


def _plain(amounts: Amounts) -> Plain:
    return {name: getattr(amounts, name) for name in msgspec.structs.asdict(Amounts())}
