"""The asyncio client: the same promises, with calls that overlap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck_protocol.client import AsyncClient
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import supervisor_file, write_connection
from quarterdeck_protocol.events import Event

from .toy_server import ToyServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ToyServer]:
    server = ToyServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def client(server: ToyServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.workspace) as client:
        yield client


async def take(events: AsyncIterator[Event], count: int) -> list[int]:
    return [(await anext(events)).seq for _ in range(count)]


async def attached(client: AsyncClient, server: ToyServer) -> AsyncIterator[Event]:
    events = client.events(after=len(server.log))
    assert [server.emit("probe.sent").seq] == await take(events, 1)
    while not server.heard():
        await asyncio.sleep(0.002)
    return events


async def test_overlapping_calls_each_get_their_own_answer(client: AsyncClient) -> None:
    async with asyncio.timeout(10):
        replies = await asyncio.gather(*(client.call("memory.remember", {"text": str(n)}) for n in range(50)))
    assert sorted(reply.seq for reply in replies) == list(range(1, 51))
    assert client._waiting == {}


async def test_a_refusal_is_raised_with_its_code(client: AsyncClient) -> None:
    with pytest.raises(QuarterdeckError) as caught:
        await client.call("no.such")
    assert caught.value.code == "unknown_method"


async def test_without_a_daemon_the_answer_comes_at_once(tmp_path: Path) -> None:
    async with AsyncClient(tmp_path, timeout_ms=600_000) as client:
        with pytest.raises(QuarterdeckError) as caught:
            await client.call("system.hello")
    assert caught.value.code == "unavailable"


async def test_a_daemon_that_says_nothing_ends_in_deadline(client: AsyncClient, server: ToyServer) -> None:
    server.silent = True
    with pytest.raises(QuarterdeckError) as caught:
        await client.call("system.hello", deadline_ms=50)
    assert caught.value.code == "deadline"


async def test_calls_in_flight_survive_a_kill_and_happen_once(client: AsyncClient, server: ToyServer) -> None:
    """Ten changes are committed, their replies lost; the daemon comes back and is asked again."""
    await client.call("system.hello")
    server.swallow = 10
    calls = [asyncio.create_task(client.call("memory.remember", {"text": str(n)})) for n in range(10)]
    while len(server.log) < 10:
        await asyncio.sleep(0.005)
    server.kill()
    server.start()
    replies = await asyncio.gather(*calls)
    assert sorted(reply.result["id"] for reply in replies) == sorted(f"m{n}" for n in range(1, 11))  # type: ignore[type-var]
    assert len(server.log) == 10


async def test_a_cancelled_call_is_forgotten(client: AsyncClient, server: ToyServer) -> None:
    with pytest.raises(TimeoutError), server._lock:
        async with asyncio.timeout(0.05):
            await client.call("system.hello")
    assert client._waiting == {}
    assert (await client.call("system.hello")).seq == 0


async def test_a_stream_gives_its_pieces_and_then_the_result(client: AsyncClient, server: ToyServer) -> None:
    for _ in range(3):
        server.emit()
    stream = client.stream("audit.export")
    assert len([piece async for piece in stream]) == 3
    assert stream.result is not None
    assert stream.result.result == {"count": 3}


async def test_dropped_messages_and_restarts_leave_neither_gap_nor_double(
    client: AsyncClient, server: ToyServer
) -> None:
    events = await attached(client, server)
    server.hush = {3, 5, 8}
    for _ in range(5):
        server.emit()
    assert await take(events, 5) == [2, 3, 4, 5, 6]
    server.kill()
    server.emit()
    server.start()
    server.emit()
    assert await take(events, 2) == [7, 8]


async def test_calls_go_on_while_a_subscription_waits(client: AsyncClient, server: ToyServer) -> None:
    events = await attached(client, server)
    waiting = asyncio.create_task(take(events, 2))
    for n in range(2):
        await client.call("memory.remember", {"text": str(n)})
    assert await waiting == [2, 3]


async def test_the_supervisor_is_asked_at_its_own_socket(
    client: AsyncClient, server: ToyServer, tmp_path: Path
) -> None:
    server.silent = True
    other = ToyServer(tmp_path / "other")
    other.start()
    try:
        info = other.connection
        file = supervisor_file(server.workspace)
        write_connection(
            file, type(info)(protocol="1.0", pid=info.pid, workspace="", token=info.token, control=info.rpc)
        )
        assert (await client.call_control("system.status")).result == {"running": True}
    finally:
        other.kill()


async def test_closing_ends_what_still_waits(server: ToyServer) -> None:
    client = AsyncClient(server.workspace)
    server.silent = True
    call = asyncio.create_task(client.call("system.hello"))
    while not server.seen:
        await asyncio.sleep(0.005)
    await client.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert client._context.closed
