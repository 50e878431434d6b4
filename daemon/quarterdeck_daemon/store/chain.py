"""The chain: each event carries the keyed hash of the one before, so no past entry changes unnoticed.

mac(n) = HMAC-SHA256(key, stored bytes of event n);  event n+1 holds it as `prev_mac`.

The key lies outside the log (`chain.key`, 32 random bytes and a checksum), so who can write the log
cannot make a chain that verifies. The file's checksum tells a damaged key from a forged log.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from .api import Head, Verification
from .errors import LogCorrupt
from .files import write_durably

KEY_BYTES = 32
_CHECK_BYTES = 8
EMPTY = Head(seq=0, mac=b"")


class _Chained(msgspec.Struct):
    """The two fields of an event that the chain needs; reading only these is much faster."""

    seq: int
    prev_mac: bytes = b""


_READ_CHAINED = msgspec.msgpack.Decoder(_Chained)


class Chain:
    """Computes and checks keyed hashes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a chain key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key

    def mac(self, stored: bytes) -> bytes:
        return hmac.digest(self._key, stored, "sha256")

    def seal(self, purpose: bytes, value: bytes) -> bytes:
        """Keyed hash over something that is not an event; `purpose` keeps the uses apart."""
        return hmac.digest(self._key, b"quarterdeck\0" + purpose + b"\0" + value, "sha256")

    def follow(self, start: Head, rows: Iterable[tuple[int, bytes]], end: Head) -> Verification:
        """Check that `rows` (seq, stored bytes) continue `start` without a gap and lead to `end`."""
        at, checked = start, 0
        for seq, stored in rows:
            reason, broken_at = self._breach(at, seq, stored)
            if reason:
                return Verification(checked=checked, head=end, broken_at=broken_at, reason=reason)
            at, checked = Head(seq=seq, mac=self.mac(stored)), checked + 1
        if at.seq != end.seq:
            return Verification(checked=checked, head=end, broken_at=at.seq + 1, reason="the event is missing")
        if not hmac.compare_digest(at.mac, end.mac):
            return Verification(checked=checked, head=end, broken_at=at.seq, reason="the last event was changed")
        return Verification(checked=checked, head=end)

    def _breach(self, at: Head, seq: int, stored: bytes) -> tuple[str, int]:
        if seq != at.seq + 1:
            return "the event is missing", at.seq + 1
        try:
            event = _READ_CHAINED.decode(stored)
        except (msgspec.DecodeError, RecursionError):
            return "the event cannot be read", seq
        if event.seq != seq:
            return "the event stands under another number", seq
        if hmac.compare_digest(event.prev_mac, at.mac):
            return "", 0
        # The hash over `at` differs from what was noted when its successor was written.
        return "the event was changed after it was written", max(at.seq, 1)


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def write_key(path: Path, key: bytes) -> None:
    write_durably(path, key + _check(key))


def read_key(path: Path) -> bytes | None:
    """Return the key, None without a file. Raises LogCorrupt when the file is damaged."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    key = raw[:KEY_BYTES]
    if raw != key + _check(key) or len(key) != KEY_BYTES:
        raise LogCorrupt(path, "the chain key is damaged")
    return key


def _check(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_CHECK_BYTES).digest()
