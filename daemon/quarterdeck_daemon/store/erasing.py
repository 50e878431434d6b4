"""Taking rows away: what an erased entity leaves in the families of the database.

Sealed content is gone with its key. What is left are names: keys of rows hold ids, and people choose some of
those (`fact:client/ines`). So the rows go too, from records, versions, links and the list of live ones. Which
rows of a name go is decided row by row: one that can still be opened was written later and stays.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import ENTITIES
from ..core.subjects import subject_of_entity
from .api import Removal, Removed
from .blobs import Blobs
from .codec import (
    NUL,
    SEALED,
    SEQ_MAX,
    after_prefix,
    header,
    joined,
    link_keys,
    link_of,
    link_prefix,
    part,
    payload,
    seq_key,
    seq_of,
)
from .database import Batch, Database
from .opening import walk
from .sealing import Sealing

ENTITIES_PER_BATCH = 20  # So long an append may have to wait.
CHOSEN_KINDS = (
    "alias",
    "asset",
    "edge",
    "fact",
    "receipt",
    "run",
    "shelf",
    "snapshot",
)  # Kinds whose ids people choose.
_LIVE = joined("live")


class Eraser:
    """Erases in one database. Writes batches; syncs nothing."""

    def __init__(self, database: Database, sealing: Sealing, blobs: Blobs) -> None:
        self._db, self._sealing, self._blobs = database, sealing, blobs

    def unsealed(self, events: Iterable[int]) -> list[int]:
        found = ((seq, self._db.get("events", seq_key(seq))) for seq in events)
        return [seq for seq, stored in found if stored and self._sealing.index_of_event(stored) is None]

    def indexes(self, removal: Removal) -> set[int]:
        """Where the keys lie that the named events, entities and blobs are stored with. Raises `conflict`."""
        refuse_unsealed(self.unsealed(removal.events))
        found: set[int | None] = set()
        for seq in removal.events:
            stored = self._db.get("events", seq_key(seq))
            found.add(self._sealing.index_of_event(stored) if stored else None)
        for entity in removal.entities:
            found |= {self._sealing.index_of_value(value) for _, _, value in self._rows(_record_key(entity))}
        for name in removal.blobs:
            blob = self._blobs.stored(name)
            found.add(self._sealing.index_of_blob(blob) if blob else None)
        return {index for index in found if index is not None}

    def delete(self, removal: Removal, writing: threading.Lock) -> tuple[Removed, list[str]]:
        """Delete what can no longer be opened. Returns the counts, and the entities of which no value is left.

        writing: held for ENTITIES_PER_BATCH at a time, so that no row is written between a look and its deletion.
        """
        counts = {"records": 0, "versions": 0, "links": 0}
        gone: list[str] = []
        names = (*removal.entities, *removal.thinned)
        for start in range(0, len(names), ENTITIES_PER_BATCH):
            with writing:
                gone += self._delete_batch(names[start : start + ENTITIES_PER_BATCH], counts)
        blobs = self._blobs.remove_forgotten(removal.blobs)
        return Removed(**counts, blobs=blobs), gone

    def _delete_batch(self, names: Sequence[str], counts: dict[str, int]) -> list[str]:
        gone: list[str] = []
        batch, edges = self._db.batch(), set[bytes]()
        for entity in names:
            kept_from = self._delete_values(batch, entity, counts)
            edges.update(self._link_rows(entity, kept_from))  # An edge between two of them is found twice.
            if kept_from == SEQ_MAX:
                gone.append(entity)
        for row in edges:
            batch.delete("links", row)
        counts["links"] += len(edges)
        self._db.write(batch)
        return gone

    def forgotten(self) -> Iterator[str]:
        """Yield every entity that has a value whose key is gone."""
        seen: set[bytes] = set()
        for family, name_ends in (("records", None), ("versions", -9)):
            for key, value in walk(self._db, family, b"", b"\xff"):
                name = key[:name_ends]
                if name not in seen and self._sealing.forgotten(value):
                    seen.add(name)
                    kind, _, id = name.partition(NUL)
                    yield f"{kind.decode()}:{id.decode()}"

    def _delete_values(self, batch: Batch, entity: str, counts: dict[str, int]) -> int:
        """Put the deletions for one entity into the batch. Returns the first sequence that stays, or SEQ_MAX."""
        key = _record_key(entity)
        kept_from = SEQ_MAX
        for family, row, value in self._rows(key):
            if self._goes(entity, value):
                batch.delete(family, row)
                counts[family] += 1
                if family == "records":
                    batch.delete("meta", _LIVE + NUL + key)
            else:
                kept_from = min(kept_from, header(value)[0])
        return kept_from

    def _rows(self, key: bytes) -> Iterator[tuple[str, bytes, bytes]]:
        """The present value of an entity and its versions: (family, key, value)."""
        current = self._db.get("records", key)
        if current is not None:
            yield "records", key, current
        for row, value in walk(self._db, "versions", key + NUL, key + NUL + b"\xff" * 9):
            yield "versions", row, value

    def _goes(self, entity: str, value: bytes) -> bool:
        if header(value)[1] & SEALED:
            return not self._sealing.keys.knows(payload(value))
        # In clear: a tombstone, which stays, or content from before sealing, which goes.
        cls = ENTITIES[entity.partition(":")[0]]
        plain = self._sealing.open_entity(cls, b"", value)
        assert plain is not None, "a value in clear can be read"
        return subject_of_entity(plain) is not None

    def _link_rows(self, entity: str, before: int) -> Iterator[bytes]:
        """Keys of the edges of an entity and of the index of its events, made before a sequence."""
        events = joined("e", entity) + NUL
        for row, _ in walk(self._db, "links", events, events + b"\xff" * 9):
            if seq_of(row) < before:
                yield row
        for side in ("f", "t"):
            low = link_prefix(side, entity, None)
            for row, value in walk(self._db, "links", low, after_prefix(low)):
                if seq_of(value) < before:
                    yield from link_keys(link_of(row, value))


def scoured_ranges() -> Iterator[tuple[str, bytes | None, bytes | None]]:
    """Where names that people chose may stand in keys. What the house numbers is no name of anybody."""
    yield "links", None, None
    yield "meta", None, None
    for family in ("records", "versions"):
        for kind in CHOSEN_KINDS:
            yield family, part(kind) + NUL, part(kind) + b"\x01"


def refuse_unsealed(events: list[int]) -> None:
    """Raises QuarterdeckError `conflict` when the log holds some of it in clear."""
    if events:
        raise QuarterdeckError(
            "conflict",
            f"{len(events)} event(s) were written in clear and cannot be forgotten in place, the first is {events[0]}",
            hint="Export the memory without it, import that into a fresh workspace, and remove this one.",
            details={"events": events[:100]},
        )


def _record_key(entity: str) -> bytes:
    kind, _, id = entity.partition(":")
    return joined(kind, id)
