"""The state as of a position of the log, read through the same protocol as that of now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from ..core.entities import Entity
from ..core.table import marked
from ..store.api import Store
from ..store.live_index import nameable

E = TypeVar("E", bound=Entity)


class PastTable:
    """A table of core/table.py over the store, as of a position; None is now."""

    def __init__(self, store: Store, as_of: int | None) -> None:
        self._store = store
        self._as_of = as_of

    def get(self, cls: type[E], id: str) -> E | None:
        return self._store.get(cls, id, as_of=self._as_of)

    def live(self, cls: type[E], mark: str = "") -> Iterator[E]:
        if self._as_of is None:
            return self._store.live(cls, mark)
        return marked((entity for entity in self._store.scan(cls, as_of=self._as_of) if entity.live), mark)

    def named(self, cls: type[E], name: str) -> Iterator[E]:
        if self._as_of is None:
            return self._store.named(cls, name)
        return (entity for entity in nameable(cls, self.scan) if name in entity.names)

    def scan(self, cls: type[E], *, prefix: str = "") -> Iterator[E]:
        return self._store.scan(cls, prefix=prefix, as_of=self._as_of)
