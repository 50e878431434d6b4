"""Decoded entities that were read lately, so that hot ones are not decoded again and again."""

from __future__ import annotations

from collections import OrderedDict

from ..core.entities import Entity

ENTITIES_MAX = 2_048
VALUE_BYTES_MAX = 8_192


class EntityCache:
    """Least recently used goes first. Holds at most ENTITIES_MAX values of VALUE_BYTES_MAX stored bytes."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], Entity] = OrderedDict()  # A plain dict finds its oldest slowly.

    def get(self, kind: str, id: str) -> Entity | None:
        entity = self._held.pop((kind, id), None)
        if entity is not None:
            self._held[kind, id] = entity
        return entity

    def keep(self, entity: Entity, value_bytes: int) -> None:
        if value_bytes > VALUE_BYTES_MAX:
            return
        self._held[entity.kind, entity.id] = entity
        if len(self._held) > ENTITIES_MAX:
            self._held.popitem(last=False)

    def drop(self, kind: str, id: str) -> None:
        self._held.pop((kind, id), None)

    def clear(self) -> None:
        self._held.clear()
