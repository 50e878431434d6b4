"""The house: what the handlers of requests share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck_protocol.events import Event

from ..core.commands import Command, EngageStop, ReleaseStop
from ..core.entities import Fact, Origin, Plain, Stop
from ..core.settings import settings_of
from ..store.api import Store
from .capturing import Capturing
from .doing import Doing
from .echo import Echo
from .engine import Engine
from .fact_shelf import FactShelf
from .fence import Fence
from .forgetting import Forgetting
from .hub import Hub
from .keeper import Keeper
from .model_desk import ModelDesk
from .positions import Positions
from .positions import time_us as time_us
from .recall import Recall
from .rpc import Asked
from .supervisor_link import SupervisorLink
from .uploads import Uploads
from .workspace import Config

FIRST_OFFER_WAIT_S = 3.0


class Tally:
    """Counts for the status line, kept from events instead of counted anew."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._facts: int | None = None
        self._some_taken_back = False

    def forget(self) -> None:
        """Count anew when asked next: something was erased."""
        self._facts = None

    def notice(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind == "fact.asserted" and event.body.get("version") == 1:
                self._facts = self._facts + 1 if self._facts is not None else None
            elif event.kind == "fact.retracted" or (event.kind == "fact.asserted" and self._some_taken_back):
                self._facts, self._some_taken_back = None, True  # Counted anew when somebody asks.

    @property
    def facts(self) -> int:
        if self._facts is None:
            self._facts = sum(fact.canonical for fact in self._store.scan(Fact))
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
    keeper: Keeper | None = None
    echo: Echo = field(default_factory=Echo)
    capturing: Capturing | None = None  # None: switched off.
    shelf: FactShelf | None = None  # None: nobody tells it what changes.
    models: ModelDesk | None = None  # None: nobody answers.
    uploads: Uploads = field(default_factory=Uploads)
    rewind_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    in_force: Config = field(init=False)  # The settings as they were read last: of these, grants and limits hold.
    positions: Positions = field(init=False)
    forgetting: Forgetting = field(init=False)

    def __post_init__(self) -> None:
        self.in_force = self.config
        self.positions = Positions(self.store, self.engine.now_us)
        self.forgetting = Forgetting(
            self.store, self.engine, self.recall, self.workspace, on_erased=self.tally.forget
        )

    @property
    def stopped(self) -> bool:
        stop = self.store.get(Stop, "stop")
        return stop is not None and stop.engaged

    @property
    def offered(self) -> bool:
        """Whether connectors have had their say: they made an offer, or had time enough to make one."""
        return self.first_offer_s is not None or time.monotonic() - self.started_s > FIRST_OFFER_WAIT_S

    @property
    def forked_at(self) -> int:
        """Where the origin's log ends and our own begins; 0 when this is no fork."""
        origin = self.store.get(Origin, "workspace")
        return origin.at_seq if origin is not None else 0

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

    def note_shown(self, items: Sequence[Plain]) -> None:
        """Somebody was shown these hits: they are of use, and coming back they are no news."""
        memories = [(str(one["id"]), str(one["text"])) for one in items if str(one["id"])[:1] == "m"]
        if self.keeper is not None:
            self.keeper.shown(id for id, _ in memories)
        for id, text in memories:
            self.echo.shown(id, text)

    async def change(self, asked: Asked, command: Command) -> tuple[Plain, int]:
        """Have the kernel decide for this caller. Returns (reply, seq)."""
        done = await self.engine.execute(
            command, actor=asked.actor, request_id=asked.request_id, body_hash=asked.body_hash
        )
        return {**done.reply, "seq": done.seq}, done.seq

    def position(self, as_of: int | str | None) -> int | None:
        """Return the log position for `as_of`: a position, an ISO time, a snapshot's name, or None for now.

        A position within a command is read as that after it: no state ever was half of one.
        Raises QuarterdeckError `out_of_range` for a position outside the log, `bad_value` for no time and no name.
        """
        position = self.positions.of(as_of)
        return self.positions.command_whole(position) if position is not None and isinstance(as_of, int) else position
