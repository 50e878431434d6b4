"""Vectors of many rows in one file, mapped: the exact numbers beside a graph that holds them coarsely.

The file never changes once written. It holds the count and the dimension, the keys, and a row in half precision for
each key, in the order in which they came. Whoever names the file in a note keeps its SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..embedders.api import Vectors
from ..store.files import PRIVATE_FILE, write_all
from .sealed import Doubt

Keys = npt.NDArray[np.int64]
Halves = npt.NDArray[np.float16]
_HEAD = struct.Struct("<QQ")
ROWS_AT_ONCE = 16_384  # Copied from one file to the next.


class Matrix:
    """keys: one for each row.  rows: (count, dimension), half precision, mapped."""

    def __init__(self, keys: Keys, rows: Halves) -> None:
        self.keys, self.rows = keys, rows

    @classmethod
    def open(cls, path: Path, dimension: int) -> Matrix:
        """Map a file whose hash was compared before. Raises Doubt when it is of another shape."""
        try:
            with path.open("rb") as file:
                count, wide = _HEAD.unpack(file.read(_HEAD.size))
                keys = np.frombuffer(file.read(4 * count), "<u4").astype(np.int64)
            begin = _HEAD.size + 4 * count
            if wide != dimension or len(keys) != count or path.stat().st_size != begin + 2 * count * wide:
                raise Doubt(f"{path.name} is of another shape")
            mapped = np.memmap(path, dtype="<f2", mode="r", offset=begin, shape=(count, wide))
            return cls(keys, np.asarray(mapped))  # A plain array over the same memory: quicker to look into.
        except (OSError, struct.error, ValueError) as error:
            raise Doubt(f"{path.name} cannot be opened: {error}") from error

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, places: Keys) -> Vectors:
        """The vectors in these places, in single precision."""
        made: Vectors = self.rows[places].astype(np.float32)
        return made


def write_matrix(path: Path, before: Matrix | None, keys: Keys, vectors: Vectors) -> str:
    """Write the rows of `before` and these behind them, durably; return the file's SHA-256. Raises OSError."""
    digest = hashlib.sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)

    def put(data: bytes) -> None:
        digest.update(data)
        write_all(handle, data)

    try:
        old = before.keys if before is not None else np.empty(0, np.int64)
        put(_HEAD.pack(len(old) + len(keys), vectors.shape[1]))
        put(np.concatenate([old, keys]).astype("<u4").tobytes())
        for begin in range(0, len(old), ROWS_AT_ONCE):
            assert before is not None, "its keys were counted"
            put(before.rows[begin : begin + ROWS_AT_ONCE].tobytes())
        put(vectors.astype("<f2").tobytes())
        os.fsync(handle)
    finally:
        os.close(handle)
    return digest.hexdigest()
