"""Steps on a Dask cluster: the daemon's end. Extra `quarterdeck[dask]`; see docs/executors.md.

Owns     the bridge process, which is started again when it ends, and what is under way there.
Promises every submitted order ends in exactly one outcome: an answer, or a failure whose class says why. What is lost
         is never taken for done.
Leaves   which steps may go there to choice.py; trying again to the kernel.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import sys

import msgspec

from ...core.entities import Priority
from ...core.orders import Failed, Failure, FailureClass, Order, OrderMessage, Outcome, RunStep
from ..cell import FRAME_BYTES_MAX
from ..environment import child_env
from .address import check_address
from .api import Health
from .pipe import Answered, Cancel, FromBridge, Lost, Open, State, Submit, ToBridge, answer_in

RESTART_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
ORDERS_MAX = 1_000
ORDER_BYTES_MAX = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_FROM_BRIDGE = msgspec.msgpack.Decoder(FromBridge)

log = logging.getLogger("quarterdeck.executors")


class DaskExecutor:
    """Run `run` as a task of the daemon. `place`: where the cluster is, and what proves who we are to it."""

    name = "dask"
    remote = True

    def __init__(self, place: Open) -> None:
        """Raises QuarterdeckError `bad_value` for an address that would send steps over a network in clear."""
        check_address(place.address)
        self._place = place
        self._state = State(ready=False, places=0, detail="not connected yet")
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}
        self._stdin: asyncio.StreamWriter | None = None

    async def submit(self, order: Order, priority: Priority) -> Outcome:
        """The cluster has lines of its own; what is urgent and what is not is the same to it."""
        waiting = self._waiting.get(order.id)
        if waiting is not None:
            return await asyncio.shield(waiting)
        body = msgspec.msgpack.encode(OrderMessage(order=order))
        refusal = self._refusal(order, body)
        if refusal is not None:
            return refusal
        waiting = self._waiting[order.id] = asyncio.get_running_loop().create_future()
        try:
            await self._tell(Submit(id=order.id, order=body))
            return await asyncio.wait_for(asyncio.shield(waiting), order.deadline_ms / 1000)
        except TimeoutError:
            await self._tell(Cancel(id=order.id))
            return failed("timeout", "deadline", f"no answer from the cluster within {order.deadline_ms} ms")
        finally:
            self._waiting.pop(order.id, None)

    def _refusal(self, order: Order, body: bytes) -> Failed | None:
        if not isinstance(order.work, RunStep):
            return failed("contract", "wrong_role", "only steps are done on a cluster")
        if self._stdin is None or not self._state.ready:
            return failed("transient", "unavailable", f"the cluster is not there: {self._state.detail}")
        if len(self._waiting) >= ORDERS_MAX or len(body) > ORDER_BYTES_MAX:
            return failed(
                "transient", "busy", f"{len(self._waiting):,} steps are there already, this has {len(body):,} bytes"
            )
        return None

    def cancel(self, id: str) -> None:
        waiting = self._waiting.pop(id, None)
        if waiting is not None:
            waiting.cancel()
            self._write(Cancel(id=id))

    def health(self) -> Health:
        state = self._state
        return Health(ready=state.ready, places=state.places, running=len(self._waiting), detail=state.detail)

    # --- the bridge ---

    async def run(self) -> None:
        """Keep a bridge until cancelled."""
        tries = 0
        while True:
            connected = await self._live()
            tries = 0 if connected else tries + 1
            pause_s = RESTART_S[min(tries, len(RESTART_S) - 1)]
            log.warning(
                "the bridge to the cluster ended", extra={"fields": {"why": self._state.detail, "again_s": pause_s}}
            )
            await asyncio.sleep(pause_s)

    async def _live(self) -> bool:
        """One bridge from start to end. Returns whether it ever was connected."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "quarterdeck_daemon.service.executors.dask_bridge",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=child_env(os.environ),
        )  # fmt: skip
        assert process.stdin is not None, "opened as a pipe"
        assert process.stdout is not None, "opened as a pipe"
        self._stdin = process.stdin
        connected = False
        try:
            self._write(self._place)
            async for message in _messages(process.stdout):
                self._take(message)
                connected = connected or self._state.ready
        finally:
            self._stdin = None
            self._lose_all("the bridge to the cluster ended")
            if process.returncode is None:
                process.kill()
            await process.wait()
        return connected

    def _take(self, message: FromBridge) -> None:
        if isinstance(message, State):
            self._state = message
            return
        waiting = self._waiting.get(message.id)
        if waiting is None or waiting.done():
            return  # After its deadline, or cancelled.
        waiting.set_result(_outcome(message))

    def _lose_all(self, why: str) -> None:
        self._state = State(ready=False, places=0, detail=self._state.detail if not self._state.ready else why)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(failed("crash", "crash", why))

    async def _tell(self, message: ToBridge) -> None:
        self._write(message)
        if self._stdin is not None:
            try:
                await self._stdin.drain()
            except ConnectionError:
                return  # The bridge ended; `_lose_all` answers.

    def _write(self, message: ToBridge) -> None:
        if self._stdin is not None and not self._stdin.is_closing():
            body = msgspec.msgpack.encode(message)
            self._stdin.write(_LENGTH.pack(len(body)) + body)


class _messages:  # Used as `async for`.
    """What the bridge says, until its end. A bridge that breaks the rules of the pipe is at its end."""

    def __init__(self, stdout: asyncio.StreamReader) -> None:
        self._stdout = stdout

    def __aiter__(self) -> _messages:
        return self

    async def __anext__(self) -> FromBridge:
        try:
            (length,) = _LENGTH.unpack(await self._stdout.readexactly(_LENGTH.size))
            if length > FRAME_BYTES_MAX:
                raise StopAsyncIteration
            message: FromBridge = _FROM_BRIDGE.decode(await self._stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError, ValueError) as error:
            log.info("no more from the bridge: %s", error)
            raise StopAsyncIteration from None
        return message


def _outcome(message: Answered | Lost) -> Outcome:
    if isinstance(message, Lost):
        return failed(message.failure, message.failure, message.message)
    try:
        return answer_in(message.answer, message.id).outcome
    except (msgspec.DecodeError, ValueError) as error:
        return failed("contract", "schema", f"the cluster's answer cannot be read: {error}")


def failed(failure: FailureClass, code: str, message: str) -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message[:500]))
