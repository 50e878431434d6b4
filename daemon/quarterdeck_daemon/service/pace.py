"""Pace: long walks over the state in small slices, between which others are served."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from ..core.entities import Entity
from ..store.api import Store

SLICE_MS = 4.0  # Work at a stretch; a request that comes meanwhile waits no longer.
REST_S = 0.002
BUSY_LOOK_S = 0.05
BUSY_WAIT_S = 10.0  # In a house that is never idle the walk goes on nevertheless.
READ_AT_ONCE = 200

E = TypeVar("E", bound=Entity)


class Pace:
    """One for each walk. `busy` says whether more urgent work is under way."""

    def __init__(self, store: Store, busy: Callable[[], bool] = lambda: False) -> None:
        self._store = store
        self._busy = busy
        self._slice_s = time.monotonic()
        self.began_s = self._slice_s

    @property
    def took_ms(self) -> int:
        return int((time.monotonic() - self.began_s) * 1000)

    async def rest(self) -> None:
        """Let others have their turn when the slice is over; while there is work, wait for it."""
        if (time.monotonic() - self._slice_s) * 1000 < SLICE_MS:
            return
        await asyncio.sleep(REST_S)
        until = time.monotonic() + BUSY_WAIT_S
        while self._busy() and time.monotonic() < until:
            await asyncio.sleep(BUSY_LOOK_S)
        self._slice_s = time.monotonic()

    async def walk(self, cls: type[E], *, after: str = "") -> AsyncIterator[E]:
        """Yield every entity of the kind by id. What changes meanwhile is seen as it is when its turn comes."""
        cursor: str | None = after or None
        while batch := list(itertools.islice(self._store.scan(cls, after=cursor), READ_AT_ONCE)):
            for entity in batch:
                yield entity
                await self.rest()
            cursor = batch[-1].id
