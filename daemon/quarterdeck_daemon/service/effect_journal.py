"""What the effector did, in its own words: one small file for each operation, written before and after the wire.

Owns     `.quarterdeck/effects/<operation id>`.
Promises `started` is on the disk before anything leaves, the outcome before the daemon hears of it. So an
         operation without an entry never reached the wire, and one that is `started` may have.
Leaves   what to make of a `started` one to the connector's lookup.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Literal

import msgspec

from ..connectors.base import EffectFailed
from ..connectors.durable_file import replace_durably, sync_folder
from ..core.entities import Plain
from ..core.orders import Failure

State = Literal["started", "done", "failed"]
_operation_id = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """started: may have happened. done: happened. failed: provably did not happen. `hash` is the approved one."""

    operation_id: str
    connector: str
    verb: str
    hash: str
    state: State
    at_us: int
    result: Plain = {}
    failure: Failure | None = None


class EffectJournal:
    """The folder is made when missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(folder.parent)

    def read(self, operation_id: str) -> Entry | None:
        """Return the entry, None when the operation was never begun.

        Raises EffectFailed `contract` for an id that is no file name, `uncertain` for an unreadable entry.
        """
        try:
            return msgspec.json.decode(self._path(operation_id).read_bytes(), type=Entry)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            message = f"the effector's note on {operation_id} cannot be read ({error}), so it may have happened"
            raise EffectFailed("uncertain", "journal_unreadable", message, "Check and settle it by hand.") from error

    def write(self, entry: Entry) -> None:
        """Make the entry durable. Raises OSError."""
        replace_durably(self._path(entry.operation_id), msgspec.json.encode(entry))

    def _path(self, operation_id: str) -> Path:
        if not _operation_id.fullmatch(operation_id):
            raise EffectFailed("contract", "bad_operation_id", f"{operation_id[:80]!r} cannot name an operation")
        return self._folder / operation_id


def now_us() -> int:
    return time.time_ns() // 1_000
