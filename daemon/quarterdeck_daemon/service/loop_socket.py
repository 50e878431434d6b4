"""A ZeroMQ socket in the event loop: what has arrived is taken in one go, what is sent goes at once.

Owns     when a socket is read. zmq.asyncio makes a future for each message, which costs more than most messages do.
Promises messages are handed over in the order of their arrival, at most AT_ONCE in one turn of the loop, so that a peer
         that never stops leaves turns to others.
Leaves   what a message means to `take`. Nothing waits: what a peer has no room for is refused, see `send`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import zmq
import zmq.asyncio

AT_ONCE = 64


def plain_socket(context: zmq.asyncio.Context, kind: int) -> zmq.Socket[bytes]:
    """A socket of this context that no task reads."""
    socket: zmq.Socket[bytes] = zmq.Context.shadow(context.underlying).socket(kind)
    socket.set(zmq.LINGER, 0)
    return socket


class LoopSocket:
    """Wraps a bound socket. It hears while `run` runs."""

    def __init__(self, socket: zmq.Socket[bytes], take: Callable[[list[bytes]], None]) -> None:
        self._socket, self._take = socket, take
        self._handle = _number(socket, zmq.FD)
        self._ended: asyncio.Future[None] | None = None
        self._look: asyncio.Handle | None = None

    async def run(self) -> None:
        """Hear until cancelled, or until a message could not be taken; then raise why."""
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        loop.add_reader(self._handle, self._hear)
        self._look_soon()
        try:
            await self._ended
        finally:
            loop.remove_reader(self._handle)
            self._ended = None

    def send(self, frames: Sequence[bytes]) -> None:
        """Raises zmq.ZMQError when the peer is gone, and zmq.Again when it has not read for long."""
        self._socket.send_multipart(frames, zmq.NOBLOCK)
        if _number(self._socket, zmq.EVENTS) & zmq.POLLIN:
            self._look_soon()  # The descriptor tells of an arrival once, and sending may have taken that.

    def close(self) -> None:
        self._socket.close(0)

    def _look_soon(self) -> None:
        if self._look is None and self._ended is not None:
            self._look = self._ended.get_loop().call_soon(self._hear)

    def _hear(self) -> None:
        self._look = None
        for _ in range(AT_ONCE):
            if self._ended is None or self._ended.done():
                return
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                self._take(frames)
            except Exception as error:  # noqa: BLE001  # It ends `run`, which raises it.
                self._ended.set_exception(error)
        self._look_soon()


def _number(socket: zmq.Socket[bytes], option: int) -> int:
    value = socket.getsockopt(option)
    assert isinstance(value, int), "both options that are asked for are numbers"
    return value
