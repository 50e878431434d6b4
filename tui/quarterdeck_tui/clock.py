"""Time, handed in: wall clock for ages and countdowns, monotonic for the guard."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Wall time in microseconds since 1970 UTC, and monotonic milliseconds."""

    now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    mono_ms: Callable[[], float] = lambda: time.monotonic() * 1000

    def local(self) -> datetime:
        """The wall clock in the operator's time zone."""
        return datetime.fromtimestamp(self.now_us() / 1_000_000).astimezone()


def span(seconds: float) -> str:
    """Return a length of time in at most four characters: `4s`, `9m`, `17h`, `3d`, `12w`."""
    whole = int(max(seconds, 0))
    for size, unit in ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m")):
        if whole >= 2 * size or (whole >= size and unit != "w"):
            return f"{whole // size}{unit}"
    return f"{whole}s"


def age(at_us: int | None, now_us: int) -> str:
    return "-" if at_us is None else span((now_us - at_us) / 1_000_000)


def due(at_us: int | None, now_us: int) -> str:
    if at_us is None:
        return "-"
    return "late" if at_us < now_us else span((at_us - now_us) / 1_000_000)
