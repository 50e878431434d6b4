"""One process per log: an advisory lock taken before anything else is opened, naming its owner."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from .errors import LogLocked
from .files import PRIVATE_FILE

POLL_S = 0.05


class FolderLock:
    """Held until `release` or the end of the process; the operating system lets go of it after a kill."""

    def __init__(self, path: Path, *, wait_s: float = 0.0) -> None:
        """Raises LogLocked when another holder is still there after `wait_s`."""
        self._path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        deadline = time.monotonic() + wait_s
        while not self._taken():
            if time.monotonic() >= deadline:
                pid = self._owner()
                os.close(self._handle)
                raise LogLocked(path, pid)
            time.sleep(POLL_S)
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._handle)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _owner(self) -> int | None:
        text = os.pread(self._handle, 32, 0)
        return int(text) if text.isdigit() else None
