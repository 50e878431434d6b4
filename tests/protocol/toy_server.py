"""A small daemon on real sockets: a list as its log, ROUTER for calls, PUB for events. For tests of the client.

It can be killed and come back with the same log, like the daemon after kill -9. What it keeps by idempotency
key survives too, as a receipt in the log does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import zmq

from quarterdeck_protocol import frames
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, daemon_file, write_connection
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.frames import Plain, Request

Handler = Callable[[Request], Plain]
POLL_MS = 5


class ToyServer:
    """Start it with `start()`, end it abruptly with `kill()`.

    hush         events with these sequence numbers are not published, as if the socket had dropped them
    swallow      so many replies are lost before they are sent
    """

    def __init__(self, workspace: Path, *, pub_hwm: int = 1000) -> None:
        self.workspace = workspace
        self.log: list[Event] = []
        self.receipts: dict[str, Plain] = {}
        self.seen: list[Request] = []
        self.hush: set[int] = set()
        self.swallow = 0
        self.silent = False
        self.starts = 0
        self.pid = os.getpid()
        self.supervisor = 0
        self._pub_hwm = pub_hwm
        self._lock = threading.RLock()
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._pub: zmq.Socket[bytes] | None = None
        self._handlers: dict[str, Handler] = {
            "system.hello": self._hello,
            "system.status": lambda _: {"running": True},
            "memory.remember": self._remember,
            "memory.search": lambda _: {"items": [{"score": 0.5, "text": "the red folder"}]},
            "timeline.read": self._timeline,
        }

    # --- life -----------------------------------------------------------------------------------

    def start(self, *, rewrite: bool = True) -> None:
        self.starts += 1
        self._end.clear()
        run = self.workspace / ".quarterdeck" / "run"
        run.mkdir(parents=True, exist_ok=True)
        self.token = f"token-{self.starts}"
        self._context = zmq.Context()
        router = self._context.socket(zmq.ROUTER)
        self._pub = self._context.socket(zmq.XPUB)  # A PUB socket that tells who came.
        self._pub.setsockopt(zmq.SNDHWM, self._pub_hwm)
        self.rpc, self.events = f"ipc://{run}/rpc.sock", f"ipc://{run}/events.sock"
        router.bind(self.rpc)
        self._pub.bind(self.events)
        if rewrite:
            self.introduce()
        self._thread = threading.Thread(target=self._serve, args=(router,), daemon=True)
        self._thread.start()

    def introduce(self) -> None:
        """Write the connection file."""
        write_connection(daemon_file(self.workspace), self.connection)

    @property
    def connection(self) -> ConnectionFile:
        return ConnectionFile(
            protocol="1.0", pid=self.pid, workspace=str(self.workspace), rpc=self.rpc, events=self.events,
            token=self.token, supervisor=self.supervisor,
        )  # fmt: skip

    def kill(self) -> None:
        """End without a word; requests not yet read are lost, the connection file stays."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        if self._context is not None:
            self._context.destroy(linger=0)
        self._thread = self._context = self._pub = None

    # --- the log --------------------------------------------------------------------------------

    def emit(self, kind: str = "note.kept", **body: object) -> Event:
        """Append an event and publish it, unless it is hushed or nobody is up."""
        with self._lock:
            seq = len(self.log) + 1
            event = Event(seq=seq, id=f"e{seq}", at_us=seq, kind=kind, actor="operator", body=body)
            self.log.append(event)
            if self._pub is not None and seq not in self.hush:
                self._pub.send_multipart(frames.event_frames(event))
            return event

    def heard(self) -> bool:
        """Whether a subscription has arrived since this was last true: from now on events reach it."""
        with self._lock:
            assert self._pub is not None, "nobody can subscribe to a dead server"
            return bool(self._pub.poll(0)) and self._pub.recv() == b"\x01"

    # --- serving --------------------------------------------------------------------------------

    def _serve(self, router: zmq.Socket[bytes]) -> None:
        while not self._end.is_set():
            if router.poll(POLL_MS):
                identity, *rest = router.recv_multipart()
                for reply in self._answer(rest):
                    router.send_multipart([identity, *reply])

    def _answer(self, rest: list[bytes]) -> list[list[bytes]]:
        try:
            request = frames.parse_request(rest)
        except frames.RequestRefused as error:
            return [frames.error_frames(error.id, error)]
        self.seen.append(request)
        try:
            replies = self._handle(request)
        except QuarterdeckError as error:
            replies = [frames.error_frames(request.id, error)]
        if self.silent:
            return []
        if self.swallow:
            self.swallow -= 1
            return []
        return replies

    def _handle(self, request: Request) -> list[list[bytes]]:
        if request.token != self.token:
            raise QuarterdeckError("unauthorized", "not the token of this daemon")
        if request.method == "audit.export":
            pieces = [frames.chunk_frames(request.id, {"events": [event]}) for event in self.log]
            return [*pieces, frames.ok_frames(request.id, {"count": len(self.log)}, seq=len(self.log), durable=True)]
        handler = self._handlers.get(request.method)
        if handler is None:
            raise QuarterdeckError("unknown_method", f"there is no {request.method}", hint="look again")
        with self._lock:
            result = handler(request)
            return [frames.ok_frames(request.id, result, seq=len(self.log), durable=True)]

    def _hello(self, request: Request) -> Plain:
        return {"protocol": "1.0", "version": "0", "workspace": "w", "seq": len(self.log), "stopped": False}

    def _remember(self, request: Request) -> Plain:
        if request.request_id in self.receipts:
            return self.receipts[request.request_id]
        event = self.emit("memory.remembered", text=request.params["text"])
        result: Plain = {"id": f"m{event.seq}", "seq": event.seq}
        if request.request_id is not None:
            self.receipts[request.request_id] = result
        return result

    def _timeline(self, request: Request) -> Plain:
        after, limit = request.params["after"], request.params["limit"]
        assert isinstance(after, int)
        assert isinstance(limit, int)
        items = self.log[after : after + limit]
        more = after + len(items) < len(self.log)
        return {"items": items, "next": items[-1].seq if more else None}


def until(condition: Callable[[], bool], *, wait_s: float = 10.0) -> None:
    """Wait until `condition()` holds; fail after `wait_s`."""
    end = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)
