"""The daemon: kernel and store in one process, the only writer of the log.

Start    launch line -> store opened and verified -> sockets -> settings and steering files -> work of the last
         life taken up -> connection file. From then on it answers.
End      SIGTERM or system.shutdown: no new requests, the queue written, the log closed, the connection file gone.
         A kill at any moment is as good, only slower to start from.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path

import msgspec
import zmq.asyncio

from quarterdeck_protocol import PROTOCOL_VERSION
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, daemon_file, write_connection
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.messages import ROLES, Role

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
from .keeper import Keeper
from .keeping_rules import keeper_for
from .launch import Launch, end_with_parent, receive_launch
from .logs import fields, set_up_logging
from .model_desk import ModelDesk
from .recall import Recall
from .reception import Reception
from .report_notices import announce_reports
from .role_feeds import RoleFeeds, announce, withdraw
from .rpc import Handler, Rpc
from .steering import configure, examine_runs, load, watch
from .supervisor_link import SupervisorLink
from .workspace import load_config

LOCK_WAIT_S = 5.0  # The daemon before us may still be dying.
DRAIN_S = 2.0
DOOR_POLL_S = 1.0

log = logging.getLogger("quarterdeck.daemon")


def role_tokens(operator_token: str) -> dict[str, Role]:
    """Return role by token. Lesser tokens are derived from the operator's, one way."""
    assert operator_token, "an empty token would let everybody in"
    tokens: dict[str, Role] = {operator_token: "operator"}
    for role in ROLES[:-1]:
        tokens[hmac.new(operator_token.encode(), role.encode(), hashlib.sha256).hexdigest()] = role
    return tokens


class Daemon:
    """Wires the parts together; `run` lives until told to end."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._workspace = Path(launch.workspace)
        self._config = load_config(self._workspace)
        self._ended = asyncio.Event()
        self._failure: BaseException | None = None
        self._tokens = role_tokens(launch.operator_token)
        self._events_of: dict[Role, str] = {}

    async def run(self) -> None:
        store = RocksStore.open(self._launch.home, lock_wait_s=LOCK_WAIT_S)
        try:
            await self._live(store)
        finally:
            daemon_file(self._workspace).unlink(missing_ok=True)
            withdraw(daemon_file(self._workspace).parent)
            store.close()
        if self._failure is not None:
            raise self._failure

    async def _live(self, store: RocksStore) -> None:
        context = zmq.asyncio.Context()
        reception = Reception()
        link = SupervisorLink(
            context, self._launch.control, self._launch.token, lambda fence: house.hear_fence(fence)
        )
        hub = Hub(
            self._launch.orders,
            self._launch.process_tokens,
            on_started=lambda order: doing.effect_started(order),
            on_offer=reception.offered,
            on_arrived=reception.arrived,
            kill=link.kill,
            on_indexer=lambda applied: recall.met(applied),
            on_model=lambda model: desk.met(model),
        )
        recall = Recall(store, hub)
        executors = executors_for(hub, self._config.executor)
        doing = Doing(store, hub, recall, wall_clock_us, executors)
        tally = Tally(store)

        def on_events(events: Sequence[Event]) -> None:
            rpc.publish(events)
            feeds.publish(events)
            recall.notice(events)
            tally.notice(events)
            keeper.notice(events)
            shelf.notice(events)
            doing.notice(events)
            desk.notice(events)
            if house.capturing is not None:
                house.capturing.notice(events)

        engine = Engine(store, on_events=on_events, on_needs=doing.see_to)
        doing.attach(engine)
        house = House(
            self._workspace,
            self._config,
            CallerStore(store),
            engine,
            doing,
            hub,
            recall,
            link,
            tally,
            end=self._ended.set,
        )
        desk = house.models = ModelDesk(
            store,
            hub,
            engine,
            link,
            self._workspace,
            self._config.models,
            self._config.routes,
            stopped=lambda: house.stopped,
            in_force=lambda: house.in_force,
        )
        doing.lane = desk.ask
        keeper = house.keeper = keeper_for(house)
        shelf = house.shelf = FactShelf(store)
        if self._config.memory.capture:
            house.capturing = Capturing(store, hub, engine, self._config.workspace)
        reception.attach(house)
        rpc = Rpc(
            context,
            rpc=self._launch.rpc,
            events=self._launch.events,
            role_of=self._role_of,
            handlers=_handler_table(house),
            settled=engine.settled,
        )
        feeds = RoleFeeds(context, store, self._launch.events)
        self._events_of = feeds.endpoints
        hub.bind(context)
        tasks = [self._guarded(work) for work in (engine.run(), hub.run(), recall.run(), link.run())]
        await configure(house, self._config)
        await desk.configure()
        await load(house)
        await examine_runs(house)
        doing.see_to(all_needs(store))
        tasks += [
            self._guarded(work)
            for work in (rpc.serve(), watch(house), watch_grants(house), keeper.run(), house.forgetting.run())
        ]
        tasks += [self._guarded(work) for work in (keep_heads(house), announce_reports(house), executors.run())]
        if house.capturing is not None:
            tasks.append(self._guarded(house.capturing.run()))
        self._announce()
        tasks.append(self._guarded(self._keep_door()))
        log.info("ready", extra={"fields": {"seq": store.head.seq}})
        await self._ended.wait()
        await recall.note_position()
        await self._wind_down(engine, keeper, tasks)
        rpc.close()
        feeds.close()
        link.close()
        context.destroy(0)

    def _role_of(self, token: str) -> Role | None:
        found: Role | None = None
        for known, role in self._tokens.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = role
        return found

    def _guarded(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run one of the daemon's own loops; if it ends, so does the daemon."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._loop_ended)
        return task

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a loop of the daemon ended", exc_info=error)
            self._failure = error
            self._ended.set()

    async def _wind_down(self, engine: Engine, keeper: Keeper, tasks: list[asyncio.Task[None]]) -> None:
        if self._failure is None:
            await asyncio.wait_for(keeper.flush(), DRAIN_S)
            await asyncio.wait_for(engine.drained(), DRAIN_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _announce(self) -> None:
        """Say where we are, for whoever may read our files."""
        lesser = {role: token for token, role in self._tokens.items() if role != "operator"}
        _write_private(self._launch.home / "run" / "tokens.json", msgspec.json.encode(lesser))
        connection = ConnectionFile(
            protocol=PROTOCOL_VERSION,
            pid=os.getpid(),
            workspace=str(self._workspace),
            rpc=self._launch.rpc,
            events=self._launch.events,
            token=self._launch.operator_token,
            control=self._launch.control,
            supervisor=self._launch.supervisor_pid,
        )
        announce(daemon_file(self._workspace).parent, connection, self._tokens, self._events_of)
        write_connection(daemon_file(self._workspace), connection)

    async def _keep_door(self) -> None:
        """Stay reachable: write a removed connection file again; for a removed socket, end, to be bound anew.

        Raises QuarterdeckError `unavailable` when a socket's file is gone: nobody new could connect.
        """
        sockets = [Path(address.removeprefix("ipc://")) for address in (self._launch.rpc, self._launch.events)]
        while True:
            await asyncio.sleep(DOOR_POLL_S)
            for path in sockets:
                if not path.exists():
                    raise QuarterdeckError("unavailable", f"{path} was removed", hint="It is bound again at once.")
            if not daemon_file(self._workspace).exists():
                log.warning("the connection file was removed; written again")
                self._announce()

    def end(self) -> None:
        self._ended.set()


def _write_private(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


def _handler_table(house: House) -> dict[str, Handler]:
    table: dict[str, Handler] = {}
    for make in HANDLERS:
        table |= make(house)
    return {method: guarded(house.engine.store, house.engine.execute, handler) for method, handler in table.items()}


async def _main(launch: Launch) -> None:
    daemon = Daemon(launch)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.end)
    await daemon.run()


def main() -> None:
    launch = receive_launch()
    set_up_logging("daemon")
    end_with_parent()
    gc.freeze()  # What is loaded stays; no request waits while it is looked through for garbage.
    try:
        asyncio.run(_main(launch))
    except QuarterdeckError as error:
        # Refused, not broken: a locked or damaged log, say. `up` reads this line and shows it.
        log.critical(error.message, extra=fields(code=error.code, hint=error.hint))
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
