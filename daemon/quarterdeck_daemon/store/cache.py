"""Decoded entities that were read lately, so that hot ones are not decoded again and again.

Also what is known not to be there: each command asks for a receipt, another of the same text, empty shelves.
"""

from __future__ import annotations

from collections import OrderedDict

from ..core.entities import Breaker, Counter, Entity, Memory, Meter, Reservation, Run, Waiter

BYTES_MAX = 4 << 20
ENTITY_BYTES = 1_024  # What a decoded entity takes besides its stored bytes, counted for each.
VALUE_BYTES_MAX = 8_192
ABSENT_MAX = 4_096
# Read again at once, by the next command and by whoever does what it asks for; decoded they are the same.
READ_SOON = (Breaker, Counter, Memory, Meter, Reservation, Run, Waiter)


class EntityCache:
    """Least recently used goes first. Holds at most BYTES_MAX, of values of VALUE_BYTES_MAX stored bytes at most.

    The stored bytes are held, too: the next change makes an old version of them.
    """

    def __init__(self) -> None:
        # A plain dict finds its oldest slowly.
        self._held: OrderedDict[tuple[str, str], tuple[Entity, bytes]] = OrderedDict()
        self._bytes = 0
        self._absent: set[bytes] = set()

    def get(self, kind: str, id: str) -> Entity | None:
        held = self._held.get((kind, id))
        if held is None:
            return None
        self._held.move_to_end((kind, id))
        return held[0]

    def value(self, kind: str, id: str) -> bytes | None:
        """The stored bytes of what is held."""
        held = self._held.get((kind, id))
        return held[1] if held is not None else None

    def keep(self, entity: Entity, value: bytes) -> None:
        self.drop(entity.kind, entity.id)
        if len(value) > VALUE_BYTES_MAX:
            return
        self._held[entity.kind, entity.id] = entity, value
        self._bytes += len(value) + ENTITY_BYTES
        while self._bytes > BYTES_MAX:
            _, (_, oldest) = self._held.popitem(last=False)
            self._bytes -= len(oldest) + ENTITY_BYTES

    def drop(self, kind: str, id: str) -> None:
        held = self._held.pop((kind, id), None)
        if held is not None:
            self._bytes -= len(held[1]) + ENTITY_BYTES

    def lacks(self, key: bytes) -> bool:
        """Whether nothing is stored under this record key, for all that was written since somebody looked."""
        return key in self._absent

    def note_absent(self, key: bytes) -> None:
        if len(self._absent) >= ABSENT_MAX:
            self._absent.clear()  # All at once: taking out the oldest costs more than the few that are missed.
        self._absent.add(key)

    def wrote(self, key: bytes, entity: Entity, value: bytes) -> None:
        """Note that this is what is stored from now on."""
        self._absent.discard(key)
        if isinstance(entity, READ_SOON):
            self.keep(entity, value)
        else:
            self.drop(entity.kind, entity.id)

    def clear(self) -> None:
        self._held.clear()
        self._bytes = 0
        self._absent.clear()
