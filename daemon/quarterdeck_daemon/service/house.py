"""The house: what the handlers of requests share."""

from __future__ import annotations

import asyncio
import bisect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.actions import settings_of
from ..core.commands import Command, EngageStop, ReleaseStop
from ..core.entities import Fact, Plain, Stop
from ..store.api import Store
from .doing import Doing
from .engine import Engine
from .fence import Fence
from .hub import Hub
from .recall import Recall
from .rpc import Asked
from .supervisor_link import SupervisorLink
from .workspace import Config

FUTURE_US = 60_000_000  # Clocks of two programs may differ by so much.
FIRST_OFFER_WAIT_S = 3.0


class Tally:
    """Counts for the status line, kept from events instead of counted anew."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._facts: int | None = None

    def notice(self, events: Sequence[Event]) -> None:
        if self._facts is not None:
            self._facts += sum(event.kind == "fact.asserted" and event.body.get("version") == 1 for event in events)

    @property
    def facts(self) -> int:
        if self._facts is None:
            self._facts = sum(1 for _ in self._store.scan(Fact))
        return self._facts


@dataclass
class House:
    """Everything a handler may use. `end` ends the daemon."""

    workspace: Path
    config: Config
    store: Store
    engine: Engine
    doing: Doing
    hub: Hub
    recall: Recall
    link: SupervisorLink
    tally: Tally
    started_s: float = field(default_factory=time.monotonic)
    alerts: dict[str, Plain] = field(default_factory=dict)
    end: Callable[[], None] = lambda: None
    first_offer_s: float | None = None  # When connectors first said what they see.
    fence_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def stopped(self) -> bool:
        stop = self.store.get(Stop, "stop")
        return stop is not None and stop.engaged

    @property
    def offered(self) -> bool:
        """Whether connectors have had their say: they made an offer, or had time enough to make one."""
        return self.first_offer_s is not None or time.monotonic() - self.started_s > FIRST_OFFER_WAIT_S

    @property
    def hold_us(self) -> int:
        return settings_of(self.store).hold_us

    async def hear_fence(self, fence: Fence) -> None:
        """Record what the supervisor did to the fence, unless the log says so already."""
        async with self.fence_lock:
            stop = self.store.get(Stop, "stop")
            if fence.epoch <= (stop.epoch if stop else 0):
                return
            if fence.stopped:
                self.hub.drop("effector")
                await self.engine.execute(
                    EngageStop(epoch=fence.epoch, reason=fence.reason, by=fence.by), actor=fence.by
                )
            else:
                await self.engine.execute(
                    ReleaseStop(epoch=fence.epoch, reason=fence.reason, by=fence.by), actor=fence.by
                )

    async def change(self, asked: Asked, command: Command) -> tuple[Plain, int]:
        """Have the kernel decide for this caller. Returns (reply, seq)."""
        done = await self.engine.execute(
            command, actor=asked.actor, request_id=asked.request_id, body_hash=asked.body_hash
        )
        return {**done.reply, "seq": done.seq}, done.seq

    def position(self, as_of: int | str | None) -> int | None:
        """Return the log position for `as_of`: a position, an ISO time, or None for now.

        Raises QuarterdeckError `out_of_range` for a position outside the log, `bad_value` for no time.
        """
        if as_of is None:
            return None
        head = self.store.head.seq
        if isinstance(as_of, int):
            if not 0 <= as_of <= head:
                raise QuarterdeckError(
                    "out_of_range", f"the log goes from 0 to {head}, not to {as_of}", details={"head": head}
                )
            return as_of
        at_us = time_us(as_of)
        if at_us > self.engine.now_us() + FUTURE_US:
            raise QuarterdeckError("out_of_range", f"{as_of} is still to come", details={"head": head})
        return bisect.bisect_right(range(1, head + 1), at_us, key=self._at_us)

    def _at_us(self, seq: int) -> int:
        event = self.store.event(seq)
        assert event is not None, "the log has no holes"
        return event.at_us


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
