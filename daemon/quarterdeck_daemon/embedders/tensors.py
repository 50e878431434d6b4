"""Reads tensors from a safetensors file, mapped and not copied.

The file: u64 little-endian length of a JSON header; the header, name -> {dtype, shape, data_offsets}; then the bytes.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from quarterdeck_protocol.codes import QuarterdeckError

HEADER_BYTES_MAX = 1_048_576
Tensor = npt.NDArray[np.float32]


class _Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the float32 tensors by name, read-only views of the mapped file; other types are left out.

    Raises QuarterdeckError `unavailable` when the file is missing or its header does not fit its bytes.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (length,) = struct.unpack("<Q", mapped[:8])
        if length > min(HEADER_BYTES_MAX, len(mapped) - 8):
            raise ValueError(f"its header would be {length} bytes long")
        header = msgspec.json.decode(mapped[8 : 8 + length], type=dict[str, msgspec.Raw])
        header.pop("__metadata__", None)
        entries = {name: msgspec.json.decode(raw, type=_Entry) for name, raw in header.items()}
        return {name: _view(mapped, 8 + length, entry) for name, entry in entries.items() if entry.dtype == "F32"}
    except (OSError, ValueError, struct.error, msgspec.MsgspecError) as error:
        raise QuarterdeckError("unavailable", f"{path} cannot be read as tensors: {error}") from error


def _view(mapped: mmap.mmap, base: int, entry: _Entry) -> Tensor:
    begin, end = entry.data_offsets
    count = int(np.prod(entry.shape, dtype=np.int64))
    if begin < 0 or end - begin != 4 * count or base + end > len(mapped):
        raise ValueError("a tensor lies outside the file")
    return np.frombuffer(mapped, dtype="<f4", count=count, offset=base + begin).reshape(entry.shape)
