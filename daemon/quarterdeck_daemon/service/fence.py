"""The fence: one small file that says whether anything may leave the house.

Owns     `.quarterdeck/fence`, written by the supervisor alone.
Promises a reader sees the old or the new fence, never half of one; an unreadable fence counts as stopped.
Leaves   killing processes to the supervisor, recording to the log to the daemon.

The epoch grows with every engage and every release, so an order given before a stop can never pass after it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

BLOCK_BYTES = 4_096


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    epoch: int = 0
    stopped: bool = False
    reason: str = ""
    by: str = ""
    at_us: int = 0


def read_fence(path: Path) -> Fence:
    """Return the fence as it stands. No file: open, epoch 0. A file that does not parse: stopped."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Fence)
    except FileNotFoundError:
        return Fence()
    except (msgspec.DecodeError, OSError) as error:
        return Fence(epoch=-1, stopped=True, reason=f"the fence file is unreadable: {error}", by="kernel")


def write_fence(path: Path, fence: Fence) -> None:
    """Put the fence into force, surviving power loss when this returns. Raises OSError.

    The file keeps its block: the new words are written over the old ones, which costs one sync of one block and no change
    of any folder, and works on a full disk. What decides, epoch and `stopped`, stands in the first sector, which a power
    cut leaves old or new; whatever does not parse counts as stopped.
    """
    data = msgspec.json.encode(fence).ljust(BLOCK_BYTES)
    if len(data) > BLOCK_BYTES or not _written_over(path, data):
        _replaced(path, data)


def _written_over(path: Path, data: bytes) -> bool:
    """False when there is no block of ours to write over."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != len(data):
            return False
        os.pwrite(handle, data, 0)
        _sync_data(handle)
    finally:
        os.close(handle)
    return True


def _replaced(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# macOS has no fdatasync.
_sync_data = getattr(os, "fdatasync", os.fsync)
