"""Documents on their way in pieces: kept in memory until `memory.remember` names them, or until nobody goes on.

Promises at most UPLOADS_BYTES_MAX at once; a whole is handed out only when its hash is right.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from quarterdeck_protocol.codes import QuarterdeckError

UPLOADS_BYTES_MAX = 96 * 1024 * 1024
SILENCE_S_MAX = 60.0  # Then an upload that nobody goes on with makes room.


@dataclass
class _Upload:
    size_bytes: int
    touched_s: float
    data: bytearray = field(default_factory=bytearray)
    complete: bool = False


class Uploads:
    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._held: dict[str, _Upload] = {}

    def add(self, hash: str, size_bytes: int, offset: int, data: bytes) -> tuple[int, bool]:
        """Return (bytes that lie there, whether it is whole).

        Raises QuarterdeckError `busy` when too much is on its way, `out_of_range` for a piece beyond the next or
        beyond the size, `conflict` when the whole has another hash.
        """
        begun = self._held.get(hash)
        have = len(begun.data) if begun is not None and begun.size_bytes == size_bytes else 0
        if offset + len(data) > size_bytes or offset > have:
            raise QuarterdeckError(
                "out_of_range", f"a piece from byte {offset:,} does not fit; {have:,} bytes are here"
            )
        upload = self._open(hash, size_bytes)
        if offset + len(data) > have:
            upload.data += data[have - offset :]
        upload.touched_s = self._now_s()
        if len(upload.data) == size_bytes and not upload.complete:
            if hashlib.blake2b(upload.data, digest_size=32).hexdigest() != hash:
                del self._held[hash]
                raise QuarterdeckError("conflict", "the pieces are not what the hash says", hint="Send it again.")
            upload.complete = True
        return len(upload.data), upload.complete

    def take(self, hash: str) -> bytes | None:
        """Return the whole and let go of it; None when it is not here."""
        upload = self._held.get(hash)
        if upload is None or not upload.complete:
            return None
        del self._held[hash]
        return bytes(upload.data)

    def _open(self, hash: str, size_bytes: int) -> _Upload:
        upload = self._held.get(hash)
        if upload is not None and upload.size_bytes == size_bytes:
            return upload
        now_s = self._now_s()
        for old in [key for key, one in self._held.items() if now_s - one.touched_s > SILENCE_S_MAX]:
            del self._held[old]
        on_the_way = sum(one.size_bytes for key, one in self._held.items() if key != hash)
        if on_the_way + size_bytes > UPLOADS_BYTES_MAX:
            raise QuarterdeckError(
                "busy", f"{on_the_way:,} bytes are on their way already", hint="Try again in a moment."
            )
        self._held[hash] = _Upload(size_bytes, now_s)
        return self._held[hash]
