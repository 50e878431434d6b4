"""The daemon's side of an effector process, for tests: a real ROUTER, real processes, real frames."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeVar

import msgspec
import zmq

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.hashing import action_hash
from quarterdeck_daemon.core.orders import (
    Answer,
    Arrived,
    DaemonMessage,
    ExecuteEffect,
    Hello,
    Kept,
    Offer,
    Order,
    OrderMessage,
    Outcome,
    ProcessMessage,
    ReconcileEffect,
    Started,
    Wanted,
    Work,
)
from quarterdeck_daemon.core.verbs import targets_of
from quarterdeck_daemon.service.launch import Launch

WAIT_S = 30.0
TOKEN = "token of the effector"
M = TypeVar("M", Hello, Answer, Started, Offer, Arrived)

CONFIG = """\
[workspace]
name = "Studio Example"
operator = "Mara Lindqvist <mara@studio-example.test>"
timezone = "Europe/Berlin"
"""


def execute(
    args: Plain, *, operation: str = "qd-1", connector: str = "mail", verb: str = "send", epoch: int = 0
) -> ExecuteEffect:
    """An order that carries the hash of what it holds."""
    targets = targets_of(f"{connector}.{verb}", args)
    return ExecuteEffect(
        action="a1",
        operation_id=operation,
        connector=connector,
        verb=verb,
        args=args,
        targets=targets,
        approved_hash=action_hash(connector, verb, args, targets),
        epoch=epoch,
    )


def reconcile(work: ExecuteEffect) -> ReconcileEffect:
    return ReconcileEffect(
        action=work.action,
        operation_id=work.operation_id,
        connector=work.connector,
        verb=work.verb,
        args=work.args,
    )


class EffectorRig:
    """One workspace, one ROUTER, any number of effector processes one after the other.

    Offers are answered by what the test put into `has`; arrivals are kept and collected.
    """

    def __init__(self, folder: Path, config: str) -> None:
        self.workspace = folder
        self.home = folder / ".quarterdeck"
        self.home.mkdir(mode=0o700, exist_ok=True)
        (folder / "quarterdeck.toml").write_text(config)
        self.context = zmq.Context()
        self.endpoint = f"ipc://{self.home}/orders"
        self.router = self._bind()
        self.process: subprocess.Popen[bytes] | None = None
        self.peer = b""
        self.has: set[str] = set()
        self.arrived: list[Arrived] = []
        self.offers: list[Offer] = []
        self.hellos: list[Hello] = []
        self.started: list[str] = []
        self.answers: dict[str, Outcome] = {}

    def _bind(self) -> zmq.Socket[bytes]:
        router = self.context.socket(zmq.ROUTER)
        router.setsockopt(zmq.LINGER, 0)
        router.bind(self.endpoint)
        return router

    def start(self, *, fault: str = "", twin: bool = False) -> Hello:
        """Start an effector and wait for its Hello."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
        environment |= {"QUARTERDECK_FAULT": fault} if fault else {}
        environment |= {"QUARTERDECK_TWIN": "no-lookup"} if twin else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "quarterdeck_daemon.service.effector"],
            stdin=subprocess.PIPE,
            stderr=(self.home / "effector.log").open("ab"),
            env=environment,
        )
        launch = Launch(role="effector", workspace=str(self.workspace), orders=self.endpoint, control="", token=TOKEN)
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(launch) + b"\n")
        self.process.stdin.flush()
        before = len(self.hellos)
        self.until(lambda: len(self.hellos) > before)
        return self.hellos[-1]

    def send(self, order_id: str, work: Work) -> None:
        self._tell(OrderMessage(order=Order(id=order_id, work=work, deadline_ms=30_000)))

    def ask(self, work: Work, order_id: str = "o1") -> Outcome:
        """Send an order and return its answer."""
        self.answers.pop(order_id, None)
        self.send(order_id, work)
        self.until(lambda: order_id in self.answers)
        return self.answers[order_id]

    def wait_for_death(self) -> int:
        """Serve until the effector is gone; return its exit status."""
        assert self.process is not None
        process = self.process
        self.until(lambda: process.poll() is not None)
        return process.returncode

    def until(self, true: object, *, wait_s: float = WAIT_S) -> None:
        """Serve until `true()` holds."""
        assert callable(true)
        deadline = time.monotonic() + wait_s
        while not true():
            assert time.monotonic() < deadline, (self.home / "effector.log").read_text()
            self.serve(20)

    def serve(self, wait_ms: int) -> None:
        """Take one message, if there is one within the time."""
        if not self.router.poll(wait_ms):
            return
        peer, _, body = self.router.recv_multipart()
        message = msgspec.msgpack.decode(body, type=ProcessMessage)
        match message:
            case Hello():
                self.peer = peer
                self.hellos.append(message)
            case Started(id=id):
                self.started.append(id)
            case Answer(id=id, outcome=outcome):
                self.answers[id] = outcome
            case Offer(connector=connector, external_ids=ids):
                self.offers.append(message)
                self._tell(Wanted(connector=connector, external_ids=tuple(set(ids) - self.has)), peer)
            case Arrived(external_id=external_id):
                self.arrived.append(message)
                self.has.add(external_id)
                self._tell(Kept(external_id=external_id), peer)

    def _tell(self, message: DaemonMessage, peer: bytes = b"") -> None:
        self.router.send_multipart([peer or self.peer, b"", msgspec.msgpack.encode(message)])

    def rebind(self) -> None:
        """The daemon goes away and comes back with nothing in its queues."""
        self.router.close()
        self.router = self._bind()

    def fence(self, text: str) -> None:
        fresh = self.home / "fence.test"
        fresh.write_text(text)
        fresh.rename(self.home / "fence")

    def stop(self) -> None:
        """Kill the effector, if it lives."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process = None

    def close(self) -> None:
        self.stop()
        self.context.destroy(linger=0)
