"""A house for handlers that read: real store, engine and handlers, no processes and no sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec

from quarterdeck_daemon.core.commands import Command
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.service.engine import Engine, Executed
from quarterdeck_daemon.service.house import House, Tally
from quarterdeck_daemon.service.rpc import Asked
from quarterdeck_daemon.store.in_memory import InMemoryStore


async def _send(chunk: Plain) -> bool:
    raise AssertionError("these reads are no streams")


ASKED = Asked(role="operator", actor="operator", request_id=None, body_hash="", deadline_ms=None, send=_send)


class Reading:
    """`house` has store and engine only; `now_us` is the wall clock, which the test sets."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.now_us = 1_700_000_000_000_000
        self.engine = Engine(
            self.store, on_events=lambda _: None, on_needs=lambda _: None, now_us=lambda: self.now_us
        )
        none = cast(Callable[..., None], None)
        parts = dict.fromkeys(("config", "doing", "hub", "link"), none) | {"recall": SimpleNamespace(behind=0)}
        tally = Tally(self.store)
        self.house = House(Path(), store=self.store, engine=self.engine, tally=tally, **parts)  # type: ignore[arg-type]  # Not touched by reads.

    async def do(self, command: Command, actor: str = "operator") -> Executed:
        return await self.engine.execute(command, actor=actor)


@asynccontextmanager
async def reading() -> AsyncIterator[Reading]:
    made = Reading()
    task = asyncio.get_running_loop().create_task(made.engine.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def plain(value: object) -> dict[str, object]:
    """As a client gets it."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=dict[str, object])
