"""Backups of the log under `.quarterdeck/backup/`: made, checked, and reached when something is forgotten.

A backup is a state folder: `log/`, `anchor`, `content.key`, `blobs/`, and `manifest.json` with the hash of every
file. The key of the chain stays in the workspace; without it a backup can be read, and not be forged.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..store.api import Head, Removed
from ..store.backup import Manifest, hand_over_keys, has_older_keys, listed
from ..store.chain import read_key
from ..store.content_keys import FILE as CONTENT_KEY
from ..store.files import write_durably
from ..store.rocks import RocksStore

FOLDER = "backup"
MANIFEST = "manifest.json"
PASSING = (
    "manifest.json",
    "log.lock",
    "log/LOG",
    "log/LOCK",
    "log/rocksdict-config.json",
)  # Not part of the content.
_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_READ_BYTES = 1 << 20


def folder_of(home: Path, name: str) -> Path:
    """Return the folder of a backup by its name. Raises QuarterdeckError `bad_value`."""
    if not _NAME.fullmatch(name):
        raise QuarterdeckError(
            "bad_value", f"{name!r} is no name for a backup", hint="Letters, digits, `.`, `_`, `-`."
        )
    return home / FOLDER / name


def backups_in(home: Path) -> list[Path]:
    folder = home / FOLDER
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if (path / CONTENT_KEY).is_file()]


def create(store: RocksStore, folder: Path) -> Manifest:
    """Copy the running log into the new folder. Blocks; reads and appends of others wait meanwhile."""
    if folder.exists():
        raise QuarterdeckError("conflict", f"there is a backup {folder.name!r} already", hint="Choose another name.")
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)  # Of a try that was killed.
    manifest = msgspec.structs.replace(store.checkpoint(fresh), origin=str(folder.parents[2]))
    _note(fresh, manifest)
    fresh.rename(folder)
    return manifest


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found wrong with a backup, nothing when it is sound; the events that were verified."""

    faults: tuple[str, ...]
    events: int
    seq: int


def check(home: Path, folder: Path) -> Checked:
    """Compare every file with the manifest, then open a copy and verify its chain from the first event."""
    manifest = manifest_of(folder)
    faults = list(differences(folder, manifest))
    if faults:
        return Checked(faults=tuple(faults), events=0, seq=manifest.seq)
    store = RocksStore.open(folder, key=read_key(home / "chain.key"))
    try:
        found = store.verify()
        fault = () if found.broken_at is None else (f"event {found.broken_at}: {found.reason}",)
        if found.head.seq != manifest.seq:
            fault = (*fault, f"it ends at {found.head.seq}, the manifest says {manifest.seq}")
        return Checked(faults=fault, events=found.checked, seq=manifest.seq)
    finally:
        store.close()
        _note_anew(folder, found.head, manifest.origin)  # Opening it rewrites files of RocksDB.


def forget_in(home: Path, folder: Path) -> Removed | None:
    """Make a copy forget what its original has forgotten since. Returns None when there was nothing to do.

    Raises QuarterdeckError `conflict` for a copy of another log. A cut in the middle is made good by the next call.
    """
    keys = (home / CONTENT_KEY).read_bytes()
    manifest = folder / MANIFEST
    origin = manifest_of(folder).origin if manifest.is_file() else ""
    if not has_older_keys(keys, folder) and manifest.is_file():
        return None
    manifest.unlink(missing_ok=True)  # Written last: without it, a try that was cut short is begun again.
    hand_over_keys(keys, folder)
    store = RocksStore.open(folder, key=read_key(home / "chain.key"))
    try:
        removed = store.sweep()
        store.scour()
        head = store.head
    finally:
        store.close()
    _note_anew(folder, head, origin)
    return removed


def manifest_of(folder: Path) -> Manifest:
    """What a backup says it holds. Raises QuarterdeckError `not_found` without one, `bad_value` for an unreadable one."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise QuarterdeckError(
            "not_found", f"there is no backup at {folder}", hint="List them: quarterdeck backup list"
        ) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise QuarterdeckError(
            "bad_value", f"{folder / MANIFEST} cannot be read: {error}", hint="Use another backup."
        ) from error


def _note_anew(folder: Path, head: Head, origin: str) -> None:
    _note(folder, msgspec.structs.replace(listed(folder, head), origin=origin))


def _note(folder: Path, manifest: Manifest) -> None:
    kept = tuple(one for one in manifest.files if not one.path.startswith(PASSING))
    write_durably(folder / MANIFEST, msgspec.json.encode(msgspec.structs.replace(manifest, files=kept)))


def differences(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Say what of the files is not as the manifest says."""
    for one in manifest.files:
        path = folder / one.path
        if not path.is_file():
            yield f"{one.path} is missing"
        elif path.stat().st_size != one.size_bytes or hash_of(path) != one.hash:
            yield f"{one.path} is not what was written"


def hash_of(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
