"""A socket that tells events to whoever subscribed to their kinds; what nobody wants is not even put into bytes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import zmq
import zmq.asyncio

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.frames import event_frames

from .loop_socket import plain_socket

QUEUE_MAX = 10_000
SUBSCRIPTION_BYTES_MAX = 65_536
SUBSCRIPTIONS_AT_ONCE = 1_000  # Taken in before events go out; more wait for the next ones.


class Feed:
    """One socket. XPUB tells who listens to what; to subscribers it is a PUB. One that is too slow misses some."""

    def __init__(self, context: zmq.asyncio.Context, endpoint: str) -> None:
        self._topics: set[bytes] = set()
        self._wanted: dict[str, bool] = {}  # Kinds, as the topics are now.
        self._socket = plain_socket(context, zmq.XPUB)
        self._socket.set(zmq.SNDHWM, QUEUE_MAX)
        self._socket.set(zmq.MAXMSGSIZE, SUBSCRIPTION_BYTES_MAX)
        if sys.platform == "linux":
            self._socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())
        self._socket.bind(endpoint)

    def wanted(self, events: Sequence[Event]) -> list[Event]:
        """Those of the events that somebody subscribed to."""
        self._hear()
        return [event for event in events if self._is_wanted(event.kind)] if self._topics else []

    def send(self, events: Sequence[Event]) -> None:
        for event in events:
            self._socket.send_multipart(event_frames(event), flags=zmq.NOBLOCK)

    def _is_wanted(self, kind: str) -> bool:
        wanted = self._wanted.get(kind)
        if wanted is None:
            wanted = self._wanted[kind] = kind.encode().startswith(tuple(self._topics))
        return wanted

    def _hear(self) -> None:
        for _ in range(SUBSCRIPTIONS_AT_ONCE):
            try:
                said = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if said[:1] == b"\x01":
                self._topics.add(said[1:])
            elif said[:1] == b"\x00":
                self._topics.discard(said[1:])
            self._wanted.clear()

    def close(self) -> None:
        self._socket.close(0)
