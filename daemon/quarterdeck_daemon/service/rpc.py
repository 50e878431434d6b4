"""The rpc face: requests in, replies out, events to whoever listens.

Owns     the ROUTER `rpc` and the feed `events`.
Promises whatever arrives is answered with a result or a typed error, in bounded memory; a slow or hostile peer
         does not keep a good one waiting; a reply says which log position it reflects, and that is durable.
Leaves   what a method does to the handlers, tokens to `role_of`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import zmq
import zmq.asyncio

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.frames import (
    Plain,
    Request,
    RequestRefused,
    chunk_frames,
    error_frames,
    ok_frames,
    parse_request,
)
from quarterdeck_protocol.messages import Role, may_call, method_of, parse_params

from ..core.hashing import request_hash
from .feed import Feed
from .loop_socket import LoopSocket, plain_socket

WIRE_BYTES_MAX = 8 * 1024 * 1024  # Above it libzmq drops the peer; from 1 MiB to here the answer is a typed error.
UNDER_WAY_MAX = 1_000
PEER_QUEUE_MAX = 1_000
RETRY_MS = 200

log = logging.getLogger("quarterdeck.rpc")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request as a handler sees it.

    body_hash  tells a repetition from a clash of request ids
    send       sends one chunk of a stream before the reply; False when who asked is gone
    """

    role: Role
    actor: str
    request_id: str | None
    body_hash: str
    deadline_ms: int | None
    send: Callable[[Plain], Awaitable[bool]]


Handler = Callable[..., Awaitable[object]]
"""Takes (Asked, the params struct that METHODS names); returns the result map, or (result map, seq)."""


class Rpc:
    def __init__(
        self,
        context: zmq.asyncio.Context,
        *,
        rpc: str,
        events: str,
        role_of: Callable[[str], Role | None],
        handlers: Mapping[str, Handler],
        settled: Callable[[], Awaitable[int]],
    ) -> None:
        self._role_of = role_of
        self._handlers = handlers
        self._settled = settled
        self._under_way: set[asyncio.Task[None]] = set()
        self._router = LoopSocket(_router(context, rpc), self._take)
        self._feed = Feed(context, events)

    def publish(self, events: Sequence[Event]) -> None:
        """Send durable events to all subscribers. A subscriber that is too slow misses some and reads the log."""
        self._feed.send(self._feed.wanted(events))

    async def serve(self) -> None:
        """Receive until cancelled."""
        await self._router.run()

    def _take(self, message: list[bytes]) -> None:
        peer, *frames = message
        try:
            request = parse_request(frames)
        except RequestRefused as refused:
            self._send(peer, error_frames(refused.id, refused))
            return
        if len(self._under_way) >= UNDER_WAY_MAX:
            self._send(peer, error_frames(request.id, _busy()))
            return
        task = asyncio.create_task(self._answer(peer, request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _answer(self, peer: bytes, request: Request) -> None:
        try:
            frames = await self._result(peer, request)
        except QuarterdeckError as error:
            frames = error_frames(request.id, error)
        except TimeoutError:
            frames = error_frames(request.id, _late(request))
        except Exception as error:
            log.exception("%s failed", request.method)
            frames = error_frames(
                request.id, QuarterdeckError("internal", f"{type(error).__name__}: {error}", hint="quarterdeck logs")
            )
        self._send(peer, frames)

    async def _result(self, peer: bytes, request: Request) -> list[bytes]:
        role = self._role_of(request.token)
        if role is None:
            raise QuarterdeckError("unauthorized", "the token is not known", hint="Read it from the connection file.")
        method = method_of(request.method)
        handler = self._handlers.get(request.method)
        if handler is None:
            raise QuarterdeckError("unavailable", f"this daemon does not serve {request.method}")
        if not may_call(role, method):
            raise QuarterdeckError("forbidden", f"a token with the role {role} may not call {request.method}")
        params = parse_params(method, request.params)
        asked = Asked(
            role=role,
            actor="operator" if role == "operator" else role,
            request_id=request.request_id if method.changes else None,
            body_hash=request_hash(request.method, request.params) if request.request_id else "",
            deadline_ms=request.deadline_ms,
            send=lambda chunk: self._send_chunk(peer, chunk_frames(request.id, chunk)),
        )
        if request.deadline_ms:
            result = await asyncio.wait_for(handler(asked, params), request.deadline_ms / 1000)
        else:
            result = await handler(asked, params)
        seq = await self._settled()
        if isinstance(result, tuple):
            result, seq = result
        return ok_frames(request.id, result, seq=seq, durable=True)

    async def _send_chunk(self, peer: bytes, frames: list[bytes]) -> bool:
        there = self._send(peer, frames)
        await asyncio.sleep(0)  # A long stream leaves turns to others.
        return there

    def _send(self, peer: bytes, frames: list[bytes]) -> bool:
        """False when the peer is gone."""
        try:
            self._router.send([peer, *frames])
        except zmq.ZMQError as error:
            log.info("a peer left before its answer: %s", error)
            return error.errno != zmq.EHOSTUNREACH
        return True

    def close(self) -> None:
        self._router.close()
        self._feed.close()


def _router(context: zmq.asyncio.Context, endpoint: str) -> zmq.Socket[bytes]:
    socket = plain_socket(context, zmq.ROUTER)
    socket.set(zmq.SNDHWM, PEER_QUEUE_MAX)
    socket.set(zmq.RCVHWM, PEER_QUEUE_MAX)
    socket.set(zmq.MAXMSGSIZE, WIRE_BYTES_MAX)
    socket.set(zmq.ROUTER_MANDATORY, 1)  # Without it what is sent to a peer that left vanishes unseen.
    if sys.platform == "linux":
        socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())
    socket.bind(endpoint)
    return socket


def _busy() -> QuarterdeckError:
    return QuarterdeckError(
        "busy", f"{UNDER_WAY_MAX} requests are under way", hint="Try again.", details={"retry_after_ms": RETRY_MS}
    )


def _late(request: Request) -> QuarterdeckError:
    return QuarterdeckError(
        "deadline",
        f"{request.method} was not done within {request.deadline_ms} ms",
        hint="It may still be done; ask again with the same request_id to learn its result.",
    )
