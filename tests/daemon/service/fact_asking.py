"""Asks the handlers of facts and alerts, over a real store and engine, as a client would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from quarterdeck_daemon.core.commands import Command
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service.handlers import alerts, facts
from quarterdeck_daemon.service.rpc import Handler
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.messages import METHODS, parse_params

from .reading_house import ASKED, Reading, plain, reading


class Asking:
    """`ask` a method; `on` is the house behind it."""

    def __init__(self, on: Reading) -> None:
        self.on = on
        self._handlers: dict[str, Handler] = {**facts.handlers(on.house), **alerts.handlers(on.house)}

    async def ask(self, method: str, **params: object) -> Plain:
        """Return the result, checked against the shape that the protocol promises."""
        row = METHODS[method]
        result = await self._handlers[method](ASKED, parse_params(row, params))
        if isinstance(result, tuple):
            result = result[0]
        msgspec.convert(plain(result), row.result)
        return plain(result)

    async def put(self, id: str, value: Plain, **more: object) -> Plain:
        kind, _, key = id.partition("/")
        return await self.ask("fact.put", kind=kind, key=key, value=value, **more)

    async def get(self, id: str, **more: object) -> Plain:
        kind, _, key = id.partition("/")
        return await self.ask("fact.get", kind=kind, key=key, **more)


class Bench:
    """The pure core over the in-memory store: for properties, which need many small worlds and no loop."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.now_us = 1_790_000_000_000_000

    def do(self, command: Command, *, actor: str = "operator") -> Plain:
        env = Env(now_us=self.now_us)
        decision = decide(self.store, command, env, head=self.store.head.seq, actor=actor)
        if decision.commit.events:
            self.store.append([decision.commit])
        return decision.reply


@asynccontextmanager
async def asking() -> AsyncIterator[Asking]:
    async with reading() as on:
        yield Asking(on)
