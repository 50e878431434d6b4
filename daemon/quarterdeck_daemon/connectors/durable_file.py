"""Small files that are whole or absent, whatever is switched off when."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make names created or removed in `folder` survive power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a new or half-written file and wait until the disk has it. The name is not yet durable."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def replace_durably(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`: readers see the old or the new content, also after a power cut."""
    fresh = path.with_name(f".{path.name}.new")
    write_synced(fresh, data)
    fresh.replace(path)
    sync_folder(path.parent)
