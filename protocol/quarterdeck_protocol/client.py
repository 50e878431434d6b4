"""The client. This and async_client.py, its twin for asyncio, are the only modules that import zmq.

Promises a call that changes something carries an idempotency key, so it is sent again after a restart of the
         daemon and still happens once; events come in order, each once, whatever was lost on the way.
Leaves   the meaning of methods to messages.py. A client belongs to one thread (sync) or one loop (async).
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Self

import zmq

from .calls import TIMEOUT_MS, Call, Caller, Params, Result
from .codes import QuarterdeckError
from .connection import Where
from .events import Event
from .following import Follower, events_page, head_of
from .frames import REPLY_BYTES_MAX, Chunk, Ok, Plain, Refusal, parse_event, parse_reply

SEND_WAIT_MS = 1_000
EVENTS_WAIT_MS = 30_000  # How long a subscription waits for a daemon that is gone.
IDLE_FIRST_MS = 100  # Quiet time after which a subscription asks how long the log is; doubles …
IDLE_MAX_MS = 2_000  # … up to this.
PAGE = 500  # Events per read when a gap is filled.


if TYPE_CHECKING:
    from zmq.asyncio import Socket as AsyncSocket

    from .async_client import AsyncClient as AsyncClient

    AnySocket = zmq.Socket[bytes] | AsyncSocket


def __getattr__(name: str) -> object:
    """Load AsyncClient when it is asked for: asyncio costs a command line 80 ms."""
    if name != "AsyncClient":
        raise AttributeError(name)
    return importlib.import_module(".async_client", __package__).AsyncClient


def dealer_options(socket: AnySocket, endpoint: str) -> None:
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDTIMEO, SEND_WAIT_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, REPLY_BYTES_MAX)
    socket.connect(endpoint)


def follow_options(socket: AnySocket, endpoint: str) -> None:
    """All kinds, also when few are wanted: a filter would make losses look like silence."""
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, REPLY_BYTES_MAX)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect(endpoint)


def not_sent(call: Call) -> QuarterdeckError:
    return QuarterdeckError("busy", f"{call.method} could not be sent in {SEND_WAIT_MS} ms", hint="Try again.")


class Client(Caller):
    """Blocking client, for one thread.

    where: a workspace folder, a connection file or its content; None: the workspace around the current folder.
    """

    def __init__(self, where: Where = None, *, timeout_ms: int = TIMEOUT_MS) -> None:
        super().__init__(where, timeout_ms)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._socket_version = 0

    def call(
        self,
        method: str,
        params: Params | None = None,
        *,
        request_id: str | None = None,
        deadline_ms: int | None = None,
    ) -> Result:
        """Ask and wait for the answer; through a restart of the daemon if need be.

        Raises the daemon's QuarterdeckError, `unavailable` without a daemon, `deadline` when the time is over.
        """
        call = self._call(method, params, request_id, deadline_ms)
        self._contact.look()
        self.check_patience(call)
        sent = self._send(call)
        while True:
            answer = _receive(self._link(), call)
            if isinstance(answer, Ok | Refusal) and not self.outdated(answer, sent):
                self._answered = True
                return call.settle(answer)
            self._contact.look()
            self.check_patience(call)
            if self._contact.version != sent or call.due(time.monotonic()):
                sent = self._send(call)

    def call_control(
        self,
        method: str,
        params: Params | None = None,
        *,
        request_id: str | None = None,
        deadline_ms: int | None = None,
    ) -> Result:
        """Ask the supervisor; it answers also while the daemon hangs. For `stop.engage` and the like."""
        call = self._call(method, params, request_id, deadline_ms)
        control = self._contact.control()
        with self._context.socket(zmq.DEALER) as socket:
            dealer_options(socket, control.control)
            _transmit(socket, call, control.token)
            while not call.late(time.monotonic()):
                answer = _receive(socket, call)
                if isinstance(answer, Ok | Refusal):
                    return call.settle(answer)
        raise call.overdue()

    def stream(self, method: str, params: Params | None = None, *, deadline_ms: int | None = None) -> ChunkStream:
        """Ask for an answer in pieces. Not sent again after a restart: the pieces already taken would repeat."""
        return ChunkStream(self, self._call(method, params, None, deadline_ms))

    def events(
        self, after: int = 0, kinds: Iterable[str] = (), *, patience_ms: int = EVENTS_WAIT_MS
    ) -> Iterator[Event]:
        """Yield the events with seq > `after`, past and coming, in order, each once. Never ends by itself.

        kinds: exact kinds, or `noun.*`; none: all.  patience_ms: how long to wait for a daemon that is gone.
        Raises `unavailable` or `deadline` after that, `out_of_range` when the log is shorter than `after`.
        """
        follower = Follower(after, kinds)
        while True:
            version = self._contact.version
            with self._context.socket(zmq.SUB) as socket:
                follow_options(socket, self.connection.events)
                while version == self._contact.version:
                    yield from self._backlog(follower, patience_ms)
                    yield from self._live(socket, follower, patience_ms)

    def _backlog(self, follower: Follower, patience_ms: int) -> Iterator[Event]:
        """Yield what the log holds beyond the follower."""
        more = True
        while more:
            params = {"after": follower.last, "limit": PAGE}
            items, more = events_page(self.call("timeline.read", params, deadline_ms=patience_ms))
            yield from filter(follower.advance, items)

    def _live(self, socket: zmq.Socket[bytes], follower: Follower, patience_ms: int) -> Iterator[Event]:
        """Yield from the socket until something is missing there, or the daemon is another one."""
        idle_ms, version = IDLE_FIRST_MS, self._contact.version
        while version == self._contact.version:
            if not socket.poll(idle_ms):
                hello = self.call("system.hello", deadline_ms=patience_ms)
                if follower.behind(head_of(hello)):
                    return
                idle_ms = min(2 * idle_ms, IDLE_MAX_MS)
                continue
            event = parse_event(socket.recv_multipart())
            place = follower.place(event)
            if place == "gap":
                return
            if place == "next" and follower.advance(event):
                yield event

    def close(self) -> None:
        """Close all sockets; nothing waits to be sent."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _link(self) -> zmq.Socket[bytes]:
        """The socket to the daemon as it is now."""
        if self._socket is not None and self._socket_version != self._contact.version:
            self._socket.close()
            self._socket = None
        if self._socket is None:
            endpoint = self._contact.connection.rpc
            self._socket, self._socket_version = self._context.socket(zmq.DEALER), self._contact.version
            dealer_options(self._socket, endpoint)
        return self._socket

    def _send(self, call: Call) -> int:
        """Send and return the version of the contact that it went to."""
        _transmit(self._link(), call, self._contact.connection.token)
        return self._socket_version


class ChunkStream:
    """The pieces of one answer; iterate once. `result` is there when the last piece was taken."""

    def __init__(self, client: Client, call: Call) -> None:
        self._client = client
        self._call = call
        self.result: Result | None = None

    def __iter__(self) -> Iterator[Plain]:
        client, call = self._client, self._call
        client._contact.look()
        with client._context.socket(zmq.DEALER) as socket:
            dealer_options(socket, client.connection.rpc)
            _transmit(socket, call, client.connection.token)
            while True:
                answer = _receive(socket, call)
                if isinstance(answer, Chunk):
                    yield answer.chunk
                elif answer is not None:
                    self.result = call.settle(answer)
                    return
                else:
                    client.check_patience(call)


def _transmit(socket: zmq.Socket[bytes], call: Call, token: str) -> None:
    try:
        socket.send_multipart(call.frames(token, time.monotonic()))
    except zmq.Again as error:
        raise not_sent(call) from error


def _receive(socket: zmq.Socket[bytes], call: Call) -> Ok | Refusal | Chunk | None:
    """Return an answer to this call, None after a short wait. Late answers to other calls are dropped."""
    until = time.monotonic() + call.wait_s(time.monotonic())
    while socket.poll(max(0, round((until - time.monotonic()) * 1000))):
        answer = parse_reply(socket.recv_multipart())
        if answer.id == call.id:
            return answer
    return None
