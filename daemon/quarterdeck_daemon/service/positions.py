"""Positions of the log: what a sequence, a time or the name of a snapshot means.

A position is the number of an event; reading as of it shows what was known when that event had happened.

A time means the last event up to which nothing is later than that time. Clocks are set back now and then, so the
times of events are not in order; then "later" counts: what was written after the clock had been set back, at a
repeated hour, is found under the second of the two, when the clock had passed all that it had shown before. So a
later time never means an earlier position. The kernel records each setting back (`clock.set_back`), which makes
the search one of a few steps: between two such marks times are in order.
"""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Callable
from datetime import UTC, datetime

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import ClockMark, Snapshot
from ..store.api import Store

FUTURE_US = 60_000_000  # Clocks of two programs may differ by so much.
SNAPSHOT_PREFIX = "snapshot:"  # Optional; says that a name is meant.
NOW = "now"  # No snapshot has this name.
COMMAND_EVENTS_MAX = 50_000
HINT = (
    "Write a sequence number, a time like 2026-11-20T14:05:12Z, now, or a snapshot's name; "
    "on the command line also 2h, `yesterday 14:00` or `last tuesday`."
)


class Positions:
    """Finds positions in one log. Keeps the marks of the clock that it has read."""

    def __init__(self, store: Store, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us
        self._marks: list[ClockMark] = []

    def of(self, moment: int | str | None) -> int | None:
        """Return the position, None for now.

        Raises QuarterdeckError `out_of_range` outside the log, `bad_value` for what is neither time nor name.
        """
        if moment is None:
            return None
        head = self._store.head.seq
        if isinstance(moment, int):
            if not 0 <= moment <= head:
                raise QuarterdeckError(
                    "out_of_range",
                    f"the log goes from 0 to {head}, not to {moment}",
                    hint="See where it stands: quarterdeck status",
                    details={"head": head},
                )
            return moment
        if moment == NOW:
            return head
        at_us = _iso_us(moment)
        return self._named(moment) if at_us is None else self.at_time(at_us, moment)

    def at_time(self, at_us: int, said: str = "") -> int:
        """Return the last position up to which nothing happened after `at_us`."""
        head = self._store.head.seq
        if at_us > self._now_us() + FUTURE_US:
            raise QuarterdeckError("out_of_range", f"{said or at_us} is still to come", details={"head": head})
        self._read_marks()
        return bisect.bisect_right(range(1, head + 1), at_us, key=self._latest_us)

    def at_us(self, seq: int) -> int | None:
        """When the event of this position happened; None for 0."""
        event = self._store.event(seq)
        return event.at_us if event is not None else None

    def command_end(self, seq: int) -> int:
        """Return the last position up to `seq` at which no command was half recorded.

        A command is one commit, so inside of one there is no state to go back to. All its events have one time.
        """
        head, end = self._store.head.seq, seq
        while 0 < end < head and seq - end < COMMAND_EVENTS_MAX and self.at_us(end) == self.at_us(end + 1):
            end -= 1
        return end

    def command_whole(self, seq: int) -> int:
        """Return the position after the whole command of which this event is a part, for reading.

        Its events became true together, so what is shown after one of them is shown after all of them. They have one
        time, one actor and one cause.
        """
        head, end = self._store.head.seq, seq
        while 0 < end < head and end - seq < COMMAND_EVENTS_MAX and self._together(end, end + 1):
            end += 1
        return end

    def _together(self, one: int, other: int) -> bool:
        a, b = self._store.event(one), self._store.event(other)
        assert a is not None, "the log has no holes"
        assert b is not None, "the log has no holes"
        return a.at_us == b.at_us and a.cause == b.cause

    def _latest_us(self, seq: int) -> int:
        """The latest time of all events up to this one."""
        event = self._store.event(seq)
        assert event is not None, "the log has no holes"
        before = bisect.bisect_right(self._marks, seq, key=lambda mark: mark.seq)
        return max(event.at_us, self._marks[before - 1].highest_us) if before else event.at_us

    def _read_marks(self) -> None:
        last = self._marks[-1].id if self._marks else None
        self._marks += self._store.scan(ClockMark, after=last)

    def _named(self, name: str) -> int:
        snapshot = self._store.get(Snapshot, name.removeprefix(SNAPSHOT_PREFIX)) if name else None
        if snapshot is not None and not snapshot.removed:
            return snapshot.at_seq
        names = [one.id for one in self._store.scan(Snapshot) if not one.removed]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else HINT
        raise QuarterdeckError(
            "bad_value", f"{name[:80]!r} is no ISO 8601 time and no snapshot has this name", hint=hint
        )


def _iso_us(text: str) -> int | None:
    """Microseconds of an ISO time, None when it is none."""
    try:
        return time_us(text)
    except QuarterdeckError:
        return None


def time_us(text: str) -> int:
    """Return microseconds for an ISO 8601 time; without a zone it is UTC. Raises QuarterdeckError `bad_value`."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise QuarterdeckError(
            "bad_value", f"{text!r} is no ISO 8601 time", hint="Like 2026-11-20T14:05:12Z."
        ) from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return int(when.timestamp() * 1_000_000)
