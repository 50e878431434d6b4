"""The daemon's line to the supervisor: pass a stop on, have a hanging process ended, hear of the fence."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

import msgspec
import zmq
import zmq.asyncio

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.frames import Chunk, Ok, Plain, Request, parse_reply, request_frames

from .fence import Fence

ANSWER_S = 5.0

log = logging.getLogger("quarterdeck.supervisor_link")


class SupervisorLink:
    """`call` a method of the supervisor; `run` delivers every change of the fence to `on_fence`."""

    def __init__(
        self, context: zmq.asyncio.Context, endpoint: str, token: str, on_fence: Callable[[Fence], Awaitable[None]]
    ):
        self._token = token
        self._on_fence = on_fence
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Plain]] = {}
        self._hearing: set[asyncio.Future[None]] = set()
        self._socket = context.socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.connect(endpoint)

    async def call(self, method: str, params: Plain) -> Plain:
        """Return the result. Raises QuarterdeckError: the refusal, or `deadline` after five seconds."""
        id = next(self._ids)
        future: asyncio.Future[Plain] = asyncio.get_running_loop().create_future()
        self._waiting[id] = future
        await self._send(id, method, params)
        try:
            return await asyncio.wait_for(future, ANSWER_S)
        except TimeoutError:
            raise QuarterdeckError(
                "deadline", f"the supervisor did not answer {method} in {ANSWER_S:.0f} s"
            ) from None
        finally:
            del self._waiting[id]

    async def kill(self, pid: int, reason: str) -> None:
        """End a process that hangs; the supervisor starts another."""
        try:
            await self.call("supervisor.kill", {"pid": pid, "reason": reason})
        except QuarterdeckError as error:
            log.warning("could not end process %d: %s", pid, error.message)

    async def run(self) -> None:
        """Receive until cancelled."""
        await self._send(0, "supervisor.watch", {})
        while True:
            frames = await self._socket.recv_multipart()
            try:
                answer = parse_reply(frames)
            except QuarterdeckError as error:
                log.warning("unreadable word from the supervisor: %s", error.message)
                continue
            if isinstance(answer, Chunk):
                # In a task of its own: whoever handles it may wait for a reply that only this loop can deliver.
                heard = asyncio.ensure_future(self._on_fence(msgspec.convert(answer.chunk["fence"], Fence)))
                self._hearing.add(heard)
                heard.add_done_callback(self._heard)
                continue
            waiting = self._waiting.get(answer.id) if isinstance(answer.id, int) else None
            if waiting is None or waiting.done():
                continue
            if isinstance(answer, Ok):
                waiting.set_result(answer.result)
            else:
                waiting.set_exception(answer.to_error())

    def _heard(self, heard: asyncio.Future[None]) -> None:
        self._hearing.discard(heard)
        if not heard.cancelled() and (error := heard.exception()) is not None:
            log.error("the fence's change could not be recorded", exc_info=error)

    async def _send(self, id: int, method: str, params: Plain) -> None:
        await self._socket.send_multipart(
            request_frames(Request(id=id, method=method, params=params, token=self._token))
        )

    def close(self) -> None:
        self._socket.close(0)
