"""What a subscriber hears: raw events of one kind, with the moment they arrived."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Self

import zmq
from load import Load, fact_puts

HEAR_MS = 10_000
JOIN_MS = 200
JOIN_TRIES = 50
TURN = 10


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


class ToEvent:
    """From sending a request to the arrival of the event it causes. The next goes out when its answer is there too."""

    def __init__(self, endpoints: tuple[str, str], topic: bytes, token: str, *, via: bytes = b"") -> None:
        """endpoints: rpc and events.  via: see Heard; joining writes facts."""
        self._load, self._heard = Load(endpoints[0]), Heard(endpoints[1], topic, via=via)
        self.taken: list[float] = []
        self._heard.join(lambda: self._load.ask(fact_puts(token, 1)[0]))

    def go(self, bodies: Iterable[bytes]) -> None:
        """Add the seconds of each to `taken`."""
        for body in bodies:
            start = time.perf_counter()
            self._load.send(body)
            arrived, _ = self._heard.next()
            self.taken.append(arrived - start)
            self._load.receive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.__exit__()
        self._load.__exit__()


def in_turns(floor: ToEvent, ours: ToEvent, bodies: Sequence[tuple[bytes, bytes]]) -> None:
    """Give both their requests, (floor's, ours), a few at a time, so that the machine's mood hits both alike."""
    for first in range(0, len(bodies), TURN):
        floor.go(body for body, _ in bodies[first : first + TURN])
        ours.go(body for _, body in bodies[first : first + TURN])
