"""How the core sees the state: a keyed table of entities, read through this protocol only.

The store implements it over RocksDB and over a dict; `Draft` lays one command's writes over either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

from .entities import Entity

E = TypeVar("E", bound=Entity)


class Table(Protocol):
    """Reads of the state as of now."""

    def get(self, cls: type[E], id: str) -> E | None:
        """Return the entity, or None."""
        ...

    def live(self, cls: type[E]) -> Iterator[E]:
        """Yield every entity of the kind whose `live` is true, in id order."""
        ...
