"""Files that survive power loss: written beside, synced, renamed, and the folder synced as well."""

from __future__ import annotations

import os
import threading
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
SHRED_BYTES = 1 << 20


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path`. A reader sees the old or the new content, never half; durable on return."""
    # Named by thread too: two of them may keep the same content at once.
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        write_all(handle, data)
        os.fsync(handle)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    fresh.replace(path)
    sync_folder(path.parent)


def write_all(handle: int, data: bytes) -> None:
    """os.write may take only a part; this takes it all."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_shredding(path: Path, data: bytes) -> None:
    """Replace `path` durably, then write over what it held before.

    Overwriting is a best effort: a file system that copies on write, a flash disk or a snapshot keeps old blocks.
    """
    try:
        old = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        write_durably(path, data)
        return
    try:
        write_durably(path, data)
        shred(old)
    finally:
        os.close(old)


def shred(handle: int) -> None:
    """Write zeros over the whole open file, and sync them."""
    size = os.fstat(handle).st_size
    os.lseek(handle, 0, os.SEEK_SET)
    for start in range(0, size, SHRED_BYTES):
        write_all(handle, bytes(min(SHRED_BYTES, size - start)))
    os.fsync(handle)
