"""The supervisor's own socket: how a stop arrives when nothing else works.

Same envelope as the daemon's rpc (protocol/README.md): frames `[empty, body]`, body a MessagePack map.

Owns     the ROUTER socket `control`, the check of envelope, token and parameters.
Promises whatever arrives is answered with a typed error or ignored; a good client is served next.
         Only processes of the same user get through, by folder mode, socket mode and the kernel's word.
Leaves   what a method does to the table it is given.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import zmq
import zmq.asyncio

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.frames import (
    Plain,
    Request,
    RequestRefused,
    Scalar,
    chunk_frames,
    error_frames,
    ok_frames,
    parse_request,
)

from .logs import fields

BODY_BYTES_MAX = 64 * 1024
WAITING_MAX = 100  # Messages queued for one peer, each way.
REQUESTS_MAX = 64  # Requests under way at once; beyond it the answer is `busy`.
WATCHERS_MAX = 16  # The oldest goes first.
CONNECTIONS_WAITING_MAX = 64
HANDSHAKE_MS = 2_000

BUSY = QuarterdeckError("busy", f"{REQUESTS_MAX} requests are under way already", hint="Try again.")
log = logging.getLogger("quarterdeck.control")


@dataclass(frozen=True)
class Caller:
    """Who asked: `role` is `operator` or `daemon`; `route` leads back to the socket."""

    role: str
    route: bytes
    id: Scalar


Handler = Callable[[Caller, Plain], Awaitable[Plain | None]]
"""Returns the result; None: chunks follow instead of a reply, for ever."""


class Control:
    """Bind, receive, check, hand over, reply."""

    def __init__(self, endpoint: str, tokens: dict[str, str], table: dict[str, Handler], *, same_user: bool = True):
        """tokens: role by name to its token. same_user: let the kernel refuse other users (Linux)."""
        self._tokens = tokens
        self._table = table
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._under_way: set[asyncio.Task[None]] = set()
        self._watchers: list[Caller] = []
        for option, value in OPTIONS.items():
            self._socket.setsockopt(option, value)
        if same_user and sys.platform == "linux":
            self._socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())
        self._socket.bind(endpoint)

    async def serve(self) -> None:
        """Serve until cancelled.

        Envelope and token are checked right here: junk gets its answer at once and takes no place among the
        requests under way, so that a flood of it can't keep a stop out.
        """
        while True:
            frames = await self._socket.recv_multipart()
            try:
                request = parse_request(frames[1:])
            except RequestRefused as error:
                await self._send(frames[0], error_frames(error.id, error))
            else:
                await self._begin(frames[0], request)
            await asyncio.sleep(0)  # A full queue never waits above; signals and timers need their turn.

    async def _begin(self, route: bytes, request: Request) -> None:
        try:
            role = self._role_of(request.token)
            handler = self._handler_of(request.method)
        except QuarterdeckError as error:
            await self._send(route, error_frames(request.id, error))
            return
        if len(self._under_way) >= REQUESTS_MAX:
            await self._send(route, error_frames(request.id, BUSY))
            return
        caller = Caller(role, route, request.id)
        task = asyncio.get_running_loop().create_task(self._answer(caller, handler, request.params))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def close(self) -> None:
        """Close the socket; replies under way get a moment to leave."""
        for task in self._under_way:
            task.cancel()
        self._socket.close(linger=100)
        self._context.term()

    def watch(self, caller: Caller) -> None:
        """From now on `caller` gets what `tell` is given."""
        self._watchers = [*self._watchers[-(WATCHERS_MAX - 1) :], caller]

    async def tell(self, chunk: Plain, only: Caller | None = None) -> None:
        """Send a chunk to one watcher, or to all; those that are gone are forgotten."""
        for caller in [only] if only else self._watchers[:]:
            if not await self._send(caller.route, chunk_frames(caller.id, chunk)):
                self._watchers = [watcher for watcher in self._watchers if watcher is not caller]

    async def _answer(self, caller: Caller, handler: Handler, params: Plain) -> None:
        try:
            result = await handler(caller, params)
            reply = [] if result is None else ok_frames(caller.id, result, seq=0, durable=True)
        except QuarterdeckError as error:
            reply = error_frames(caller.id, error)
        except Exception as error:  # The stop must outlive any fault of ours: record it, answer, go on.
            log.exception("a control request failed")
            reply = error_frames(caller.id, QuarterdeckError("internal", f"{type(error).__name__}: {error}"))
        if reply:
            await self._send(caller.route, reply)

    def _handler_of(self, method: str) -> Handler:
        try:
            return self._table[method]
        except KeyError:
            methods = ", ".join(self._table)
            raise QuarterdeckError(
                "unknown_method", f"control has no method {method!r}", hint=f"It has: {methods}."
            ) from None

    def _role_of(self, token: str) -> str:
        """Compare with every token, always all of them, so that time says nothing."""
        shown = token.encode(errors="replace")
        roles = [role for role, known in self._tokens.items() if hmac.compare_digest(shown, known.encode())]
        if not roles:
            raise QuarterdeckError(
                "unauthorized", "this token is not known here", hint="Read it again: it is new after each start."
            )
        return roles[0]

    async def _send(self, route: bytes, frames: list[bytes]) -> bool:
        """Send without waiting; False when the peer is gone or does not read."""
        try:
            await self._socket.send_multipart([route, *frames], flags=zmq.DONTWAIT)
        except zmq.ZMQError as error:
            if error.errno not in (errno.EAGAIN, zmq.EHOSTUNREACH):
                raise
            log.info("a reply found nobody", extra=fields(error=str(error)))
            return False
        return True


OPTIONS: dict[int, int] = {
    zmq.LINGER: 0,
    zmq.MAXMSGSIZE: BODY_BYTES_MAX,
    zmq.RCVHWM: WAITING_MAX,
    zmq.SNDHWM: WAITING_MAX,
    zmq.ROUTER_MANDATORY: 1,  # Without it a reply to a peer that left vanishes unseen.
    zmq.BACKLOG: CONNECTIONS_WAITING_MAX,
    zmq.HANDSHAKE_IVL: HANDSHAKE_MS,
}
