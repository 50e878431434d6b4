"""A file of frames that is only appended to: what a part of the index has taken in since its last whole save.

A frame is its length, the first 16 bytes of its SHA-256, and its bytes. Reading ends at the first frame that is not
whole: what a crash tore off, or what somebody changed. What follows is cut off and must be fed again.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from ..store.files import PRIVATE_FILE, sync_folder, write_all

FRAME_BYTES_MAX = 256 * 1024 * 1024
_HEAD = struct.Struct("<I16s")


class Journal:
    """Append with `append`; made by `open`, which hands over the frames that are sound."""

    def __init__(self, handle: int, size: int) -> None:
        self._handle, self.size = handle, size

    @classmethod
    def open(cls, path: Path, believed: Callable[[bytes], bool] = lambda frame: True) -> tuple[Journal, list[bytes]]:
        """Open or begin the file. Returns it with its sound frames up to the first one that is not believed.

        The rest of it is cut off, so that it cannot come back behind what is appended from here on.
        """
        new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
        frames = list(itertools.takewhile(believed, _frames(path.read_bytes())))
        sound = sum(_HEAD.size + len(frame) for frame in frames)
        os.ftruncate(handle, sound)
        os.lseek(handle, sound, os.SEEK_SET)
        if new:
            sync_folder(path.parent)
        return cls(handle, sound), frames

    def append(self, frame: bytes) -> None:
        """Durable on return. Raises OSError; then the file is as it was."""
        try:
            write_all(self._handle, _HEAD.pack(len(frame), _check(frame)) + frame)
            os.fsync(self._handle)
        except OSError:
            if self._handle < 0:
                raise
            os.ftruncate(self._handle, self.size)
            os.lseek(self._handle, self.size, os.SEEK_SET)
            raise
        self.size += _HEAD.size + len(frame)

    def close(self) -> None:
        """Nothing can be appended any more."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _frames(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HEAD.size <= len(data):
        length, check = _HEAD.unpack_from(data, at)
        frame = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(frame) < length or _check(frame) != check:
            return
        yield frame
        at += _HEAD.size + length


def _check(frame: bytes) -> bytes:
    return hashlib.sha256(frame).digest()[:16]
