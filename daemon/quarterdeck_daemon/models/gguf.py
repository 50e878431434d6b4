"""Reads the head of a GGUF file in plain Python, before any native code sees the file.

    u32 "GGUF", u32 version (2 or 3), u64 tensors, u64 keys
    keys     string name, u32 type, value; a string is u64 bytes and UTF-8, an array u32 type, u64 count, values
    tensors  string name, u32 dimensions, u64 each, u32 type, u64 offset from the start of the data
    data     from the next multiple of `general.alignment` (32) on

llama.cpp believes what it reads: a cut or made-up head ends its process. Here every count has a limit and every number is
compared with the size of the file. What a certain backend can do with the model is said by gguf_check.py.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import struct
from pathlib import Path
from typing import NamedTuple

from .api import ModelFailure

KEYS_MAX = 1_024
TENSORS_MAX = 20_000
STRING_BYTES_MAX = 1 << 20  # The longest are chat templates.
ITEMS_MAX = 1 << 21  # Of an array: tokens, merges.
DIMENSIONS_MAX = 4
DEFAULT_ALIGNMENT = 32
HASHED = 12  # Characters of a hash in the id of a model.

Value = int | float | bool | str | list["Value"]

_SCALARS = dict(enumerate(("<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?")))
_SCALARS |= {10: "<Q", 11: "<q", 12: "<d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_NAMES = {
    0: "u8", 1: "i8", 2: "u16", 3: "i16", 4: "u32", 5: "i32", 6: "f32", 7: "bool", 8: "string", 9: "array",
    10: "u64", 11: "i64", 12: "f64",
}  # fmt: skip
# Type of a tensor -> name, values in a block, bytes of a block.
TENSOR_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip


class BadModel(ModelFailure):
    """The file is no model that can be loaded; nothing native has seen it. The hint says what would load."""

    def __init__(self, path: Path, why: str, hint: str = "") -> None:
        self.path, self.why = path, why
        super().__init__(
            "permanent", "bad_model", f"{path.name}: {why}", hint or "Fetch the file again and compare its hash."
        )


class Tensor(NamedTuple):
    shape: tuple[int, ...]  # The fastest dimension first, as in the file.
    type: int
    offset: int  # From the start of the data.

    @property
    def size_bytes(self) -> int:
        _, values, size = TENSOR_TYPES[self.type]
        return math.prod(self.shape) // values * size


class Head(NamedTuple):
    """All of a GGUF file but its weights. types: of the keys, as `string`, `u32`, `array of f32`."""

    path: Path
    version: int
    keys: dict[str, Value]
    types: dict[str, str]
    tensors: dict[str, Tensor]
    file_bytes: int


def read_head(path: Path) -> Head:
    """Return the head of the file, its own numbers checked against each other. Raises BadModel."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(path, data).head()
    except (OSError, ValueError) as error:
        raise BadModel(path, f"cannot be read: {error}", "Is there a file, and is it not empty?") from error


def trained_context(head: Head) -> int:
    """For how many tokens the model was trained; 0 when its head does not say."""
    told = head.keys.get(f"{head.keys.get('general.architecture')}.context_length")
    return told if isinstance(told, int) and told > 0 else 0


def digest(path: Path) -> str:
    """Return the SHA-256 of the whole file: about a second for each gigabyte or two."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Reader:
    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path, self._data, self._at = path, data, 0

    def head(self) -> Head:
        if self._take(4) != b"GGUF":
            raise self._bad("is no GGUF file", "Older GGML files must be converted; look for one that ends in .gguf.")
        version = self._number("<I")
        if version not in (2, 3):
            raise self._bad(f"has GGUF version {version}", "Versions 2 and 3 load.")
        tensor_count, key_count = self._count(TENSORS_MAX, "tensors"), self._count(KEYS_MAX, "keys")
        keys: dict[str, Value] = {}
        types: dict[str, str] = {}
        for _ in range(key_count):
            name = self._string()
            if name in keys:
                raise self._bad(f"has the key {name} twice")
            keys[name], types[name] = self._value(self._number("<I"))
        tensors = self._tensors(tensor_count)
        self._check_places(tensors, keys.get("general.alignment", DEFAULT_ALIGNMENT))
        return Head(self._path, version, keys, types, tensors, len(self._data))

    def _tensors(self, count: int) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for _ in range(count):
            name, dimensions = self._string(), self._number("<I")
            if not 1 <= dimensions <= DIMENSIONS_MAX:
                raise self._bad(f"gives tensor {name!r} {dimensions} dimensions")
            shape = tuple(self._number("<Q") for _ in range(dimensions))
            kind, offset = self._number("<I"), self._number("<Q")
            if name in tensors:
                raise self._bad(f"has the tensor {name!r} twice")
            if kind not in TENSOR_TYPES:
                raise self._bad(f"has weights of the unknown type {kind} in {name!r}")
            if not all(1 <= one <= len(self._data) for one in shape) or shape[0] % TENSOR_TYPES[kind][1]:
                raise self._bad(f"gives tensor {name!r} the impossible shape {shape}")
            tensors[name] = Tensor(shape, kind, offset)
        return tensors

    def _check_places(self, tensors: dict[str, Tensor], alignment: Value) -> None:
        """Tensors lie aligned, one behind the other, inside the file."""
        if not isinstance(alignment, int) or not 8 <= alignment <= 4_096 or alignment & (alignment - 1):
            raise self._bad(f"wants the alignment {alignment}")
        room = len(self._data) - (self._at + alignment - 1) // alignment * alignment
        end = 0
        for name, tensor in sorted(tensors.items(), key=lambda one: one[1].offset):
            if tensor.offset < end or tensor.offset % alignment:
                raise self._bad(f"places the tensor {name!r} at {tensor.offset}, over another or out of line")
            end = tensor.offset + tensor.size_bytes
            if end > room:
                raise self._bad(f"is cut off: {name!r} ends {end - room} bytes behind the end of the file")

    def _value(self, kind: int) -> tuple[Value, str]:
        if kind == _ARRAY:
            inner, count = self._number("<I"), self._count(ITEMS_MAX, "items")
            return self._array(inner, count), f"array of {_NAMES.get(inner, '?')}"
        return self._scalar(kind), _NAMES[kind]

    def _scalar(self, kind: int) -> Value:
        if kind == _STRING:
            return self._string()
        if kind not in _SCALARS:
            raise self._bad(f"has a key of the unknown type {kind}")
        if kind == _BOOL:
            return self._take(1) != b"\0"
        one: Value = struct.unpack(_SCALARS[kind], self._take(struct.calcsize(_SCALARS[kind])))[0]
        return one

    def _array(self, kind: int, count: int) -> list[Value]:
        """Of scalars or strings; arrays of arrays are known to no model."""
        if kind == _STRING:
            return [self._string() for _ in range(count)]
        if kind not in _SCALARS:
            raise self._bad(f"has an array of the unknown type {kind}")
        letter = _SCALARS[kind][1] if kind != _BOOL else "B"
        return list(struct.unpack(f"<{count}{letter}", self._take(count * struct.calcsize(_SCALARS[kind]))))

    def _string(self) -> str:
        size = self._count(STRING_BYTES_MAX, "bytes of text")
        try:
            return self._take(size).decode()
        except UnicodeDecodeError as error:
            raise self._bad(f"has text that is no UTF-8 near byte {self._at}") from error

    def _count(self, most: int, what: str) -> int:
        count = self._number("<Q")
        if count > most:
            raise self._bad(f"claims {count} {what} near byte {self._at}; {most} are the most")
        return count

    def _number(self, form: str) -> int:
        number: int = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return number

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise self._bad("is cut off in its head")
        self._at += size
        return taken

    def _bad(self, why: str, hint: str = "") -> BadModel:
        return BadModel(self._path, why, hint)
