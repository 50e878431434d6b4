"""Blobs: whole files kept under the hash of their content.

Owns     `blobs/ab/cdef…`, named by BLAKE2b-256 in hex.
Promises durable when `put` returns; checked against the name on each read; the same bytes kept once.
"""

from __future__ import annotations

import errno
import hashlib
import re
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from .errors import LogCorrupt, NoSpace, StoreFailed
from .files import PRIVATE_FOLDER, sync_folder, write_durably

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

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Keep the bytes, return their hash. Raises NoSpace, StoreFailed, `out_of_range` for too many."""
        name = blob_hash(data)
        path = self._path(name)
        try:
            if self._intact(path, name):
                sync_folder(path.parent)  # Whoever wrote it may have been killed before doing so.
            else:
                self._make(path.parent)
                write_durably(path, data)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise (NoSpace if full else StoreFailed)(path.parent, str(error)) from error
        return name

    def get(self, name: str) -> bytes | None:
        """Return the bytes, None when unknown. Raises LogCorrupt when they are not what was kept."""
        if not _NAME.fullmatch(name):
            return None
        path = self._path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.blake2b(data, digest_size=32).hexdigest() != name:
            raise LogCorrupt(path, "its content does not match its name")
        return data

    def _intact(self, path: Path, name: str) -> bool:
        """A damaged file is written anew by whoever still has the bytes."""
        try:
            return hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest() == name
        except FileNotFoundError:
            return False

    def _make(self, folder: Path) -> None:
        for one in (self._folder, folder):
            if not one.is_dir():
                one.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
                sync_folder(one.parent)

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name[2:]
