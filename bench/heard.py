"""What a subscriber hears: raw events of one kind, with the moment they arrived."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

import zmq

HEAR_MS = 10_000
JOIN_MS = 200
JOIN_TRIES = 50


class Heard:
    """A SUB socket on one endpoint, for topics that begin with `topic`.

    via: a topic that is easier to cause, when `join` is to find out whether the subscription works.
    """

    def __init__(self, endpoint: str, topic: bytes, *, via: bytes = b"") -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.SUBSCRIBE, topic)
        self._via = via
        if via:
            self.socket.setsockopt(zmq.SUBSCRIBE, via)
        self.socket.connect(endpoint)

    def next(self) -> tuple[float, bytes]:
        """Wait for an event; return when it came (perf_counter) and its body."""
        assert self.socket.poll(HEAR_MS), "no event in time"
        *_, body = self.socket.recv_multipart()
        return time.perf_counter(), body

    def join(self, cause: Callable[[], object]) -> None:
        """Cause events until one is heard: a subscription takes effect some time after it was made."""
        for _ in range(JOIN_TRIES):
            cause()
            if self.socket.poll(JOIN_MS):
                break
        else:
            raise AssertionError("no event was heard at all")
        if self._via:
            self.socket.setsockopt(zmq.UNSUBSCRIBE, self._via)
        while self.socket.poll(JOIN_MS):
            self.socket.recv_multipart()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)
