"""Reception: what connectors see outside becomes documents in the log, each once."""

from __future__ import annotations

import asyncio
import time
from pathlib import PurePosixPath

from ..core.commands import ReceiveDocument
from ..core.entities import Alias
from ..core.orders import Arrived, DaemonMessage, Kept, Offer, Wanted
from .house import House


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
        wanted = [id for id in offer.external_ids if house.store.get(Alias, f"{offer.connector}:{id}") is None]
        return Wanted(connector=offer.connector, external_ids=tuple(wanted))

    async def arrived(self, arrived: Arrived) -> DaemonMessage:
        """Keep the bytes, then record them; acknowledge when both are durable."""
        house = self._attached()
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
