"""How the core sees the state: a keyed table of entities, read through this protocol only.

The store implements it over RocksDB and over a dict; `Draft` lays the writes that are not yet in
the store over either of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar, cast

from .entities import Entity, Link

E = TypeVar("E", bound=Entity)


class Table(Protocol):
    """Reads of the state as of now."""

    def get(self, cls: type[E], id: str) -> E | None:
        """Return the entity, or None."""
        ...

    def live(self, cls: type[E], mark: str = "") -> Iterator[E]:
        """Yield every entity of the kind whose `live` is true, in id order; with a mark, those that have it."""
        ...

    def named(self, cls: type[E], name: str) -> Iterator[E]:
        """Yield every entity of the kind, live or not, that has the name, in id order; nothing else is read."""
        ...

    def scan(self, cls: type[E], *, prefix: str = "") -> Iterator[E]:
        """Yield entities whose id begins with `prefix`, in id order."""
        ...


class Draft:
    """Writes over a table. Reads see them at once; nobody else does until they are committed.

    The table stays as it is for as long as the draft lives, so what was read once is not asked for again.
    """

    def __init__(self, base: Table) -> None:
        self._base = base
        self._read: dict[tuple[str, str], Entity | None] = {}
        self.puts: dict[tuple[str, str], Entity] = {}
        self.links: list[Link] = []
        self.unlinks: list[Link] = []
        self._touched: dict[tuple[str, str], None] = {}

    def get(self, cls: type[E], id: str) -> E | None:
        key = cls.kind, id
        entity = self.puts.get(key)
        if entity is None:
            if key not in self._read:
                self._read[key] = self._base.get(cls, id)
            entity = self._read[key]
        return cast("E | None", entity)

    def live(self, cls: type[E], mark: str = "") -> Iterator[E]:
        found = (entity for entity in self._merged(cls, self._base.live(cls, mark), "") if entity.live)
        return marked(found, mark)

    def named(self, cls: type[E], name: str) -> Iterator[E]:
        return (entity for entity in self._merged(cls, self._base.named(cls, name), "") if name in entity.names)

    def scan(self, cls: type[E], *, prefix: str = "") -> Iterator[E]:
        return self._merged(cls, self._base.scan(cls, prefix=prefix), prefix)

    def put(self, entity: Entity) -> None:
        self.puts[entity.kind, entity.id] = entity
        self.touch(entity)

    def link(self, source: str, relation: str, target: str, seq: int) -> None:
        self.links.append(Link(source=source, relation=relation, target=target, seq=seq))

    def unlink(self, source: str, relation: str, target: str) -> None:
        self.unlinks.append(Link(source=source, relation=relation, target=target))

    def touch(self, entity: Entity) -> None:
        """Note that the present event concerns this entity, changed or not."""
        self._touched[entity.kind, entity.id] = None

    def touched(self, cls: type[E]) -> tuple[E, ...]:
        """The entities of this kind that the present event has put, as they are now."""
        found = [self.get(cls, id) for kind, id in self._touched if kind == cls.kind]
        return tuple([entity for entity in found if entity is not None])

    def take_touched(self) -> tuple[str, ...]:
        """Return what was touched since the last call."""
        touched = tuple([f"{kind}:{id}" for kind, id in self._touched])
        self._touched.clear()
        return touched

    def _merged(self, cls: type[E], base: Iterator[E], prefix: str) -> Iterator[E]:
        """In id order, with the writes as they are now; whoever stops early has read no more than that."""
        own = {
            id: cast(E, one) for (kind, id), one in self.puts.items() if kind == cls.kind and id.startswith(prefix)
        }
        return _laid_over(base, own)


def marked(found: Iterator[E], mark: str) -> Iterator[E]:
    """Those of the entities that have the mark, if one is named."""
    return (entity for entity in found if mark in entity.marks) if mark else found


def _laid_over(base: Iterator[E], own: dict[str, E]) -> Iterator[E]:
    """The entities of `base`, which come in id order, with those of `own` in their places."""
    waiting = sorted(own, reverse=True)
    for entity in base:
        while waiting and waiting[-1] < entity.id:
            yield own[waiting.pop()]
        if entity.id not in own:
            yield entity
    while waiting:
        yield own[waiting.pop()]
