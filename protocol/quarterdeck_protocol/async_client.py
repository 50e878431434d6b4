"""The client for asyncio: the same names and promises as client.py, for one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Self

import zmq
import zmq.asyncio

from .calls import TIMEOUT_MS, Call, Caller, Params, Result
from .client import EVENTS_WAIT_MS, IDLE_FIRST_MS, IDLE_MAX_MS, PAGE, dealer_options, follow_options, not_sent
from .codes import QuarterdeckError
from .connection import Where
from .events import Event
from .following import Follower, events_page, head_of
from .frames import Chunk, Ok, Plain, Refusal, Scalar, parse_event, parse_reply


class AsyncClient(Caller):
    """The same for asyncio, for one loop. Calls may overlap; cancelling one forgets its answer."""

    def __init__(self, where: Where = None, *, timeout_ms: int = TIMEOUT_MS) -> None:
        super().__init__(where, timeout_ms)
        self._context = zmq.asyncio.Context()
        self._socket: zmq.asyncio.Socket | None = None
        self._socket_version = 0
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[Scalar, asyncio.Future[Ok | Refusal]] = {}

    async def call(
        self,
        method: str,
        params: Params | None = None,
        *,
        request_id: str | None = None,
        deadline_ms: int | None = None,
    ) -> Result:
        """See Client.call."""
        call = self._call(method, params, request_id, deadline_ms)
        self._contact.look()
        self.check_patience(call)
        try:
            sent = await self._send(call)
            while True:
                answer = await self._answer(call)
                if answer is not None and not self.outdated(answer, sent):
                    self._answered = True
                    return call.settle(answer)
                self._contact.look()
                self.check_patience(call)
                if self._contact.version != sent or call.due(time.monotonic()):
                    sent = await self._send(call)
        finally:
            self._waiting.pop(call.id, None)

    async def call_control(
        self,
        method: str,
        params: Params | None = None,
        *,
        request_id: str | None = None,
        deadline_ms: int | None = None,
    ) -> Result:
        """See Client.call_control."""
        call = self._call(method, params, request_id, deadline_ms)
        control = self._contact.control()
        with self._context.socket(zmq.DEALER) as socket:
            dealer_options(socket, control.control)
            await _transmit_soon(socket, call, control.token)
            while not call.late(time.monotonic()):
                answer = await _receive_soon(socket, call)
                if isinstance(answer, Ok | Refusal):
                    return call.settle(answer)
        raise call.overdue()

    def stream(
        self, method: str, params: Params | None = None, *, deadline_ms: int | None = None
    ) -> AsyncChunkStream:
        """See Client.stream."""
        return AsyncChunkStream(self, self._call(method, params, None, deadline_ms))

    async def events(
        self, after: int = 0, kinds: Iterable[str] = (), *, patience_ms: int = EVENTS_WAIT_MS
    ) -> AsyncIterator[Event]:
        """See Client.events."""
        follower = Follower(after, kinds)
        while True:
            version = self._contact.version
            with self._context.socket(zmq.SUB) as socket:
                follow_options(socket, self.connection.events)
                while version == self._contact.version:
                    async for event in self._backlog(follower, patience_ms):
                        yield event
                    async for event in self._live(socket, follower, patience_ms):
                        yield event

    async def _backlog(self, follower: Follower, patience_ms: int) -> AsyncIterator[Event]:
        more = True
        while more:
            params = {"after": follower.last, "limit": PAGE}
            items, more = events_page(await self.call("timeline.read", params, deadline_ms=patience_ms))
            for event in filter(follower.advance, items):
                yield event

    async def _live(self, socket: zmq.asyncio.Socket, follower: Follower, patience_ms: int) -> AsyncIterator[Event]:
        idle_ms, version = IDLE_FIRST_MS, self._contact.version
        while version == self._contact.version:
            if not await socket.poll(idle_ms):
                hello = await self.call("system.hello", deadline_ms=patience_ms)
                if follower.behind(head_of(hello)):
                    return
                idle_ms = min(2 * idle_ms, IDLE_MAX_MS)
                continue
            event = parse_event(await socket.recv_multipart())
            place = follower.place(event)
            if place == "gap":
                return
            if place == "next" and follower.advance(event):
                yield event

    async def close(self) -> None:
        """Close all sockets; nothing waits to be sent. Calls that still wait are cancelled."""
        self._unlink()
        for future in self._waiting.values():
            future.cancel()
        self._context.destroy(linger=0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, call: Call) -> int:
        socket = self._link()
        version = self._socket_version
        self._waiting[call.id] = asyncio.get_running_loop().create_future()
        await _transmit_soon(socket, call, self._contact.connection.token)
        return version

    async def _answer(self, call: Call) -> Ok | Refusal | None:
        """Return the answer, None after a short wait or when it was taken before."""
        future = self._waiting[call.id]
        if future.done():  # Read already, and from a daemon that is gone.
            await asyncio.sleep(call.wait_s(time.monotonic()))
            return None
        await asyncio.wait((future,), timeout=call.wait_s(time.monotonic()))
        return future.result() if future.done() else None

    def _link(self) -> zmq.asyncio.Socket:
        if self._socket is not None and self._socket_version != self._contact.version:
            self._unlink()
        if self._socket is None:
            endpoint = self._contact.connection.rpc
            self._socket, self._socket_version = self._context.socket(zmq.DEALER), self._contact.version
            dealer_options(self._socket, endpoint)
            self._reader = asyncio.create_task(self._read(self._socket), name="quarterdeck-replies")
        return self._socket

    def _unlink(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            self._socket.close()
        self._reader = self._socket = None

    async def _read(self, socket: zmq.asyncio.Socket) -> None:
        """Hand each reply to the call that waits for it."""
        while True:
            frames = await socket.recv_multipart()
            try:
                answer = parse_reply(frames)
            except QuarterdeckError as error:  # Whose it was cannot be read: tell everybody.
                for future in self._waiting.values():
                    if not future.done():
                        future.set_exception(error)
                continue
            waiting = self._waiting.get(answer.id)
            if waiting is not None and not waiting.done() and not isinstance(answer, Chunk):
                waiting.set_result(answer)


class AsyncChunkStream:
    """See ChunkStream."""

    def __init__(self, client: AsyncClient, call: Call) -> None:
        self._client = client
        self._call = call
        self.result: Result | None = None

    async def __aiter__(self) -> AsyncIterator[Plain]:
        client, call = self._client, self._call
        client._contact.look()
        with client._context.socket(zmq.DEALER) as socket:
            dealer_options(socket, client.connection.rpc)
            await _transmit_soon(socket, call, client.connection.token)
            while True:
                answer = await _receive_soon(socket, call)
                if isinstance(answer, Chunk):
                    yield answer.chunk
                elif answer is not None:
                    self.result = call.settle(answer)
                    return
                else:
                    client.check_patience(call)


async def _transmit_soon(socket: zmq.asyncio.Socket, call: Call, token: str) -> None:
    try:
        await socket.send_multipart(call.frames(token, time.monotonic()))
    except zmq.Again as error:
        raise not_sent(call) from error


async def _receive_soon(socket: zmq.asyncio.Socket, call: Call) -> Ok | Refusal | Chunk | None:
    until = time.monotonic() + call.wait_s(time.monotonic())
    while await socket.poll(max(0, round((until - time.monotonic()) * 1000))):
        answer = parse_reply(await socket.recv_multipart())
        if answer.id == call.id:
            return answer
    return None
