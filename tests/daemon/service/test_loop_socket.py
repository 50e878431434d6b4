"""A socket in the loop: order, fairness, no message that lies there unheard, and what cannot be taken ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import zmq
import zmq.asyncio

from quarterdeck_daemon.service import loop_socket as loop_socket_module
from quarterdeck_daemon.service.loop_socket import LoopSocket, plain_socket

PATIENCE_S = 10.0


class Rig:
    def __init__(self, folder: Path, take: Callable[[list[bytes]], None] | None) -> None:
        self.context = zmq.asyncio.Context()
        self.heard: list[bytes] = []
        bound = plain_socket(self.context, zmq.ROUTER)
        bound.bind(f"ipc://{folder}/socket")
        self.ours = LoopSocket(bound, take or self.echo)
        self.peer = plain_socket(self.context, zmq.DEALER)
        self.peer.connect(f"ipc://{folder}/socket")
        self.task = asyncio.get_running_loop().create_task(self.ours.run())

    def echo(self, frames: list[bytes]) -> None:
        self.heard.append(frames[1])
        self.ours.send(frames)

    async def answers(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < count:
                try:
                    found.append(self.peer.recv(zmq.NOBLOCK))
                except zmq.Again:
                    await asyncio.sleep(0.001)
        return found


@asynccontextmanager
async def rig(folder: Path, take: Callable[[list[bytes]], None] | None = None) -> AsyncIterator[Rig]:
    made = Rig(folder, take)
    try:
        yield made
    finally:
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)
        made.ours.close()
        made.peer.close(0)
        made.context.destroy(0)


async def test_many_messages_are_answered_in_their_order_though_answers_are_sent_between_them(tmp_path: Path) -> None:
    """The descriptor tells of arrivals once; an answer that is sent in between may take that sign."""
    sent = [str(n).encode() for n in range(2_000)]
    async with rig(tmp_path) as on:
        for n, message in enumerate(sent):
            on.peer.send(message)
            if n % 7 == 0:
                await asyncio.sleep(0)
        assert await on.answers(len(sent)) == sent
        assert on.heard == sent


async def test_what_is_sent_by_others_meanwhile_makes_no_arrival_go_unheard(tmp_path: Path) -> None:
    async with rig(tmp_path) as on:
        on.peer.send(b"first")
        assert await on.answers(1) == [b"first"]
        peer: list[bytes] = []
        on.ours._take = peer.extend  # From now on nothing is sent from within.
        on.peer.send(b"who")
        async with asyncio.timeout(PATIENCE_S):
            while not peer:
                await asyncio.sleep(0.001)
        for n in range(500):
            on.peer.send(str(n).encode())
            on.ours.send([peer[0], b"news"])
            async with asyncio.timeout(PATIENCE_S):
                while peer[-1] != str(n).encode():
                    await asyncio.sleep(0)


async def test_a_peer_that_never_stops_leaves_turns_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_socket_module, "AT_ONCE", 5)
    in_a_turn: list[int] = []
    heard = 0

    def take(frames: list[bytes]) -> None:
        nonlocal heard
        heard += 1

    async with rig(tmp_path, take) as on:
        for _ in range(100):
            on.peer.send(b"x")
        async with asyncio.timeout(PATIENCE_S):
            while heard < 100:
                before = heard
                await asyncio.sleep(0)
                in_a_turn.append(heard - before)
        assert 0 < max(in_a_turn) <= 2 * 5, "the loop's reader and the call that goes on may share one turn"


async def test_a_message_that_cannot_be_taken_ends_it_with_the_reason(tmp_path: Path) -> None:
    def take(frames: list[bytes]) -> None:
        raise LookupError("a mistake of ours")

    async with rig(tmp_path, take) as on:
        on.peer.send(b"x")
        with pytest.raises(LookupError, match="a mistake of ours"):
            await asyncio.wait_for(on.task, PATIENCE_S)
