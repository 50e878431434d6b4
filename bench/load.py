"""The load: requests on raw sockets, one at a time or many at once. Ours and floor get the very same bytes.

As a program it is the traffic behind other measurements: load.py FOLDER, until it is ended.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec
import zmq

from quarterdeck_protocol.connection import daemon_file, read_connection

ANSWER_MS = 20_000
TRAFFIC_CLIENTS = 8

_encode = msgspec.msgpack.Encoder().encode
_numbers = itertools.count(1)


class _Reply(msgspec.Struct):
    ok: bool
    error: dict[str, object] = {}


_reply = msgspec.msgpack.Decoder(_Reply).decode


def request(token: str, method: str, params: dict[str, object], *, changes: bool = False) -> bytes:
    """Return the body of a request with a fresh number; one that changes something has an idempotency key."""
    number = next(_numbers)
    body = {"id": number, "method": method, "params": params, "token": token}
    if changes:
        body["request_id"] = f"{os.getpid()}-{number}"
    return _encode(body)


def fact_puts(token: str, count: int) -> list[bytes]:
    """Requests that each write a fact of their own, of about 100 bytes."""
    return [
        request(token, "fact.put", {"kind": "bench", "key": f"k{next(_numbers)}", "value": VALUE}, changes=True)
        for _ in range(count)
    ]


VALUE: dict[str, object] = {"name": "Northwind Traders", "city": "Rotterdam", "since": 2019, "rate": "EUR 950 a day"}


class Load:
    """`clients` DEALER sockets on one endpoint, each with one request under way at most."""

    def __init__(self, endpoint: str, clients: int = 1) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets = [self._context.socket(zmq.DEALER) for _ in range(clients)]
        self._poller = zmq.Poller()
        for socket in self._sockets:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.RCVTIMEO, ANSWER_MS)
            socket.connect(endpoint)
            self._poller.register(socket, zmq.POLLIN)

    @property
    def first(self) -> zmq.Socket[bytes]:
        return self._sockets[0]

    def ask(self, body: bytes) -> None:
        """Send one request on the first socket and wait for its answer."""
        self.send(body)
        self.receive()

    def send(self, body: bytes) -> None:
        self._sockets[0].send_multipart([b"", body])

    def receive(self) -> None:
        _accepted(self._sockets[0].recv_multipart())

    def one_by_one(self, bodies: Sequence[bytes]) -> list[float]:
        """Return the seconds that each request took."""
        taken = []
        for body in bodies:
            start = time.perf_counter()
            self.ask(body)
            taken.append(time.perf_counter() - start)
        return taken

    def at_once(self, bodies: Sequence[bytes]) -> float:
        """Every socket asks again as soon as it is answered. Returns the seconds until all were answered."""
        left = iter(bodies)
        start = time.perf_counter()
        under_way = sum(_sent(socket, left) for socket in self._sockets)
        while under_way:
            ready = self._poller.poll(ANSWER_MS)
            assert ready, "no answer in time"
            for socket, _ in ready:
                _accepted(socket.recv_multipart())
                under_way += _sent(socket, left) - 1
        return time.perf_counter() - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)


def _sent(socket: zmq.Socket[bytes], left: Iterator[bytes]) -> int:
    """Send the next request; 0 when there is none."""
    body = next(left, None)
    if body is None:
        return 0
    socket.send_multipart([b"", body])
    return 1


def _accepted(frames: list[bytes]) -> None:
    reply = _reply(frames[-1])
    assert reply.ok, f"refused: {reply.error}"


def traffic(folder: Path) -> None:
    """Write facts without end."""
    connection = read_connection(daemon_file(folder))
    with Load(connection.rpc, TRAFFIC_CLIENTS) as load:
        while True:
            load.at_once(fact_puts(connection.token, 500))


if __name__ == "__main__":
    traffic(Path(sys.argv[1]))
