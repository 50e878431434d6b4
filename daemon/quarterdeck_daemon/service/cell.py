"""The cell: the confined half of a worker. Here strangers' bytes are parsed and agents run.

A worker is two processes: one outside, which alone has the connection to the daemon, and this one, which has nothing but
two pipes to the first. So the cell needs no socket at all, and none is left to it: neither the network nor the sockets of
the daemon and the supervisor. It is forked before the worker is told its token, so it never learns that.

Frames on the pipes: length in four bytes, big-endian, then the body. Inwards first a `Place`, then orders as they came;
outwards a `Ready`, then for each order its `Answer`, or nothing in a frame for what could not be read.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import struct
import sys
from collections.abc import Callable
from typing import NoReturn

import msgspec

from ..core.entities import Plain
from ..core.orders import Confinement

FRAME_BYTES_MAX = 96 * 1024 * 1024
IDLE_S = 0.05  # Without an order for so long after `Ready`, heavy libraries are loaded ahead.
PR_SET_PDEATHSIG = 1
_LENGTH = struct.Struct(">I")


class CellEnded(Exception):
    """The other half is gone: killed, crashed, or it broke the rules of the pipes."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """own: a folder of this worker.  private: folders that the cell must not see into."""

    own: str
    private: tuple[str, ...]


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """First frame of a cell."""

    agents: tuple[Plain, ...]
    confined: Confinement


class Cell:
    """The outer half's end of the pipes."""

    def __init__(self, pid: int, read: int, write: int) -> None:
        self.pid = pid
        self._read, self._write = read, write

    @classmethod
    def open(cls, live: Callable[[int, int], NoReturn]) -> Cell:
        """Fork a cell. `live` gets its ends of the pipes (read, write) and does not return."""
        orders, answers = os.pipe(), os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid:
            os.close(orders[0])
            os.close(answers[1])
            return cls(pid, answers[0], orders[1])
        try:
            os.close(orders[1])
            os.close(answers[0])
            _die_with(parent)
            live(orders[0], answers[1])
        finally:
            os._exit(1)  # Whatever happened, this process must not go on as if it were the other.

    def begin(self, place: Place) -> Ready:
        """Let it confine itself and come up. Raises CellEnded when it did not."""
        write_frame(self._write, msgspec.msgpack.encode(place))
        try:
            return msgspec.msgpack.decode(read_frame(self._read), type=Ready)
        except (msgspec.DecodeError, ValueError) as error:
            raise CellEnded(f"it began with nonsense: {error}") from error

    def ask(self, order: bytes) -> bytes:
        """Have an order done; wait for its answer. Raises CellEnded."""
        self.tell(order)
        return self.hear()

    def tell(self, frame: bytes) -> None:
        """Raises CellEnded."""
        write_frame(self._write, frame)

    def hear(self) -> bytes:
        """Wait for the next frame. Raises CellEnded."""
        return read_frame(self._read)

    @property
    def handle(self) -> int:
        """To be polled: readable without an order under way means that it ended."""
        return self._read


def place_of(read: int) -> Place:
    """What the other half says first. Ends this process when it said nothing: it ended before it began."""
    try:
        return msgspec.msgpack.decode(read_frame(read), type=Place)
    except CellEnded:
        os._exit(0)


def serve(
    read: int, write: int, ready: Ready, answer: Callable[[bytes], bytes], warm_up: Callable[[], None]
) -> NoReturn:
    """Answer orders until the other half closes its end."""
    write_frame(write, msgspec.msgpack.encode(ready))
    if not select.select([read], [], [], IDLE_S)[0]:
        warm_up()
    while True:
        try:
            order = read_frame(read)
        except CellEnded:
            os._exit(0)
        write_frame(write, answer(order))


def write_frame(handle: int, body: bytes) -> None:
    """Raises CellEnded when nobody reads."""
    rest = memoryview(_LENGTH.pack(len(body)) + body)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
    except BrokenPipeError as error:
        raise CellEnded("the pipe is closed") from error


def read_frame(handle: int) -> bytes:
    """Raises CellEnded at the end, and for a frame beyond the limit."""
    (length,) = _LENGTH.unpack(_exactly(handle, _LENGTH.size))
    if length > FRAME_BYTES_MAX:
        raise CellEnded(f"a frame of {length:,} bytes; the limit is {FRAME_BYTES_MAX:,}")
    return _exactly(handle, length)


def _exactly(handle: int, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = os.read(handle, min(length - len(parts), 1 << 20))
        if not part:
            raise CellEnded("the pipe is closed")
        parts += part
    return bytes(parts)


def _die_with(parent: int) -> None:
    """Our end comes with the other half's. Its standard input, where the token came from, is closed here."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
