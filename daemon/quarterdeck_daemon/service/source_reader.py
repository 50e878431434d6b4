"""Reads a source for the daemon: offers ids, sends what the daemon wants, until it is kept.

Nothing is remembered on disk: the daemon knows what it has, and says so to every offer. Reading goes on while
everything outward is stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from watchfiles import awatch

from ..connectors.base import Source
from ..connectors.contents import SETTLE_S
from ..core.orders import Kept, Offer, ProcessMessage, Wanted

OFFER_IDS_MAX = 200
ARRIVALS_MAX = 4  # On their way at once; each may be as large as a mail may be.
ANSWER_WAIT_S = 60.0
WATCH_TIMEOUT_MS = 5_000
WATCH_DEBOUNCE_MS = 100

log = logging.getLogger("quarterdeck.reader")
Send = Callable[[ProcessMessage], Awaitable[None]]


class SourceReader:
    """One source. `poll_s` is the longest time between two looks. `send` raises when there is no connection."""

    def __init__(self, connector: str, source: Source, poll_s: float, send: Send) -> None:
        self._connector, self._source, self._poll_s, self._send = connector, source, poll_s, send
        self._settled: set[str] = set()
        self._told: frozenset[str] | None = None  # The names the daemon was told are there.
        self._missed: frozenset[str] = frozenset()  # Those of them that the last look did not meet.
        self._changed = asyncio.Event()
        self.looked = asyncio.Event()  # Since the connection was made, all that lay there has been sent once.
        self._wanted: asyncio.Future[Wanted] | None = None
        self._kept: dict[str, asyncio.Future[None]] = {}

    async def run(self) -> None:
        """Look, offer, send, wait; for ever. Raises TimeoutError when the daemon does not answer."""
        self._settled.clear()  # A new connection may be to a daemon that knows less.
        self._told = None
        self.looked.clear()
        while True:
            self._changed.clear()
            try:
                seen = await asyncio.to_thread(lambda: list(dict.fromkeys(self._source.scan())))
            except OSError as error:
                fields = {"connector": self._connector, "error": str(error)}
                log.warning("a source cannot be read", extra={"fields": fields})
            else:
                await self._take_in(seen)
                self.looked.set()
                await self._tell_gone()
            await self._until_next_look()

    async def watch(self) -> None:
        """Wake `run` on changes. Where watching is not possible, polling alone goes on."""
        while True:
            existing = self._existing()
            try:
                if existing:
                    await self._watch(existing)
                else:
                    await asyncio.sleep(self._poll_s)
            except (OSError, RuntimeError) as error:  # No watches left, or a folder went away meanwhile.
                log.info("watching failed, polling goes on", extra={"fields": {"error": str(error)}})
                await asyncio.sleep(ANSWER_WAIT_S)

    def wanted(self, message: Wanted) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(message)

    def kept(self, message: Kept) -> None:
        waiting = self._kept.get(message.external_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def _take_in(self, seen: Sequence[str]) -> None:
        self._settled.intersection_update(seen)
        fresh = [id for id in seen if id not in self._settled]
        for start in range(0, len(fresh), OFFER_IDS_MAX):
            batch = fresh[start : start + OFFER_IDS_MAX]
            wanted = await self._offer(batch)
            self._settled.update(set(batch) - set(wanted))
            for place in range(0, len(wanted), ARRIVALS_MAX):
                await asyncio.gather(*(self._deliver(id) for id in wanted[place : place + ARRIVALS_MAX]))

    async def _tell_gone(self) -> None:
        """Tell what is there when something is missing, and after connecting: files may have gone meanwhile.

        A file counts as gone when two looks in a row missed it; many programs save by removing and writing anew.
        """
        present = self._source.present()
        if present is None or not present.roots:
            return  # Nothing can be called gone.
        missed = self._told - present.names if self._told is not None else frozenset()
        surely = missed & self._missed
        self._missed = missed
        if self._told is not None and not surely:
            self._told |= present.names
            return
        names = present.names | (missed - surely)
        await self._ask(Offer(connector=self._connector, external_ids=(), present=tuple(names), roots=present.roots))
        self._told = names

    async def _offer(self, batch: list[str]) -> list[str]:
        named = set(await self._ask(Offer(connector=self._connector, external_ids=tuple(batch))))
        return [id for id in batch if id in named]  # In our order: mail by mail as it lies in the inbox.

    async def _ask(self, offer: Offer) -> tuple[str, ...]:
        self._wanted = asyncio.get_running_loop().create_future()
        await self._send(offer)
        return (await asyncio.wait_for(self._wanted, ANSWER_WAIT_S)).external_ids

    async def _deliver(self, external_id: str) -> None:
        """Send one thing and wait until it is durable. Gone meanwhile: the next look decides."""
        arrived = await asyncio.to_thread(self._source.fetch, external_id)
        if arrived is None:
            return
        self._kept[external_id] = asyncio.get_running_loop().create_future()
        try:
            await self._send(arrived)
            await asyncio.wait_for(self._kept[external_id], ANSWER_WAIT_S)
        finally:
            del self._kept[external_id]
        self._settled.add(external_id)

    async def _until_next_look(self) -> None:
        soon = self._source.unsettled() or bool(self._missed)
        wait_s = min(self._poll_s, SETTLE_S) if soon else self._poll_s
        try:
            await asyncio.wait_for(self._changed.wait(), wait_s)
        except TimeoutError:
            return

    async def _watch(self, existing: tuple[str, ...]) -> None:
        watching = awatch(
            *existing,
            rust_timeout=WATCH_TIMEOUT_MS,
            yield_on_timeout=True,
            debounce=WATCH_DEBOUNCE_MS,
            step=WATCH_DEBOUNCE_MS // 2,
        )
        async for changes in watching:
            if changes:
                self._changed.set()
            if self._existing() != existing:
                return

    def _existing(self) -> tuple[str, ...]:
        return tuple(path for path in self._source.watched() if Path(path).exists())
