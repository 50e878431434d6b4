"""The queue of orders for one role: bounded, by priority, taking turns among kinds of work.

Interactive work goes first, but of every eight orders one is of the last class that waits and two of the second
(core/lines.py), so the first of the batch class waits for at most eight others. Within a class the kinds take turns.
The last room of the queue is kept for what somebody waits for.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator

from ..core.entities import Priority
from ..core.lines import ORDER, next_of

ORDERS_MAX = 100_000
SHARE: dict[Priority, float] = {
    "interactive": 1.0,
    "normal": 0.9,
    "batch": 0.8,
}  # Of the room, up to which it is taken.

_Kinds = collections.OrderedDict[str, collections.deque[str]]


class OrderQueue:
    """Ids of orders."""

    def __init__(self, room: int = ORDERS_MAX) -> None:
        self._room = room
        self._classes: dict[Priority, _Kinds] = {priority: collections.OrderedDict() for priority in ORDER}
        self._count = 0
        self._turn = 0

    def __len__(self) -> int:
        return self._count

    def has_room(self, priority: Priority) -> bool:
        return self._count < self._room * SHARE[priority]

    def put(self, id: str, kind: str, priority: Priority, *, first: bool = False) -> None:
        """first: it had its turn already and lost its process."""
        kinds = self._classes[priority]
        of_kind = kinds.setdefault(kind, collections.deque())
        if first:
            of_kind.appendleft(id)
            kinds.move_to_end(kind, last=False)
        else:
            of_kind.append(id)
        self._count += 1

    def take(self, allowed: Callable[[str], bool]) -> str | None:
        """Remove and return the next order of a kind that is allowed; None when there is none."""
        for priority in self._in_turn():
            kinds = self._classes[priority]
            for kind in kinds:
                if allowed(kind):
                    self._turn += 1
                    return self._pop(kinds, kind)
        return None

    def kinds(self) -> set[str]:
        """All that wait."""
        return {kind for kinds in self._classes.values() for kind in kinds}

    def clear(self) -> None:
        for kinds in self._classes.values():
            kinds.clear()
        self._count = 0

    def _in_turn(self) -> Iterator[Priority]:
        waiting = [priority for priority in ORDER if self._classes[priority]]
        if waiting:
            first = next_of(waiting, self._turn)
            yield first
            yield from (priority for priority in waiting if priority != first)

    def _pop(self, kinds: _Kinds, kind: str) -> str:
        of_kind = kinds[kind]
        id = of_kind.popleft()
        if of_kind:
            kinds.move_to_end(kind)
        else:
            del kinds[kind]
        self._count -= 1
        return id
