"""The effector: the only process that touches the outside world, and the only one that sees credentials.

Owns     connectors, the effect journal, the polling of inboxes and folders.
Promises effects of one connector run one by one, each after its own checks (effect_runner.py); a resent order is
         answered from the journal; the loop answers while effects wait for slow servers.
Leaves   all decisions to the daemon, the fence file to the supervisor, which may kill this process at any line.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import zmq
import zmq.asyncio

from quarterdeck_protocol.codes import QuarterdeckError

from ..connectors.base import EffectFailed
from ..connectors.faults import fault, lookup_disabled
from ..connectors.registry import build_connectors, build_sources
from ..core.durations import duration_us
from ..core.orders import (
    Answer,
    DaemonMessage,
    ExecuteEffect,
    Failed,
    Failure,
    FailureClass,
    Hello,
    Kept,
    Order,
    OrderMessage,
    Outcome,
    ProcessMessage,
    ReconcileEffect,
    Started,
    Wanted,
)
from .effect_journal import EffectJournal
from .effect_runner import EffectRunner
from .fence import read_fence
from .launch import Launch, end_with_parent, receive_launch
from .logs import hide, set_up_logging
from .source_reader import SourceReader
from .workspace import Config, load_config

ORDERS_MAX = 256  # Waiting and running; beyond it an order is answered "busy".
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
FILES_POLL_S = 5.0  # Changes are watched as well; this is for what the watch misses.
FILES_FIRST_S = 5.0  # Other sources wait no longer for the first look at the files.
RECONNECT_WAIT_S = 0.1
GRACE_S = 2.0
OPEN_FILES_MAX = 1_024
FILE_BYTES_MAX = 1024 * 1024 * 1024
PR_SET_DUMPABLE = 4

T = TypeVar("T")
log = logging.getLogger("quarterdeck.effector")


class Effector:
    """Speaks to the daemon over one DEALER, which is opened anew (Hello first) when the daemon went away."""

    def __init__(self, launch: Launch, config: Config) -> None:
        workspace = Path(launch.workspace)
        connectors = build_connectors(config, workspace)
        self._launch = launch
        self._runner = EffectRunner(
            connectors, EffectJournal(launch.home / "effects"), lambda: read_fence(launch.home / "fence")
        )
        self._threads = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in connectors}
        self._turns = {name: asyncio.Lock() for name in connectors}
        self._orders: dict[str, asyncio.Task[None]] = {}
        self._context = zmq.asyncio.Context()
        self._socket: zmq.asyncio.Socket | None = None
        polls = {"mail": duration_us(config.mail.inward.poll) / 1e6, "files": FILES_POLL_S}
        self._readers = {
            name: SourceReader(name, source, polls[name], self._send)
            for name, source in build_sources(config, workspace).items()
        }

    async def run(self) -> None:
        """Serve until the process is told to end."""
        watches = [asyncio.create_task(reader.watch()) for reader in self._readers.values()]
        try:
            while True:
                await self._serve_connection()
                await asyncio.sleep(RECONNECT_WAIT_S)
        finally:
            for watch in watches:
                watch.cancel()

    async def finish(self) -> None:
        """Let effects that are on the wire come to their outcome, for a stated time."""
        if self._orders:
            await asyncio.wait(self._orders.values(), timeout=GRACE_S)

    # --- the connection ---------------------------------------------------------------------------

    async def _serve_connection(self) -> None:
        """One connection from Hello to its loss."""
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        socket.connect(self._launch.orders)
        self._socket = socket
        await self._send(Hello(role="effector", pid=os.getpid(), token=self._launch.token))
        tasks = [asyncio.create_task(self._read(name)) for name in self._readers]
        tasks += [asyncio.create_task(self._receive(socket)), asyncio.create_task(_next_event(monitor))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._explain(task)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._socket = None
            socket.disable_monitor()
            socket.close()

    async def _read(self, name: str) -> None:
        """Files first: what they say of offers and rules must be known when the mail of the night is judged by it."""
        files = self._readers.get("files")
        if files is not None and name != "files":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FILES_FIRST_S):
                    await files.looked.wait()
        await self._readers[name].run()

    @staticmethod
    def _explain(task: asyncio.Task[None]) -> None:
        """Log why a connection ends. Only a missing answer and a lost line are ordinary."""
        error = task.exception()
        if error is not None and not isinstance(error, TimeoutError | ConnectionError | zmq.ZMQError):
            raise error
        log.info("connection ends", extra={"fields": {"why": repr(error) if error else "the daemon went away"}})

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            frames = await socket.recv_multipart()
            try:
                message = msgspec.msgpack.decode(frames[-1], type=DaemonMessage)
            except msgspec.DecodeError as error:
                log.error("a message of the daemon does not parse", extra={"fields": {"error": str(error)}})
                continue
            match message:
                case OrderMessage(order=order):
                    self._take_order(order)
                case Wanted() if message.connector in self._readers:
                    self._readers[message.connector].wanted(message)
                case Kept():
                    for reader in self._readers.values():
                        reader.kept(message)

    async def _send(self, message: ProcessMessage) -> None:
        """Raises ConnectionError between two connections."""
        if self._socket is None:
            raise ConnectionError("there is no connection to the daemon")
        await self._socket.send_multipart([b"", msgspec.msgpack.encode(message)])

    # --- orders -----------------------------------------------------------------------------------

    def _take_order(self, order: Order) -> None:
        """Begin an order. One that is already being done is not begun twice."""
        if order.id in self._orders:
            return
        full = len(self._orders) >= ORDERS_MAX
        task = asyncio.create_task(self._refuse(order) if full else self._do(order))
        self._orders[order.id] = task
        task.add_done_callback(lambda _: self._ended(order, task))

    def _ended(self, order: Order, task: asyncio.Task[None]) -> None:
        del self._orders[order.id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an order broke; its deadline will tell the daemon", exc_info=error)

    async def _do(self, order: Order) -> None:
        work = order.work
        if not isinstance(work, ExecuteEffect | ReconcileEffect):
            await self._answer(order, _refusal("contract", "wrong_role", "the effector does no such work"))
        elif work.connector not in self._turns:
            await self._answer(
                order, _refusal("contract", "unknown_verb", f"there is no connector {work.connector!r}")
            )
        else:
            async with self._turns[work.connector]:
                await self._answer(order, await self._carry(order.id, work))

    async def _carry(self, order_id: str, work: ExecuteEffect | ReconcileEffect) -> Outcome:
        if isinstance(work, ReconcileEffect):
            return await self._in_thread(work.connector, lambda: self._runner.reconcile(work))
        outcome = await self._in_thread(work.connector, lambda: self._runner.prepare(work))
        if outcome is not None:
            return outcome
        with suppress(ConnectionError):  # The notice is lost; the answer or a later look tells more.
            await self._send(Started(id=order_id))
        fault("effect.after_started")
        return await self._in_thread(work.connector, lambda: self._runner.carry_out(work))

    async def _in_thread(self, connector: str, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads[connector], call)

    async def _answer(self, order: Order, outcome: Outcome) -> None:
        with suppress(ConnectionError):  # The daemon asks again, and the journal answers.
            await self._send(Answer(id=order.id, outcome=outcome))

    async def _refuse(self, order: Order) -> None:
        await self._answer(order, _refusal("transient", "busy", f"{ORDERS_MAX} orders are waiting"))


async def _next_event(monitor: zmq.asyncio.Socket) -> None:
    """Return when the connection was lost."""
    await monitor.recv_multipart()


def _refusal(failure: FailureClass, code: str, message: str) -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message))


def harden() -> None:
    """Limit what a bug here could cost, and keep the memory, which holds passwords, out of core dumps."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: OPEN_FILES_MAX, resource.RLIMIT_FSIZE: FILE_BYTES_MAX}
    for what, wanted in limits.items():
        _, hard = resource.getrlimit(what)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(what, (value, hard))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


async def serve(launch: Launch, config: Config) -> None:
    """Run until SIGTERM."""
    effector = Effector(launch, config)
    running = asyncio.create_task(effector.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running
    await effector.finish()


def main() -> None:
    launch = receive_launch()
    set_up_logging("effector")
    hide(launch.token)
    end_with_parent()
    harden()
    if lookup_disabled():
        log.warning("the protection against doing things twice is off; this is for crash tests only")
    try:
        config = load_config(Path(launch.workspace))
        asyncio.run(serve(launch, config))
    except (QuarterdeckError, EffectFailed, ValueError) as error:
        log.critical("the effector cannot start", extra={"fields": {"error": str(error)}})
        raise SystemExit(1) from error
    logging.shutdown()
    os._exit(0)  # A connector's thread that hangs in a slow server must not keep the process.


if __name__ == "__main__":
    main()
