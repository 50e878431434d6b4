"""A question ends when who asked it is gone; nothing but a piece that cannot be delivered tells that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import zmq
import zmq.asyncio

from quarterdeck_daemon.service import model_desk
from quarterdeck_daemon.service import rpc as rpc_module
from quarterdeck_daemon.service.model_desk import while_there
from quarterdeck_daemon.service.rpc import Asked, Rpc
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .test_rpc_limits import call

PATIENCE_S = 5.0


def told(there: bool) -> Callable[[], Awaitable[bool]]:
    async def present() -> bool:
        return there

    return present


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_desk, "PRESENT_S", 0.02)


async def test_who_is_gone_is_not_waited_for() -> None:
    end: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
    with pytest.raises(QuarterdeckError) as gone:
        await asyncio.wait_for(while_there(end, told(False)), PATIENCE_S)
    assert gone.value.code == "unavailable"


async def test_while_nobody_is_known_to_be_gone_the_answer_is_waited_for() -> None:
    """The twin."""
    end: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(while_there(end, told(True)), 0.3)


async def _noticed(tmp_path: Path, patience_s: float) -> bool:
    """Whether a handler that sends to a peer which has closed its socket learns of that."""
    noticed = asyncio.Event()

    async def stream(asked: Asked, params: object) -> object:
        while await asked.send({"text": ""}):
            await asyncio.sleep(0.02)
        noticed.set()
        return {}

    async def settled() -> int:
        return 7

    context = zmq.asyncio.Context()
    endpoints = [f"ipc://{tmp_path}/{name}" for name in ("rpc", "events")]
    rpc = Rpc(
        context, rpc=endpoints[0], events=endpoints[1], role_of=lambda token: "operator",
        handlers={"system.status": stream}, settled=settled,
    )  # fmt: skip
    serving = asyncio.get_running_loop().create_task(rpc.serve())
    peer = context.socket(zmq.DEALER)
    peer.connect(endpoints[0])
    try:
        await call(peer, 1, "system.status")
        assert await peer.poll(int(PATIENCE_S * 1_000)), "it streams"
        peer.close(0)
        try:
            await asyncio.wait_for(noticed.wait(), patience_s)
        except TimeoutError:
            return False
        return True
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        rpc.close()
        context.destroy(0)


async def test_a_stream_to_a_peer_that_left_learns_of_it(tmp_path: Path) -> None:
    assert await _noticed(tmp_path, PATIENCE_S)


async def test_a_socket_that_drops_what_it_cannot_deliver_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: without the option of the socket the stream would go on for ever."""
    whole = rpc_module._router

    def forgiving(context: zmq.asyncio.Context, endpoint: str) -> zmq.Socket[bytes]:
        socket = whole(context, endpoint)
        socket.set(zmq.ROUTER_MANDATORY, 0)
        return socket

    monkeypatch.setattr(rpc_module, "_router", forgiving)
    assert not await _noticed(tmp_path, 1.0)
