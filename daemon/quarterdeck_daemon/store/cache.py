"""Decoded entities that were read lately, so that hot ones are not decoded again and again.

Also what is known not to be there: each command asks for a receipt, another of the same text, empty shelves.
"""

from __future__ import annotations

from collections import OrderedDict

from ..core.entities import Counter, Entity, Memory

ENTITIES_MAX = 2_048
VALUE_BYTES_MAX = 8_192
ABSENT_MAX = 4_096
READ_SOON = (Memory, Counter)  # Read again at once, by the index and the next command; decoded they are the same.


class EntityCache:
    """Least recently used goes first. Holds at most ENTITIES_MAX values of VALUE_BYTES_MAX stored bytes."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], Entity] = OrderedDict()  # A plain dict finds its oldest slowly.
        self._absent: set[bytes] = set()

    def get(self, kind: str, id: str) -> Entity | None:
        entity = self._held.pop((kind, id), None)
        if entity is not None:
            self._held[kind, id] = entity
        return entity

    def keep(self, entity: Entity, value_bytes: int) -> None:
        if value_bytes > VALUE_BYTES_MAX:
            self.drop(entity.kind, entity.id)
            return
        self._held[entity.kind, entity.id] = entity
        if len(self._held) > ENTITIES_MAX:
            self._held.popitem(last=False)

    def drop(self, kind: str, id: str) -> None:
        self._held.pop((kind, id), None)

    def lacks(self, key: bytes) -> bool:
        """Whether nothing is stored under this record key, for all that was written since somebody looked."""
        return key in self._absent

    def note_absent(self, key: bytes) -> None:
        if len(self._absent) >= ABSENT_MAX:
            self._absent.clear()  # All at once: taking out the oldest costs more than the few that are missed.
        self._absent.add(key)

    def wrote(self, key: bytes, entity: Entity, value_bytes: int) -> None:
        """Note that this is what is stored from now on."""
        self._absent.discard(key)
        if isinstance(entity, READ_SOON):
            self.keep(entity, value_bytes)
        else:
            self.drop(entity.kind, entity.id)

    def clear(self) -> None:
        self._held.clear()
        self._absent.clear()
