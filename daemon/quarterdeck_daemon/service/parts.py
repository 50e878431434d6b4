"""The parts of a daemon, who hears of what from whom, and what each of them does for as long as the daemon lives.

Owns     their making, in the order in which one needs the other, and their end.
Leaves   when each begins, and what happens when one of their loops ends, to daemon.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

import zmq.asyncio

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.messages import Role

from ..core.kernel import all_needs
from ..store.rocks import RocksStore
from .callers import CallerStore, guarded
from .capturing import Capturing
from .doing import Doing
from .engine import Engine, wall_clock_us
from .executors.settings import executors_for
from .fact_shelf import FactShelf
from .granting import watch_grants
from .handlers import HANDLERS
from .heads import keep_heads
from .house import House, Tally
from .hub import Hub
from .keeping_rules import keeper_for
from .launch import Launch
from .model_desk import ModelDesk
from .recall import Recall
from .reception import Reception
from .report_notices import announce_reports
from .role_feeds import RoleFeeds
from .rpc import Handler, Rpc
from .steering import configure, examine_runs, load, watch
from .supervisor_link import SupervisorLink
from .workspace import Config

Loop = Coroutine[None, None, None]


class Parts:
    """role_of: whose token it is.  end: ends the daemon."""

    def __init__(
        self, launch: Launch, config: Config, store: RocksStore, *,
        role_of: Callable[[str], Role | None], end: Callable[[], None],
    ) -> None:  # fmt: skip
        self._launch, self._config, self._store = launch, config, store
        self._workspace = Path(launch.workspace)
        self.context = zmq.asyncio.Context()
        self.reception = Reception()
        self.link = SupervisorLink(
            self.context, launch.control, launch.token, lambda fence: self.house.hear_fence(fence)
        )
        self.hub = self._hub()
        self.recall = Recall(store, self.hub)
        self.executors = executors_for(self.hub, config.executor)
        self.doing = Doing(store, self.hub, self.recall, wall_clock_us, self.executors)
        self.tally = Tally(store)
        self.engine = Engine(store, on_events=self._tell, on_needs=self.doing.see_to)
        self.doing.attach(self.engine)
        self.house = self._house(end)
        self.desk = self.house.models = self._desk()
        self.doing.lane = self.desk.ask
        self.keeper = self.house.keeper = keeper_for(self.house)
        self.shelf = self.house.shelf = FactShelf(store)
        if config.memory.capture:
            self.house.capturing = Capturing(store, self.hub, self.engine, config.workspace)
        self.reception.attach(self.house)
        self.rpc = Rpc(
            self.context, rpc=launch.rpc, events=launch.events, role_of=role_of, handlers=_handlers(self.house),
            settled=self.engine.settled,
        )  # fmt: skip
        self.feeds = RoleFeeds(self.context, store, launch.events)

    def _hub(self) -> Hub:
        """Those who hear from processes are made after it: they are looked up when something is heard."""
        return Hub(
            self._launch.orders,
            self._launch.process_tokens,
            on_started=lambda order: self.doing.effect_started(order),
            on_offer=self.reception.offered,
            on_arrived=self.reception.arrived,
            kill=self.link.kill,
            on_indexer=lambda applied: self.recall.met(applied),
            on_model=lambda model: self.desk.met(model),
        )

    def _house(self, end: Callable[[], None]) -> House:
        return House(
            self._workspace, self._config, CallerStore(self._store), self.engine, self.doing, self.hub, self.recall,
            self.link, self.tally, end=end,
        )  # fmt: skip

    def _desk(self) -> ModelDesk:
        return ModelDesk(
            self._store, self.hub, self.engine, self.link, self._workspace, self._config.models, self._config.routes,
            stopped=lambda: self.house.stopped, in_force=lambda: self.house.in_force,
        )  # fmt: skip

    def _tell(self, events: Sequence[Event]) -> None:
        """Whoever hears of what was written; the clients first."""
        self.rpc.publish(events)
        self.feeds.publish(events)
        for part in (self.recall, self.tally, self.keeper, self.shelf, self.doing, self.desk):
            part.notice(events)
        if self.house.capturing is not None:
            self.house.capturing.notice(events)

    def first_loops(self) -> list[Loop]:
        """What the settings and files are read with."""
        return [self.engine.run(), self.hub.run(), self.recall.run(), self.link.run()]

    async def take_up(self) -> None:
        """Read the settings and the steering files, then go on with the work of the last life."""
        await configure(self.house, self._config)
        await self.desk.configure()
        await load(self.house)
        await examine_runs(self.house)
        self.doing.see_to(all_needs(self._store))

    def loops(self) -> list[Loop]:
        """What else goes on from then."""
        house = self.house
        found = [self.rpc.serve(), watch(house), watch_grants(house), self.keeper.run(), house.forgetting.run()]
        found += [keep_heads(house), announce_reports(house), self.executors.run()]
        return [*found, *([house.capturing.run()] if house.capturing is not None else [])]

    async def drain(self, timeout_s: float) -> None:
        """Write what is still to be written."""
        await asyncio.wait_for(self.keeper.flush(), timeout_s)
        await asyncio.wait_for(self.engine.drained(), timeout_s)

    def close(self) -> None:
        self.rpc.close()
        self.feeds.close()
        self.link.close()
        self.context.destroy(0)


def _handlers(house: House) -> dict[str, Handler]:
    table: dict[str, Handler] = {}
    for make in HANDLERS:
        table |= make(house)
    return {method: guarded(house.engine.store, house.engine.execute, handler) for method, handler in table.items()}
