"""What one append writes: the rows of its events, links and records, the versions they replace, the list of live ones.

All of it goes into one batch, which the store writes or does not write as a whole.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.entities import Entity
from .cache import EntityCache
from .codec import NUL, header, inverted, joined, seq_key
from .database import Batch, Database
from .intake import Intake
from .live_index import LiveIndex

LIVE = joined("live")


class Writing:
    """current: the stored bytes under a record key."""

    def __init__(
        self, database: Database, cache: EntityCache, live: LiveIndex, current: Callable[[bytes], bytes | None]
    ) -> None:
        self._db, self._cache, self._live, self._current = database, cache, live, current

    def batch_of(self, intake: Intake) -> tuple[Batch, dict[bytes, tuple[Entity, bytes]]]:
        """Return the batch, and the final value of each record that it changes, by record key."""
        batch = self._db.batch()
        self._log(batch, intake)
        return batch, self._records(batch, intake)

    def _log(self, batch: Batch, intake: Intake) -> None:
        for seq, stored in intake.events:
            batch.put("events", seq_key(seq), stored)
        for key in intake.concerns:
            batch.put("links", key, b"")
        standing: dict[bytes, bool] = {}  # As this batch leaves them.
        for from_source, from_target, at in intake.links:
            stands = standing.get(from_source)
            if stands is None:
                stands = self._db.get("links", from_source) is not None
            standing[from_source] = at is not None
            for key in (from_source, from_target):
                if at is None:
                    batch.delete("links", key)
                elif not stands:  # A link that stands keeps saying since when.
                    batch.put("links", key, seq_key(at))

    def _records(self, batch: Batch, intake: Intake) -> dict[bytes, tuple[Entity, bytes]]:
        """Put current values, keep the replaced ones as versions."""
        final: dict[bytes, tuple[Entity, bytes]] = {}
        for entity, key, value in intake.puts:
            old = final[key][1] if key in final else self._cache.value(entity.kind, entity.id) or self._current(key)
            if old is not None:
                old_seq, _ = header(old)
                assert old_seq <= entity.seq, f"{entity.kind}:{entity.id} goes back from {old_seq} to {entity.seq}"
                if old_seq < entity.seq:
                    batch.put("versions", key + NUL + inverted(old_seq), old)
            final[key] = (entity, value)
        for key, (entity, value) in final.items():
            batch.put("records", key, value)
            self._live_row(batch, entity, key)
        return final

    def _live_row(self, batch: Batch, entity: Entity, key: bytes) -> None:
        known = self._live.has(entity.kind, entity.id)
        if entity.live and not known:
            batch.put("meta", LIVE + NUL + key, b"")
        elif known and not entity.live:
            batch.delete("meta", LIVE + NUL + key)
