"""Which entities are live, and by which marks and names they are found: in memory, made again at each start.

Live ids stand in the store; marks follow from live entities (`Entity.marks`), names from all (`Entity.names`). Those of a kind
are read when somebody first asks for one, from then on they are kept up with each write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Protocol, TypeVar

from ..core.entities import Entity

E = TypeVar("E", bound=Entity)


class Scan(Protocol):
    def __call__(self, cls: type[E], *, prefix: str) -> Iterable[E]: ...


def nameable(cls: type[E], scan: Scan) -> Iterable[E]:
    """Every entity of the kind that may have a name."""
    return chain.from_iterable(scan(cls, prefix=prefix) for prefix in cls.named_under)


class LiveIndex:
    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._marks, self._names = _Words(), _Words()

    def add(self, kind: str, id: str) -> None:
        """It is live, as the store says; before anybody asked for a mark."""
        self._ids.setdefault(kind, set()).add(id)

    def has(self, kind: str, id: str) -> bool:
        return id in self._ids.get(kind, ())

    def note(self, entity: Entity) -> None:
        """This is how it is from now on."""
        ids = self._ids.setdefault(entity.kind, set())
        (ids.add if entity.live else ids.discard)(entity.id)
        if self._marks.knows(entity.kind):
            self._marks.set(entity.kind, entity.id, entity.marks if entity.live else ())
        if self._names.knows(entity.kind):
            self._names.set(entity.kind, entity.id, entity.names)

    def forget(self, kind: str, id: str) -> None:
        self._ids.get(kind, set()).discard(id)
        for words in (self._marks, self._names):
            if words.knows(kind):
                words.set(kind, id, ())

    def ids(self, kind: str, mark: str, all_live: Callable[[], Iterable[Entity]]) -> list[str]:
        """Ids in order; with a mark, of those that have it. all_live: reads the kind when its marks are not known yet."""
        if not mark:
            return sorted(self._ids.get(kind, ()))
        if not self._marks.knows(kind):
            self._marks.learn(kind, ((entity.id, entity.marks) for entity in all_live()))
        return self._marks.ids(kind, mark)

    def named(self, kind: str, name: str, all_nameable: Callable[[], Iterable[Entity]]) -> list[str]:
        """Ids, in order, of those that have the name. all_nameable: reads them when the kind's names are not known yet."""
        if not self._names.knows(kind):
            self._names.learn(kind, ((entity.id, entity.names) for entity in all_nameable()))
        return self._names.ids(kind, name)


class _Words:
    """Ids by words, of the kinds that were learned."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, set[str]]] = {}  # Kind -> word -> ids.
        self._had: dict[str, dict[str, tuple[str, ...]]] = {}  # Kind -> id -> its words.

    def knows(self, kind: str) -> bool:
        return kind in self._found

    def learn(self, kind: str, every: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        self._found[kind], self._had[kind] = {}, {}
        for id, words in every:
            self.set(kind, id, words)

    def ids(self, kind: str, word: str) -> list[str]:
        return sorted(self._found[kind].get(word, ()))

    def set(self, kind: str, id: str, words: tuple[str, ...]) -> None:
        of_kind = self._found[kind]
        for word in self._had[kind].pop(id, ()):
            if word in of_kind:  # Twice among its words: gone already.
                of_kind[word].discard(id)
                if not of_kind[word]:
                    del of_kind[word]
        for word in words:
            of_kind.setdefault(word, set()).add(id)
        if words:
            self._had[kind][id] = words
