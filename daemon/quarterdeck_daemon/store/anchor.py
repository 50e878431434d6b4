"""The head anchor: how far the log went, noted in a file of its own after each sync.

RocksDB opens an emptied, truncated or swapped log without complaint. The anchor catches that: the
event it names must be in the log, with the hash it names.

The file has two slots, each in a page of its own, written in turn, so a torn write spoils one at most.
Slot: seq8, mac (32 bytes, zero when seq is 0), keyed seal over both (32 bytes).
It is not synced at each commit: after a power cut it may be older than the log, never newer.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from .api import Head
from .chain import Chain
from .codec import seq_key
from .errors import LogCorrupt
from .files import PRIVATE_FILE, sync_folder

PAGE_BYTES = 4_096
_MAC_BYTES = 32
_SLOT_BYTES = 8 + 2 * _MAC_BYTES
_PURPOSE = b"anchor"


class Anchor:
    """An open anchor file. `head` is what it says."""

    def __init__(self, path: Path, chain: Chain, handle: int, head: Head, slot: int) -> None:
        self._chain, self._handle, self._slot = chain, handle, slot
        self.path, self.head = path, head

    @classmethod
    def create(cls, path: Path, chain: Chain, head: Head) -> Anchor:
        """Write a fresh anchor, durable on return."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        anchor = cls(path, chain, handle, head, 1)
        os.ftruncate(handle, 2 * PAGE_BYTES)
        anchor.move(head)
        anchor.move(head)
        anchor.sync()
        sync_folder(path.parent)
        return anchor

    @classmethod
    def open(cls, path: Path, chain: Chain) -> Anchor:
        """Raises LogCorrupt when no slot can be trusted, FileNotFoundError without a file."""
        handle = os.open(path, os.O_RDWR)
        if os.fstat(handle).st_size != 2 * PAGE_BYTES:
            os.close(handle)
            raise LogCorrupt(path, "the head anchor was cut short")
        slots = [(_read(chain, os.pread(handle, _SLOT_BYTES, n * PAGE_BYTES)), n) for n in (0, 1)]
        good = [(head, n) for head, n in slots if head is not None]
        if not good:
            os.close(handle)
            raise LogCorrupt(path, "neither copy of the head anchor verifies against the chain key")
        head, slot = max(good, key=lambda one: one[0].seq)
        return cls(path, chain, handle, head, slot)

    def move(self, head: Head) -> None:
        """Note a new head in the other slot. Raises OSError."""
        slot = 1 - self._slot
        value = seq_key(head.seq) + head.mac.ljust(_MAC_BYTES, b"\0")
        written = os.pwrite(self._handle, value + self._chain.seal(_PURPOSE, value), slot * PAGE_BYTES)
        if written != _SLOT_BYTES:
            raise OSError(f"only {written} of {_SLOT_BYTES} bytes of {self.path} were written")
        self._slot, self.head = slot, head

    def sync(self) -> None:
        os.fsync(self._handle)

    def close(self) -> None:
        os.close(self._handle)


def head_in(path: Path, chain: Chain) -> Head | None:
    """What the anchor says, read without opening it for writing; None when no slot can be trusted."""
    raw = path.read_bytes()
    heads = [_read(chain, raw[at : at + _SLOT_BYTES]) for at in (0, PAGE_BYTES)]
    return max((head for head in heads if head is not None), key=lambda head: head.seq, default=None)


def highest_seq(path: Path) -> int:
    """What the anchor claims, read without the key: enough to know that there was a log."""
    raw = path.read_bytes()
    return max(int.from_bytes(raw[at : at + 8], "big") for at in (0, PAGE_BYTES))


def _read(chain: Chain, slot: bytes) -> Head | None:
    value, seal = slot[: 8 + _MAC_BYTES], slot[8 + _MAC_BYTES :]
    if not hmac.compare_digest(chain.seal(_PURPOSE, value), seal):
        return None
    seq = int.from_bytes(value[:8], "big")
    return Head(seq=seq, mac=value[8:] if seq else b"")
