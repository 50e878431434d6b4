"""A worker: parses documents and runs agents, one order at a time, in a process that may be killed at any line.

It is two processes: this one has the connection to the daemon, and hands each order to its confined half (cell.py).

Owns     the connection to the daemon's `orders` socket, the limits of both processes, their scratch folder.
Promises every readable order gets exactly one answer; whatever parser or agent do, the answer is a result or a
         failure with its class. What leaves is plain data within OUTPUT_BYTES_MAX.
Leaves   deadlines to the daemon, which kills; starting again to the supervisor; keeping anything to the daemon.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec
import zmq

from ..agents.capture import find_facts
from ..agents.contract import AgentFailure
from ..agents.table import AGENTS, allow_strangers, run_agent
from ..agents.warm_up import warm_up
from ..core.orders import (
    Answer,
    DaemonMessage,
    Failed,
    Failure,
    FailureClass,
    FindFacts,
    FoundFacts,
    Hello,
    Order,
    OrderMessage,
    Outcome,
    Parsed,
    ParseDocument,
    RunStep,
    StepAsks,
    StepDone,
    Work,
)
from ..parsers.table import parse
from .cell import Cell, CellEnded, Place, Ready, place_of, serve
from .confinement.confine import confine
from .confinement.limits import MEMORY_BYTES_MAX, harden
from .launch import Launch, end_with_parent, receive_launch
from .logs import hide, set_up_logging

MESSAGE_BYTES_MAX = 96 * 1024 * 1024  # A mail with its attachments.
OUTPUT_BYTES_MAX = 8 * 1024 * 1024
DEPTH_MAX = 32
MESSAGE_CHARS_MAX = 500  # Of an error's text in an answer.

log = logging.getLogger("quarterdeck.worker")


def _failed(failure: FailureClass, code: str, message: str, hint: str = "") -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message[:MESSAGE_CHARS_MAX], hint=hint))


# --- one order ------------------------------------------------------------------------------------


def _parse(work: Work) -> Parsed:
    assert isinstance(work, ParseDocument), "the table is by type"
    return parse(work)


def _run_step(work: Work) -> StepAsks | StepDone:
    assert isinstance(work, RunStep), "the table is by type"
    return run_agent(work)


def _find_facts(work: Work) -> FoundFacts:
    assert isinstance(work, FindFacts), "the table is by type"
    return find_facts(work)


DO: dict[type[Work], Callable[[Work], Outcome]] = {
    ParseDocument: _parse,
    RunStep: _run_step,
    FindFacts: _find_facts,
}


def carry_out(work: Work) -> Outcome:
    """Do the work; never raises."""
    do = DO.get(type(work))
    if do is None:
        return _failed("contract", "wrong_role", f"a worker does no {type(work).__name__}")
    try:
        return do(work)
    except AgentFailure as error:
        return Failed(failure=error.failure)
    except MemoryError:
        return _failed("crash", "out_of_memory", f"more than {MEMORY_BYTES_MAX} bytes were needed")
    except Exception as error:
        log.exception("an order broke its parser or agent")
        return _failed(
            "crash", "exception", f"{type(error).__name__}: {error}", "The worker's log has the traceback."
        )


def encoded(id: str, outcome: Outcome) -> bytes:
    """The answer's bytes; a result that is not plain data or too large becomes a contract failure."""
    try:
        wrong = _not_plain(msgspec.structs.asdict(outcome), 0)
        data = b"" if wrong else msgspec.msgpack.encode(Answer(id=id, outcome=outcome))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        wrong, data = str(error), b""
    if len(data) > OUTPUT_BYTES_MAX:
        wrong = f"{len(data)} bytes; the limit is {OUTPUT_BYTES_MAX}"
    if not wrong:
        return data
    log.error("a result breaks the contract", extra={"fields": {"why": wrong}})
    return msgspec.msgpack.encode(Answer(id=id, outcome=_failed("contract", "bad_output", f"bad result: {wrong}")))


def _not_plain(value: object, depth: int) -> str:
    """Why the value is not plain data; "" when it is."""
    if depth > DEPTH_MAX:
        return f"nested deeper than {DEPTH_MAX}"
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            return "a map with a key that is not text"
        return next(filter(None, (_not_plain(item, depth + 1) for item in value.values())), "")
    if isinstance(value, list | tuple):
        return next(filter(None, (_not_plain(item, depth + 1) for item in value)), "")
    return "" if value is None or isinstance(value, str | bytes | int | float) else f"holds a {type(value).__name__}"


# --- the connection -------------------------------------------------------------------------------


class Worker:
    """Speaks to the daemon over one DEALER, which is opened anew (Hello first) when the daemon went away."""

    def __init__(self, launch: Launch, cell: Cell, ready: Ready) -> None:
        self._launch, self._cell, self._ready = launch, cell, ready
        self._context = zmq.Context()

    def run(self) -> NoReturn:
        """Serve until the process ends. Raises CellEnded when its other half did."""
        while True:
            self._serve_connection()

    def _serve_connection(self) -> None:
        socket = self._context.socket(zmq.DEALER)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            socket.connect(self._launch.orders)
            hello = Hello(
                role="worker",
                pid=os.getpid(),
                token=self._launch.token,
                agents=self._ready.agents,
                confined=self._ready.confined,
            )
            socket.send_multipart([b"", msgspec.msgpack.encode(hello)])
            self._receive(socket, monitor)
        finally:
            socket.disable_monitor()
            socket.close()

    def _receive(self, socket: zmq.Socket[bytes], monitor: zmq.Socket[bytes]) -> None:
        """Take orders until the connection is lost."""
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(monitor, zmq.POLLIN)
        poller.register(self._cell.handle, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._cell.handle in ready:
                raise CellEnded("it ended without having anything to do")
            if socket in ready:
                answer = self._cell.ask(socket.recv_multipart()[-1])
                if answer:
                    socket.send_multipart([b"", answer])
            elif monitor in ready:
                log.info("the daemon went away")
                return


def answered(body: bytes) -> bytes:
    """What the confined half says to an order; nothing to what cannot be read at all."""
    order = _order_in(body)
    if isinstance(order, Order):
        return encoded(order.id, carry_out(order.work))
    if order:
        return encoded(order, _failed("contract", "schema", "this worker does not understand the order"))
    return b""


def _order_in(body: bytes) -> Order | str:
    """The order; of one that does not parse its id, "" when not even that can be read."""
    try:
        message: DaemonMessage = msgspec.msgpack.decode(body, type=DaemonMessage)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        log.error("an order does not parse", extra={"fields": {"error": str(error)}})
        return _id_in(body)
    return message.order if isinstance(message, OrderMessage) else ""


class _Envelope(msgspec.Struct):
    id: str


class _Message(msgspec.Struct):
    order: _Envelope


def _id_in(body: bytes) -> str:
    try:
        return msgspec.msgpack.decode(body, type=_Message).order.id
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""


# --- the process ----------------------------------------------------------------------------------


def enter_scratch(home: Path) -> Path:
    """Make a folder of this process the current one. Folders of processes that are gone are removed."""
    base = home / "scratch"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in base.glob("worker-*"):
        if not _alive(left.name.removeprefix("worker-")):
            shutil.rmtree(left, ignore_errors=True)
    own = base / f"worker-{os.getpid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    os.chdir(own)
    return own


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def live(read: int, write: int) -> NoReturn:
    """The confined half, from its first line to its last."""
    set_up_logging("worker")
    place = place_of(read)
    os.chdir(place.own)
    confined = confine(Path(place.own), tuple(Path(name) for name in place.private))
    allow_strangers(confined.level == "full")
    serve(read, write, Ready(agents=tuple({"name": name} for name in AGENTS), confined=confined), answered, warm_up)


def main() -> None:
    harden()
    cell = Cell.open(live)  # Before this process learns its token, and before it has a second thread.
    launch = receive_launch()
    set_up_logging("worker")
    hide(launch.token)
    end_with_parent()
    own = enter_scratch(launch.home)
    try:
        ready = cell.begin(Place(own=str(own), private=(str(launch.home), os.path.expanduser("~"))))
        Worker(launch, cell, ready).run()
    except CellEnded as error:
        log.error("the confined half is gone", extra={"fields": {"why": str(error)}})
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
