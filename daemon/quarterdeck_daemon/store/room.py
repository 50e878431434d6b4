"""Free space: new work is refused before the disk is full, so that a stop can still be recorded."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .errors import NoSpace

FREE_BYTES_MIN = 64 << 20
CHECK_S = 0.5  # How long one look at the file system is believed, less what was written since.


class Room:
    """How much may still be written in the file system of `path`."""

    def __init__(self, path: Path, free_bytes_min: int) -> None:
        self._path, self._min = path, free_bytes_min
        self._free = 0
        self._looked = -CHECK_S

    def check(self) -> None:
        """Raises NoSpace below the floor."""
        if self._min <= 0:
            return
        now = time.monotonic()
        if now - self._looked >= CHECK_S or self._free < self._min:
            status = os.statvfs(self._path)
            self._free, self._looked = status.f_bavail * status.f_frsize, now
        if self._free < self._min:
            kept = f"the last {self._min >> 20} MiB are kept for the stop and the audit trail"
            reason = f"{self._free >> 20} MiB are free, and {kept}"
            raise NoSpace(self._path, reason, free_bytes=self._free)

    def check_for(self, size_bytes: int) -> None:
        """Raises NoSpace when so much cannot be written besides the floor."""
        status = os.statvfs(self._path)
        free = status.f_bavail * status.f_frsize
        if free < size_bytes + self._min:
            needed = (size_bytes + self._min) >> 20
            reason = f"{free >> 20} MiB are free, {needed + 1} MiB are needed for a while"
            raise NoSpace(self._path, reason, free_bytes=free)

    def take(self, size_bytes: int) -> None:
        """Note what was written since the last look: a fast writer fills more than the floor within CHECK_S."""
        self._free -= size_bytes
