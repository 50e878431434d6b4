"""What deciding costs the operator: counted from the decisions, day by day.

A face that tells since when something was shown is measured; for the others an estimate stands, and is called one. Time
beyond ATTENTION_US_MAX is not counted: nobody looks at one thing for longer, they went for coffee.
"""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.events import Event

from ..almanac.zones import wall, zone_of
from .entities import Attention, Plain
from .settings import settings_of
from .table import Draft, Table
from .turn import Applier, Turn

ATTENTION_US_MAX = 600_000_000
ESTIMATE_MS = 20_000  # For a decision of which nobody told how long it was shown.
DECISIONS_PER_DAY = 15  # What a day should ask at most.
MINUTES_PER_DAY = 10
HIGH_KEPT = 60  # Also the most that a minute can be limited to.

replace = msgspec.structs.replace


def day_name(table: Table, at_us: int) -> str:
    """The day of a moment in the workspace's zone, as `2026-11-21`."""
    return wall(at_us, zone_of(settings_of(table).timezone)).date().isoformat()


def attention_ms(shown_us: int | None, now_us: int, items: int) -> int | None:
    """How long each of the items was looked at; None when nobody told, or told a time to come."""
    if shown_us is None or not now_us - shown_us >= 0:
        return None
    return min(now_us - shown_us, ATTENTION_US_MAX) // 1_000 // max(items, 1)


def spent_ms(day: Attention) -> int:
    """Measured time, and the estimate for the rest."""
    return day.measured_ms + (day.decided - day.measured) * ESTIMATE_MS


def lately_high(table: Table, now_us: int) -> tuple[int, ...]:
    """When risky actions were approved lately, oldest first; also shortly before midnight."""
    days = dict.fromkeys((day_name(table, now_us - ATTENTION_US_MAX), day_name(table, now_us)))
    return tuple(at for day in days if (found := table.get(Attention, day)) is not None for at in found.high_us)


def note(turn: Turn, decision: str, *, high: bool = False, ms: int | None = None) -> None:
    """One decision was made. Noted by itself and in clear: it names nobody, so that the count outlasts a forgetting."""
    body: Plain = {"decision": decision, "day": day_name(turn.draft, turn.env.now_us)}
    body |= {"high": True} if high else {}
    body |= {"ms": ms} if ms is not None else {}
    turn.emit("attention.noted", body)


def _noted(draft: Draft, event: Event) -> None:
    id, word, ms = str(event.body["day"]), str(event.body["decision"]), event.body.get("ms")
    day = draft.get(Attention, id) or Attention(id=id)
    draft.put(
        replace(
            day,
            seq=event.seq,
            decided=day.decided + 1,
            measured=day.measured + (ms is not None),
            measured_ms=day.measured_ms + (ms if isinstance(ms, int) else 0),
            counts={**day.counts, word: day.counts.get(word, 0) + 1},
            high_us=(*day.high_us, event.at_us)[-HIGH_KEPT:] if event.body.get("high") else day.high_us,
        )
    )


APPLY: dict[str, Applier] = {"attention.noted": _noted}
