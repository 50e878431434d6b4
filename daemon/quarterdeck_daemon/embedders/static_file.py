"""The file of the static table: what stands in it, written and read.

    8 bytes   b"QDSTATIC"
    4 x u32   version 1, rows, dimension, bytes of the vocabulary; little-endian, as all below
    utf-8     the vocabulary, one piece a line, padded with zero bytes to a multiple of 64 of the file
    f32       a weight for each row: its scale times how much the piece says; 0 for pieces that say nothing
    i8        the rows

A piece's vector is weight * row. `tools/static_table/make.py` makes the file; DIGEST names the one that was committed.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quarterdeck_protocol.codes import QuarterdeckError

PATH = Path(__file__).with_name("static_table.bin")
DIGEST = "248ec4008595cb3796e345b33a8b3f6dfdedf3e646fdeb35ec57ba760e064359"

_MAGIC = b"QDSTATIC"
_VERSION = 1
_HEAD = struct.Struct("<8s4I")
_ALIGN = 64


class StaticTable(NamedTuple):
    vocabulary: list[str]
    weights: npt.NDArray[np.float32]  # (rows,)
    rows: npt.NDArray[np.int8]  # (rows, dimension)


def table_bytes(table: StaticTable) -> bytes:
    """Return the file's content."""
    words = "\n".join(table.vocabulary).encode()
    head = _HEAD.pack(_MAGIC, _VERSION, *table.rows.shape, len(words))
    padding = bytes(-(len(head) + len(words)) % _ALIGN)
    return b"".join((head, words, padding, table.weights.astype("<f4").tobytes(), table.rows.tobytes()))


def read_table(path: Path = PATH, digest: str = DIGEST) -> StaticTable:
    """Return the table, mapped and not copied.

    Raises QuarterdeckError `unavailable` when the file is missing or is not the one that `digest` (SHA-256) names.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped.
        raise _refused(path, str(error)) from error
    if hashlib.sha256(mapped).hexdigest() != digest:
        raise _refused(path, "its bytes are not those that were shipped")
    magic, version, count, dimension, length = _HEAD.unpack_from(mapped)
    assert (magic, version) == (_MAGIC, _VERSION), "the digest names a table of this version"
    at = _HEAD.size + length
    words = mapped[_HEAD.size : at].decode()
    at += -at % _ALIGN
    weights = np.frombuffer(mapped, dtype="<f4", count=count, offset=at)
    rows = np.frombuffer(mapped, dtype=np.int8, count=count * dimension, offset=at + 4 * count)
    return StaticTable(words.split("\n"), weights, rows.reshape(count, dimension))


def _refused(path: Path, why: str) -> QuarterdeckError:
    return QuarterdeckError(
        "unavailable",
        f"the table of word pieces {path.name} cannot be used: {why}",
        hint="Install the package again.",
    )
