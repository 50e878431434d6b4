"""Which files are complete, and what their content is called. Shared by all that reads folders.

A file is taken when its size and time have not moved between two looks that are SETTLE_S apart, or when it is
old enough anyway; a half-written one waits for the next look. Content is hashed once for each change.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import msgspec

from .arguments import is_line
from .files import content_hash
from .paths import TooLarge, opened_folder, read_regular

BYTES_MAX = 25 * 1024 * 1024
SETTLE_S = 0.4
OLD_S = 5.0
Parts = tuple[str, ...]

log = logging.getLogger("quarterdeck.intake")


class _Seen(msgspec.Struct):
    parts: Parts
    signature: tuple[int, int, int]
    since_s: float
    external_id: str | None = None  # None: not yet hashed; "": refused.


class Contents:
    """What one source has seen. Paths are parts below `workspace`."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._seen: dict[str, _Seen] = {}
        self._visited: set[str] = set()
        self.waiting = False
        self.counts = {"refused": 0, "read": 0}

    def begin(self) -> None:
        """Start a scan."""
        self._visited.clear()
        self.waiting = False

    def end(self) -> None:
        """End a scan: what it did not meet is forgotten."""
        for gone in self._seen.keys() - self._visited:
            del self._seen[gone]

    def visit(self, name: str, parts: Parts, found: os.stat_result, *, whole: bool = False) -> str | None:
        """Return `name#hash` of a complete file, None when it must wait or is refused.

        name   what the file is called for good; `parts`, where it lies now
        whole  the writer promises that it appears complete (Maildir)
        """
        self._visited.add(name)
        signature = (found.st_size, found.st_mtime_ns, found.st_ino)
        seen = self._seen.get(name)
        if seen is None or seen.signature != signature:
            seen = self._seen[name] = _Seen(parts, signature, time.monotonic())
        seen.parts = parts
        if seen.external_id is None and not is_line(name):
            self.refuse(repr(name), "has a name that is not text")
            seen.external_id = ""
        if seen.external_id is None:
            if not (whole or self._settled(seen, found)):
                self.waiting = True
                return None
            seen.external_id = self._identify(name, parts, found.st_size)
        return seen.external_id or None

    def read(self, external_id: str) -> bytes | None:
        """Return the bytes that were offered under this id; None when they are no longer there."""
        name, _, digest = external_id.rpartition("#")
        seen = self._seen.get(name)
        data = self.load(seen.parts) if seen is not None else None
        if data is None or content_hash(data) != digest:
            return None
        self.counts["read"] += 1
        return data

    def load(self, parts: Parts) -> bytes | None:
        """Return a file's bytes; None when it is gone, no plain file, or too large (then it is logged)."""
        try:
            with opened_folder(self._workspace, parts[:-1], create=False) as folder:
                return read_regular(folder, parts[-1], BYTES_MAX)
        except TooLarge:
            self.refuse("/".join(parts), f"is larger than {BYTES_MAX} bytes")
        except FileNotFoundError:
            return None
        except OSError as error:
            self.refuse("/".join(parts), str(error))
        return None

    def refuse(self, name: str, why: str) -> None:
        self.counts["refused"] += 1
        log.warning("not taken in", extra={"fields": {"name": name, "why": why}})

    def _identify(self, name: str, parts: Parts, size: int) -> str:
        data = None
        if size > BYTES_MAX:
            self.refuse(name, f"is larger than {BYTES_MAX} bytes")
        else:
            data = self.load(parts)
        return f"{name}#{content_hash(data)}" if data else ""

    @staticmethod
    def _settled(seen: _Seen, found: os.stat_result) -> bool:
        if found.st_size == 0:
            return False
        return time.monotonic() - seen.since_s >= SETTLE_S or time.time() - found.st_mtime > OLD_S
