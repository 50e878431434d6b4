"""The floor of the wire: the least server that answers, and that makes durable what it was told.

Reads are answered at once. Anything else is written to RocksDB, synced (all that waits shares one sync),
told on PUB with the topic `floor`, and answered. Same libraries as the daemon: pyzmq on asyncio, msgspec, rocksdict.
No token, no checks, no kernel, no state. Run as a process of its own by the benchmarks: floor_server.py FOLDER
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zmq
import zmq.asyncio
from bare_log import BareLog

READS = ("system.hello", "fact.get")
TOPIC = b"floor"
END_WAIT_S = 5.0


class Request(msgspec.Struct):
    id: int
    method: str
    params: dict[str, object]


_decode = msgspec.msgpack.Decoder(Request).decode
_encode = msgspec.msgpack.Encoder().encode


class FloorServer:
    def __init__(self, folder: Path) -> None:
        context = zmq.asyncio.Context()
        self._router = context.socket(zmq.ROUTER)
        self._pub = context.socket(zmq.PUB)
        self._router.bind(f"ipc://{folder / 'rpc'}")
        self._pub.bind(f"ipc://{folder / 'events'}")
        self._log = BareLog(folder / "log")
        self._seq = 0
        self._waiting: list[tuple[bytes, int, bytes]] = []
        self._arrived = asyncio.Event()

    async def serve(self) -> None:
        while True:
            peer, _, body = await self._router.recv_multipart()
            request = _decode(body)
            if request.method in READS:
                await self._reply(peer, request.id)
            else:
                self._waiting.append((peer, request.id, body))
                self._arrived.set()
            await asyncio.sleep(0)

    async def write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            group, self._waiting = self._waiting, []
            first = self._seq + 1
            self._seq += len(group)
            self._log.write(
                ("events", (first + at).to_bytes(8, "big"), body) for at, (_, _, body) in enumerate(group)
            )
            await asyncio.to_thread(self._log.sync)
            for peer, id, body in group:
                await self._pub.send_multipart([TOPIC, body])
                await self._reply(peer, id)

    async def _reply(self, peer: bytes, id: int) -> None:
        await self._router.send_multipart([peer, b"", _encode({"id": id, "ok": True, "seq": self._seq})])


async def _run(folder: Path) -> None:
    """Serve until standard input is closed: whoever wanted it is gone."""
    server = FloorServer(folder)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), lambda: sys.exit(0))
    print("ready", flush=True)
    await asyncio.gather(server.serve(), server.write())


@contextlib.contextmanager
def floor_server(folder: Path) -> Iterator[tuple[str, str]]:
    """Run the server in a process of its own; yields the endpoints (rpc, events)."""
    folder.mkdir()
    command = [sys.executable, __file__, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None, "it is a pipe"
        assert process.stdout.readline() == b"ready\n", "the floor server did not start"
        yield f"ipc://{folder / 'rpc'}", f"ipc://{folder / 'events'}"
    finally:
        process.kill()
        process.wait(END_WAIT_S)


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
