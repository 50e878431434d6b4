"""A copy of a running log: RocksDB's own checkpoint, an anchor at its head, and a list of what it holds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .anchor import Anchor
from .api import Head
from .chain import Chain
from .database import Database
from .files import PRIVATE_FOLDER, sync_folder

_READ_BYTES = 1 << 20


class CopiedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the copy; `path` is relative to it, `hash` BLAKE2b-256 in hex."""

    path: str
    size_bytes: int
    hash: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy holds: the position of its anchor, the keyed hash there in hex, and its files."""

    seq: int
    mac: str
    files: tuple[CopiedFile, ...]


def copy_log(database: Database, chain: Chain, head: Head, to: Path) -> Manifest:
    """Make `to` (which must not exist) a state folder without key and blobs.

    Raises QuarterdeckError `conflict` when `to` is there, NoSpace or StoreFailed when copying fails.
    """
    try:
        to.mkdir(mode=PRIVATE_FOLDER, parents=True)
    except FileExistsError as error:
        raise QuarterdeckError("conflict", f"{to} exists already", hint="Name a new folder.") from error
    database.checkpoint(to / "log")
    Anchor.create(to / "anchor", chain, head).close()
    sync_folder(to / "log")
    sync_folder(to)
    paths = sorted(path for path in to.rglob("*") if path.is_file())
    return Manifest(seq=head.seq, mac=head.mac.hex(), files=tuple(_listed(path, to) for path in paths))


def _listed(path: Path, base: Path) -> CopiedFile:
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return CopiedFile(path=str(path.relative_to(base)), size_bytes=path.stat().st_size, hash=digest.hexdigest())
