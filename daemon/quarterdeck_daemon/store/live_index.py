"""Which entities are live, and by which marks they are found: in memory, made again at each start.

Live ids stand in the store; marks follow from the entities (`Entity.marks`). Those of a kind are read when somebody first
asks for one, from then on they are kept up with each write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..core.entities import Entity


class LiveIndex:
    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._marked: dict[str, dict[str, set[str]]] = {}  # Kind -> mark -> ids, of kinds that were asked for.
        self._marks: dict[str, dict[str, tuple[str, ...]]] = {}  # Kind -> id -> its marks, of the same kinds.

    def add(self, kind: str, id: str) -> None:
        """It is live, as the store says; before anybody asked for a mark."""
        self._ids.setdefault(kind, set()).add(id)

    def has(self, kind: str, id: str) -> bool:
        return id in self._ids.get(kind, ())

    def note(self, entity: Entity) -> None:
        """This is how it is from now on."""
        ids = self._ids.setdefault(entity.kind, set())
        (ids.add if entity.live else ids.discard)(entity.id)
        if entity.kind in self._marked:
            self._set(entity.kind, entity.id, entity.marks if entity.live else ())

    def forget(self, kind: str, id: str) -> None:
        self._ids.get(kind, set()).discard(id)
        if kind in self._marked:
            self._set(kind, id, ())

    def ids(self, kind: str, mark: str, all_live: Callable[[], Iterable[Entity]]) -> list[str]:
        """Ids in order; with a mark, of those that have it. all_live: reads the kind when its marks are not known yet."""
        if not mark:
            return sorted(self._ids.get(kind, ()))
        if kind not in self._marked:
            self._marked[kind], self._marks[kind] = {}, {}
            for entity in all_live():
                self._set(kind, entity.id, entity.marks)
        return sorted(self._marked[kind].get(mark, ()))

    def _set(self, kind: str, id: str, marks: tuple[str, ...]) -> None:
        of_kind = self._marked[kind]
        for mark in self._marks[kind].pop(id, ()):
            of_kind[mark].discard(id)
            if not of_kind[mark]:
                del of_kind[mark]
        for mark in marks:
            of_kind.setdefault(mark, set()).add(id)
        if marks:
            self._marks[kind][id] = marks
