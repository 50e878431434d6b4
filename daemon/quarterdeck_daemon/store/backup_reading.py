"""Reading logs that are nobody's to change: a backup before it is used, and the log that it was made of.

Everything here opens read-only: a backup may lie on a disk that cannot be written, and the log that it came from may be
in use by its daemon at this moment.
"""

from __future__ import annotations

from pathlib import Path

from quarterdeck_protocol.events import Event

from .anchor import head_in
from .api import Head, Verification
from .backup import Manifest
from .chain import Chain
from .content_keys import FILE as CONTENT_KEY
from .content_keys import KeyState
from .database import Database
from .errors import LogCorrupt
from .opening import check_keys, events_after, verified
from .sealing import Sealing

FORGETTING = "memory.forgotten"


def examined(folder: Path, chain_key: bytes, manifest: Manifest) -> Verification:
    """Verify the whole chain of a backup up to the head that its manifest names, its anchor and its keys.

    Raises LogCorrupt when the anchor or the keys are not those of this log, or when the chain key is another one.
    """
    chain = Chain(chain_key)
    head = Head(seq=manifest.seq, mac=bytes.fromhex(manifest.mac))
    anchored = head_in(folder / "anchor", chain)
    if anchored is None:
        raise LogCorrupt(folder / "anchor", "it does not verify against this chain key")
    if anchored != head:
        raise LogCorrupt(folder / "anchor", f"it names event {anchored.seq}, the manifest another end ({head.seq})")
    database = Database(folder / "log", read_only=True)
    try:
        check_keys(folder, database, chain)
        return verified(database, chain, head, 0)
    finally:
        database.close()


def keys_in(home: Path) -> KeyState | None:
    """What is left of the keys in a state folder, None without any. Raises LogCorrupt when they are damaged."""
    path = home / CONTENT_KEY
    try:
        return KeyState.unpacked(path, path.read_bytes())
    except FileNotFoundError:
        return None


def forgettings_in(home: Path, chain_key: bytes, *, after: int) -> list[Event]:
    """The forgettings that this log began after a position, oldest first; they stand in it in clear.

    Raises LogCorrupt when it cannot be read or its keys are not its own.
    """
    database = Database(home / "log", read_only=True)
    try:
        keys = check_keys(home, database, Chain(chain_key))
        if keys is None:
            return []
        sealing = Sealing(keys, home / "log")
        found = (sealing.open_event(seq, stored) for seq, stored in events_after(database, after) if _may_be(stored))
        return [event for event in found if event.kind == FORGETTING]
    finally:
        database.close()


def _may_be(stored: bytes) -> bool:
    """Whether it is worth decoding: the kind stands in clear in an event's envelope."""
    return FORGETTING.encode() in stored
