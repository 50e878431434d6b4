"""The last look before text leaves the house: is the fence closed?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

FILE_NAME = "fence"  # Written by the supervisor alone; its format is told in service/fence.py.
Gate = Callable[[], None]


class _Fence(msgspec.Struct, frozen=True):
    stopped: bool = False


def fence_gate(home: Path) -> Gate:
    """Return a function that raises QuarterdeckError `stopped` while the emergency stop is engaged.

    An unreadable fence counts as closed.
    """

    def gate() -> None:
        try:
            stopped = msgspec.json.decode((home / FILE_NAME).read_bytes(), type=_Fence).stopped
        except FileNotFoundError:
            stopped = False
        except (OSError, msgspec.DecodeError):
            stopped = True
        if stopped:
            raise QuarterdeckError("stopped", "nothing leaves the house, so no text is sent outside it")

    return gate
