"""A copy of a running log: RocksDB's own checkpoint, an anchor at its head, blobs, and a list of what it holds.

The content of a copy is as sealed as that of the log, and a copy holds the keys of its content, so it can be read
without the original. Whoever forgets something must therefore reach the copies too: `hand_over_keys` replaces the
keys of a copy by what is left of them, and `RocksStore.sweep` then takes away what cannot be read any more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .anchor import Anchor
from .api import Head
from .chain import Chain
from .content_keys import FILE as CONTENT_KEY
from .content_keys import KeyState
from .database import Database
from .files import PRIVATE_FOLDER, replace_shredding, sync_folder, write_durably

_READ_BYTES = 1 << 20


class CopiedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the copy; `path` is relative to it, `hash` BLAKE2b-256 in hex."""

    path: str
    size_bytes: int
    hash: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy holds: the position of its anchor, the keyed hash there in hex, and its files.

    origin: the workspace that it was made of, where it lay then; empty in copies from before this was noted.
    """

    seq: int
    mac: str
    files: tuple[CopiedFile, ...]
    origin: str = ""


def copy_log(database: Database, chain: Chain, head: Head, to: Path, *, content_key: bytes, blobs: Path) -> Manifest:
    """Make `to` (which must not exist) a state folder without the key of the chain.

    content_key: content of that file.  blobs: the folder; its files become hard links where that is possible.

    Raises QuarterdeckError `conflict` when `to` is there, NoSpace or StoreFailed when copying fails.
    """
    try:
        to.mkdir(mode=PRIVATE_FOLDER, parents=True)
    except FileExistsError as error:
        raise QuarterdeckError("conflict", f"{to} exists already", hint="Name a new folder.") from error
    database.checkpoint(to / "log")
    Anchor.create(to / "anchor", chain, head).close()
    write_durably(to / CONTENT_KEY, content_key)
    _link_all(blobs, to / "blobs")
    sync_folder(to / "log")
    sync_folder(to)
    return listed(to, head)


def listed(to: Path, head: Head) -> Manifest:
    """What the copy in `to` holds now."""
    paths = sorted(path for path in to.rglob("*") if path.is_file())
    return Manifest(seq=head.seq, mac=head.mac.hex(), files=tuple(_listed(path, to) for path in paths))


def hand_over_keys(content_key: bytes, copy: Path) -> bool:
    """Replace the keys of a copy by these, which are what is left of the same keys. Returns whether they changed."""
    older = has_older_keys(content_key, copy)
    if older:
        replace_shredding(copy / CONTENT_KEY, content_key)
    return older


def has_older_keys(content_key: bytes, copy: Path) -> bool:
    """Whether something was forgotten since the keys of the copy were written.

    Raises QuarterdeckError `conflict` when the copy is of another log, `not_found` when it has no keys.
    """
    path = copy / CONTENT_KEY
    ours = KeyState.unpacked(path, content_key)
    try:
        theirs = KeyState.unpacked(path, path.read_bytes())
    except FileNotFoundError as error:
        raise QuarterdeckError("not_found", f"{copy} has no {CONTENT_KEY}", hint="Is it a backup?") from error
    if theirs.id != ours.id:
        raise QuarterdeckError("conflict", f"{copy} is a copy of another log", hint="Use the workspace it came from.")
    return theirs.epoch < ours.epoch


def _link_all(blobs: Path, to: Path) -> None:
    """Blobs never change, so a link is as good as a copy; from the moment of the checkpoint on nothing is lost."""
    for path in sorted(blobs.glob("??/*")):
        target = to / path.parent.name / path.name
        target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
    for folder in (to, *to.glob("??")) if to.is_dir() else ():
        sync_folder(folder)


def _listed(path: Path, base: Path) -> CopiedFile:
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return CopiedFile(path=str(path.relative_to(base)), size_bytes=path.stat().st_size, hash=digest.hexdigest())
