"""What every state value is."""

from __future__ import annotations

from typing import ClassVar

import msgspec

Plain = dict[str, object]


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all state values. `seq` is the log position of the last change."""

    kind: ClassVar[str] = ""
    named_under: ClassVar[tuple[str, ...]] = ()  # Beginnings of the ids that may have names.
    id: str
    seq: int = 0

    @property
    def live(self) -> bool:
        """Whether the kernel still has work to do for it; live ones are found again after a restart."""
        return False

    @property
    def marks(self) -> tuple[str, ...]:
        """By what it is found while it is live, without reading all that are: see `Table.live`."""
        return ()

    @property
    def names(self) -> tuple[str, ...]:
        """By what it is found, live or not: see `Table.named`."""
        return ()
