"""ZIP containers (DOCX, XLSX), read member by member and never unpacked.

A bomb is refused twice: by what the directory promises, and by what really comes out, since directories can lie.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from .limits import (
    ZIP_ENTRIES_MAX,
    ZIP_MEMBER_BYTES_MAX,
    ZIP_RATIO_FROM_BYTES,
    ZIP_RATIO_MAX,
    ZIP_TOTAL_BYTES_MAX,
)
from .refusal import Refused

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError, KeyError)


class Archive:
    """Raises Refused `malformed`, `encrypted` or `zip_bomb`."""

    def __init__(self, data: bytes) -> None:
        if data.startswith(OLE_MAGIC):
            raise _old_or_encrypted(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except BROKEN as error:
            raise Refused("malformed", f"the file is damaged or cut off: {error}") from error
        self._left = ZIP_TOTAL_BYTES_MAX
        entries = self._zip.infolist()
        if len(entries) > ZIP_ENTRIES_MAX:
            raise Refused("zip_bomb", f"{len(entries):,} files inside; the limit is {ZIP_ENTRIES_MAX:,}")
        promised = sum(entry.file_size for entry in entries)
        if promised > ZIP_TOTAL_BYTES_MAX:
            raise Refused("zip_bomb", f"it would unpack to {promised:,} bytes; the limit is {ZIP_TOTAL_BYTES_MAX:,}")
        self.names = [entry.filename for entry in entries]

    def read(self, name: str) -> bytes:
        """Return a member's bytes."""
        try:
            entry = self._zip.getinfo(name)
            limit = self._limit(entry)
            with self._zip.open(entry) as file:
                data = file.read(limit + 1)
        except BROKEN as error:
            if "password" in str(error):
                raise Refused("encrypted", "the file is encrypted; save it again without a password") from error
            raise Refused("malformed", f"{name} inside is damaged: {error}") from error
        if len(data) > limit:
            raise Refused("zip_bomb", f"{name} unpacks to more than {limit:,} bytes")
        self._left -= len(data)
        return data

    def find(self, name: str) -> bytes | None:
        """The same, None when there is no such member."""
        return self.read(name) if name in self.names else None

    def _limit(self, entry: zipfile.ZipInfo) -> int:
        by_ratio = max(ZIP_RATIO_FROM_BYTES, entry.compress_size * ZIP_RATIO_MAX)
        return max(0, min(ZIP_MEMBER_BYTES_MAX, by_ratio, self._left))


def _old_or_encrypted(data: bytes) -> Refused:
    if ENCRYPTED_STREAM in data:
        return Refused("encrypted", "the file is encrypted; save it again without a password")
    return Refused("unsupported", "an Office file of the old kind; save it as .docx, .xlsx or PDF")
