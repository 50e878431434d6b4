"""The fence: one small file that says whether anything may leave the house.

Owns     `.quarterdeck/fence`, written by the supervisor alone.
Promises a reader sees the old or the new fence, never half of one; an unreadable fence counts as stopped.
Leaves   killing processes to the supervisor, recording to the log to the daemon.

The epoch grows with every engage and every release, so an order given before a stop can never pass after it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


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
    """Replace the fence, surviving power loss when this returns."""
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, msgspec.json.encode(fence))
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
