"""Wall timers: tell the kernel when a moment on the wall has come, for what people planned by the calendar.

A schedule for nine o'clock means nine on the wall, also when the machine slept or its clock was set meanwhile. So the
wall clock is looked at again every few seconds, in contrast to timers.py, which measures a length of time. A moment
that moved into the future by a clock set back is simply not there yet.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

LOOK_S_MAX = 5.0  # A jump of the clock is noticed within this time.
LOOK_S_MIN = 0.001


class WallTimers:
    def __init__(self, fire: Callable[[str, int], None], now_us: Callable[[], int]) -> None:
        self._fire = fire
        self._now_us = now_us
        self._waiting: list[tuple[int, str]] = []
        self._known: set[tuple[int, str]] = set()
        self._handle: asyncio.TimerHandle | None = None

    def set(self, entity: str, at_us: int) -> None:
        """Fire once for this entity and moment; setting the same again changes nothing."""
        if (at_us, entity) not in self._known:
            self._known.add((at_us, entity))
            heapq.heappush(self._waiting, (at_us, entity))
            self._arm()

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._waiting:
            left_s = (self._waiting[0][0] - self._now_us()) / 1_000_000
            delay_s = min(LOOK_S_MAX, max(LOOK_S_MIN, left_s))
            self._handle = asyncio.get_running_loop().call_later(delay_s, self._look)

    def _look(self) -> None:
        self._handle = None
        while self._waiting and self._waiting[0][0] <= self._now_us():
            at_us, entity = heapq.heappop(self._waiting)
            self._known.discard((at_us, entity))
            self._fire(entity, at_us)
        self._arm()

    def __len__(self) -> int:
        return len(self._waiting)
