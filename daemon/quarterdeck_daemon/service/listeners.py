"""Who hears the pieces of an answer while it is still being made."""

from __future__ import annotations

from collections.abc import Callable

Hear = Callable[[str], None]


class Listeners:
    def __init__(self) -> None:
        self._hearing: dict[str, list[Hear]] = {}

    def listen(self, id: str, hear: Hear) -> Callable[[], None]:
        """Have the pieces of this order's answer told to `hear`, until what is returned is called."""
        hearing = self._hearing.setdefault(id, [])
        hearing.append(hear)

        def leave() -> None:
            hearing.remove(hear)
            if not hearing and self._hearing.get(id) is hearing:
                del self._hearing[id]

        return leave

    def tell(self, id: str, text: str) -> None:
        for hear in list(self._hearing.get(id, ())):
            hear(text)
