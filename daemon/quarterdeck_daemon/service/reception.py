"""Reception: what connectors see outside becomes documents in the log, each once."""

from __future__ import annotations

import asyncio
import time
from pathlib import PurePosixPath

from ..core.commands import LoseDocuments, ReceiveDocument
from ..core.documents import WATCHER, lies_there, place_alias
from ..core.entities import Alias
from ..core.erasure import was_forgotten
from ..core.orders import Arrived, DaemonMessage, Kept, Offer, Wanted
from ..store.blobs import blob_hash
from .house import House

LOST_AT_ONCE = 100  # Documents withdrawn by one command.
YIELD_EVERY = 500


class Reception:
    def __init__(self) -> None:
        self._house: House | None = None

    def attach(self, house: House) -> None:
        self._house = house

    async def offered(self, offer: Offer) -> DaemonMessage:
        """Answer with what the log does not have yet."""
        house = self._attached()
        if house.first_offer_s is None:
            house.first_offer_s = time.monotonic()
        if house.forked_at and house.stopped:  # A fork takes nothing in before it is released.
            return Wanted(connector=offer.connector, external_ids=())
        if offer.present is not None:
            await self._lose(house, offer.connector, frozenset(offer.present), offer.roots)
        wanted = [id for id in offer.external_ids if not self._has(house, offer.connector, id)]
        return Wanted(connector=offer.connector, external_ids=tuple(wanted))

    @staticmethod
    def _has(house: House, connector: str, id: str) -> bool:
        """Whether it was taken in, and a file of it still counts as what its place holds."""
        if was_forgotten(house.store, f"{connector}:{id}"):
            return True
        if connector == WATCHER:
            return lies_there(house.store, connector, id, id.rpartition("#")[0])
        return house.store.get(Alias, f"{connector}:{id}") is not None

    @staticmethod
    async def _lose(house: House, connector: str, present: frozenset[str], roots: tuple[str, ...]) -> None:
        """Withdraw what lay below the roots and does so no more."""
        gone: dict[str, None] = {}
        for count, alias in enumerate(house.store.scan(Alias, prefix=f"{connector}:"), 1):
            place = alias.id.removeprefix(f"{connector}:").rpartition("#")[0]
            if alias.seq <= house.forked_at:
                continue  # The origin's files were never here, so they are not lost.
            if place not in present and any(place.startswith(f"{root}/") for root in roots):
                there = house.store.get(Alias, place_alias(place))
                if there is not None and not there.gone:
                    gone[place] = None
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)  # Many thousand names; others want to be served meanwhile.
        places = list(gone)
        for start in range(0, len(places), LOST_AT_ONCE):
            command = LoseDocuments(places=tuple(places[start : start + LOST_AT_ONCE]))
            await house.engine.execute(command, actor=f"connector:{connector}")

    async def arrived(self, arrived: Arrived) -> DaemonMessage:
        """Keep the bytes, then record them; acknowledge when both are durable."""
        house = self._attached()
        if was_forgotten(house.store, f"blob:{blob_hash(arrived.data)}"):
            return Kept(external_id=arrived.external_id)  # Under another name; it stays forgotten.
        blob = await asyncio.to_thread(house.store.put_blob, arrived.data)
        command = ReceiveDocument(
            connector=arrived.connector,
            external_id=arrived.external_id,
            media_type=arrived.media_type,
            name=arrived.name,
            blob=blob,
            size_bytes=len(arrived.data),
            labels=arrived.labels,
            trigger=arrived.trigger,
            tags=self._tags(house, arrived),
            place=arrived.external_id.rpartition("#")[0] if arrived.connector == WATCHER else "",
        )
        await house.engine.execute(command, actor=f"connector:{arrived.connector}")
        return Kept(external_id=arrived.external_id)

    @staticmethod
    def _tags(house: House, arrived: Arrived) -> tuple[str, ...]:
        """The tags that the settings give to the folder it lies in."""
        if arrived.connector != "files":
            return (arrived.connector,)
        path = PurePosixPath(arrived.external_id.partition("#")[0])
        return next((place.tags for place in house.config.files if path.is_relative_to(place.path)), ())

    def _attached(self) -> House:
        assert self._house is not None, "attach the house before processes connect"
        return self._house
