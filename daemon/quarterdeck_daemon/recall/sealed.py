"""Notes and files whose change is noticed: each says what it is, and a hash covers it.

A part of the index that is not exactly what was written is a `Doubt`: nothing of it is used, and it is made anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

from ..store.files import write_durably

_Note = TypeVar("_Note", bound=msgspec.Struct)


class Doubt(Exception):
    """This part is missing, of another version, or not what was written."""


def write_sealed(path: Path, body: bytes) -> None:
    """Replace the file; its first line is the hash of the rest."""
    write_durably(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def read_sealed(path: Path) -> bytes:
    """Raises Doubt when it is missing or changed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Doubt(f"{path.name} cannot be read: {error.strerror}") from error
    check, _, body = data.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != check:
        raise Doubt(f"{path.name} is not what was written")
    return body


def write_note(path: Path, note: msgspec.Struct) -> None:
    write_sealed(path, msgspec.json.encode(note))


def read_note(path: Path, kind: type[_Note]) -> _Note:
    """Raises Doubt when it is missing, changed, or no `kind`."""
    try:
        return msgspec.json.decode(read_sealed(path), type=kind)
    except (msgspec.DecodeError, ValueError) as error:
        raise Doubt(f"{path.name} is of another version: {error}") from error


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
