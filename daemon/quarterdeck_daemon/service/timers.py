"""Timers: tell the kernel when a moment has come that something waits for.

The moment is wall-clock time, since it must mean the same after a restart; the waiting is measured by the
monotonic clock, so that a jump of the wall clock neither releases a mail early nor holds it for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SLEEP_MAX_S = 86_400.0  # Longer waits are taken in turns; event loops dislike years.


class Timers:
    def __init__(self, fire: Callable[[str, int], None], now_us: Callable[[], int]) -> None:
        self._fire = fire
        self._now_us = now_us
        self._handles: dict[tuple[str, int], asyncio.TimerHandle] = {}

    def set(self, entity: str, at_us: int) -> None:
        """Fire once for this entity and moment; setting the same again changes nothing."""
        key = (entity, at_us)
        if key not in self._handles:
            self._arm(key, max(0, at_us - self._now_us()) / 1_000_000)

    def _arm(self, key: tuple[str, int], left_s: float) -> None:
        step = min(left_s, SLEEP_MAX_S)
        loop = asyncio.get_running_loop()
        self._handles[key] = loop.call_later(step, self._due, key, left_s - step)

    def _due(self, key: tuple[str, int], left_s: float) -> None:
        if left_s > 0:
            self._arm(key, left_s)
            return
        del self._handles[key]
        self._fire(*key)

    def __len__(self) -> int:
        return len(self._handles)
