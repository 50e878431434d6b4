"""The rpc face under load: what is too much is told so at once, and everybody else is still served."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
import zmq
import zmq.asyncio

from quarterdeck_daemon.service import rpc as rpc_module
from quarterdeck_daemon.service.rpc import Asked, Rpc

PATIENCE_MS = 10_000


async def call(socket: zmq.asyncio.Socket, id: int, method: str, **more: object) -> None:
    body = {"id": id, "method": method, "params": {}, "token": "t", **more}
    await socket.send_multipart([b"", msgspec.msgpack.encode(body)])


async def reply(socket: zmq.asyncio.Socket) -> dict[str, object]:
    assert await socket.poll(PATIENCE_MS), "no reply came"
    return msgspec.msgpack.decode((await socket.recv_multipart())[1], type=dict[str, object])


async def test_more_requests_than_may_be_under_way_are_told_busy_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "UNDER_WAY_MAX", 20)
    gate = asyncio.Event()

    async def slow(asked: Asked, params: object) -> object:
        await gate.wait()
        return {}

    async def settled() -> int:
        return 7

    context = zmq.asyncio.Context()
    endpoints = [f"ipc://{tmp_path}/{name}" for name in ("rpc", "events")]
    rpc = Rpc(
        context, rpc=endpoints[0], events=endpoints[1], role_of=lambda token: "operator",
        handlers={"system.status": slow}, settled=settled,
    )  # fmt: skip
    serving = asyncio.get_running_loop().create_task(rpc.serve())
    greedy, modest = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    for socket in (greedy, modest):
        socket.connect(endpoints[0])
    try:
        for id in range(25):
            await call(greedy, id, "system.status")
        refused = [await reply(greedy) for _ in range(5)]
        errors = [msgspec.convert(one["error"], dict[str, object]) for one in refused]
        assert [one["id"] for one in refused] == [20, 21, 22, 23, 24]
        assert {str(error["code"]) for error in errors} == {"busy"}
        assert errors[0]["details"] == {"retry_after_ms": rpc_module.RETRY_MS}
        gate.set()
        served = [await reply(greedy) for _ in range(20)]
        assert {(one["ok"], one["seq"], one["durable"]) for one in served} == {(True, 7, True)}
        await call(modest, 1, "system.status")
        assert (await reply(modest))["ok"] is True
        gate.clear()
        await call(modest, 2, "system.status", deadline_ms=30)
        late = msgspec.convert((await reply(modest))["error"], dict[str, object])
        assert late["code"] == "deadline"
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        rpc.close()
        greedy.close(0)
        modest.close(0)
        context.destroy(0)
