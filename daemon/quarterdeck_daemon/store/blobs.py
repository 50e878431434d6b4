"""Blobs: whole files kept under the hash of their content.

Owns     `blobs/ab/cdef…`, named by BLAKE2b-256 of the content in hex, the content sealed.
Promises durable when `put` returns; checked against the name on each read; the same bytes kept once.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from .content_keys import InvalidTag
from .errors import LogCorrupt, NoSpace, StoreFailed
from .files import PRIVATE_FOLDER, shred, sync_folder, write_durably
from .sealing import Sealing

BLOB_BYTES_MAX = 64 << 20
_NAME = re.compile(r"[0-9a-f]{64}")


def blob_hash(data: bytes) -> str:
    """BLAKE2b-256 in hex. Raises QuarterdeckError `out_of_range` above BLOB_BYTES_MAX."""
    if len(data) > BLOB_BYTES_MAX:
        raise QuarterdeckError(
            "out_of_range",
            f"the file has {len(data)} bytes; the most that is kept is {BLOB_BYTES_MAX}",
            hint="Split it, or remember a note that says where it lies.",
        )
    return hashlib.blake2b(data, digest_size=32).hexdigest()


class Blobs:
    """Content-addressed files in a folder."""

    def __init__(self, folder: Path, sealing: Sealing) -> None:
        self.folder, self._sealing = folder, sealing
        self._meeting = threading.Lock()  # Nothing is dropped that somebody is just putting.

    def put(self, data: bytes) -> str:
        """Keep the bytes, return their hash. Raises NoSpace, StoreFailed, `out_of_range` for too many."""
        name = blob_hash(data)
        path = self._path(name)
        try:
            if self._met_again(path, name):
                sync_folder(path.parent)  # Whoever wrote it may have been killed before doing so.
            else:
                self._make(path.parent)
                write_durably(path, self._sealing.blob(name, data))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise (NoSpace if full else StoreFailed)(path.parent, str(error)) from error
        return name

    def get(self, name: str) -> bytes | None:
        """Return the bytes, None when unknown or forgotten. Raises LogCorrupt when they are not what was kept."""
        stored = self.stored(name)
        if stored is None:
            return None
        try:
            data = self._sealing.open_blob(name, stored)
        except InvalidTag as error:
            raise LogCorrupt(self._path(name), "its content cannot be opened with its key") from error
        if data is not None and hashlib.blake2b(data, digest_size=32).hexdigest() != name:
            raise LogCorrupt(self._path(name), "its content does not match its name")
        return data

    def stored(self, name: str) -> bytes | None:
        """The bytes of the file, sealed as they are."""
        if not _NAME.fullmatch(name):
            return None
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def remove_forgotten(self, names: Iterable[str]) -> int:
        """Remove the files whose key is gone, and those from before sealing. Returns how many were there."""
        removed = 0
        for name in names:
            stored = self.stored(name)
            if stored is None or self._stays(name, stored):
                continue
            path = self._path(name)
            handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                shred(handle)
            finally:
                os.close(handle)
            path.unlink()
            sync_folder(path.parent)
            removed += 1
        return removed

    def drop(self, names: Iterable[str], *, unused_s: float) -> list[str]:
        """Remove the files that nobody has put for so long. Returns the names of those that are gone."""
        gone: list[str] = []
        for name in names:
            path = self._path(name)
            with self._meeting:
                if not _NAME.fullmatch(name) or not path.is_file() or time.time() - path.stat().st_mtime < unused_s:
                    continue
                path.unlink()  # No shredding: backups share the file.
            gone.append(name)
        for folder in {self._path(name).parent for name in gone}:
            sync_folder(folder)
        return gone

    def names(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/*")):
            if _NAME.fullmatch(path.parent.name + path.name):
                yield path.parent.name + path.name

    def _stays(self, name: str, stored: bytes) -> bool:
        """Whether its key is still there: written again after it was forgotten, it has a new one."""
        if self._sealing.index_of_blob(stored) is None:
            return False  # From before sealing.
        try:
            return self._sealing.open_blob(name, stored) is not None
        except InvalidTag:
            return True  # Damaged is not forgotten.

    def _met_again(self, path: Path, name: str) -> bool:
        """Whether the file is there and good; from now on it counts as just put."""
        with self._meeting:
            there = self._intact(path, name)
            if there:
                os.utime(path)
            return there

    def _intact(self, path: Path, name: str) -> bool:
        """A damaged or forgotten file is written anew by whoever still has the bytes."""
        try:
            data = self._sealing.open_blob(name, path.read_bytes())
        except (FileNotFoundError, InvalidTag):
            return False
        return data is not None and hashlib.blake2b(data, digest_size=32).hexdigest() == name

    def _make(self, folder: Path) -> None:
        for one in (self.folder, folder):
            if not one.is_dir():
                one.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
                sync_folder(one.parent)

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name[2:]
