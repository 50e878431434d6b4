"""Connector "files": writes text files of the workspace, keeping what was there before, and puts that back.

Before a file changes, a record of the operation is durable in `.quarterdeck/undo/`: the content's hash before
and after. By it a later look can tell "not yet" from "done" from "somebody else wrote since", which is never
overwritten. The old bytes lie beside it under their hash; writing them back is the undo.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path

import msgspec

from ..core.entities import Plain
from ..core.orders import FailureClass
from .arguments import check_arguments
from .base import Arg, Effect, EffectFailed, Found, Gate, Health, Verb, declare
from .durable_file import replace_durably
from .faults import fault
from .paths import opened_folder, read_regular, writable

KEPT_BYTES_MAX = 64 * 1024 * 1024  # A larger file is not replaced, since its old content could not be kept.
PASSING = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE))  # May work next time.
WRITE = declare("files", "write", {"path": Arg("path", required=True), "text": Arg("text")})
RESTORE = declare(
    "files", "restore", {"path": Arg("path", required=True), "content": Arg("line"), "expected": Arg("line")}
)
_hash = re.compile(r"(?:[0-9a-f]{32})?")
_operation_id = re.compile(r"[A-Za-z0-9_-]{1,128}")


class UndoRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation is about to change. `previous` is empty when the file is new."""

    path: str
    previous: str
    written: str


def content_hash(data: bytes) -> str:
    """BLAKE2b-128 in hex: enough to tell contents apart, short enough for a file's name."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class FilesOut:
    """`home` is the state folder of `workspace`."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self._workspace = workspace
        self._undo = home / "undo"
        self._written = home / "written"
        self._counts = {"written": 0, "failed": 0}

    @property
    def verbs(self) -> dict[str, Verb]:
        return {WRITE.name: WRITE, RESTORE.name: RESTORE}

    def check(self, effect: Effect) -> None:
        check_arguments(self.verbs[effect.verb], effect.args)
        for name in ("text",) if effect.verb == "write" else ("content", "expected"):
            value = effect.args.get(name)
            if not isinstance(value, str) or (name != "text" and not _hash.fullmatch(value)):
                raise EffectFailed(
                    "contract", "bad_argument", f"argument {name!r} is missing or no hash of a content"
                )
        if not _operation_id.fullmatch(effect.operation_id):
            raise EffectFailed("contract", "bad_operation_id", f"{effect.operation_id!r} cannot name an operation")
        writable(self._workspace, str(effect.args["path"]))

    def execute(self, effect: Effect, gate: Gate) -> Plain:
        path = str(effect.args["path"])
        parts = writable(self._workspace, path)
        try:
            if effect.verb == "restore":
                result = self._restore(effect, path, parts, gate)
            else:
                result = self._write(effect.operation_id, path, parts, str(effect.args["text"]).encode(), gate)
        except OSError as error:
            self._counts["failed"] += 1
            failure: FailureClass = "transient" if error.errno in PASSING else "permanent"
            raise EffectFailed(failure, "write_failed", f"{path!r} cannot be written: {error}") from error
        self._counts["written"] += 1
        return result

    def lookup(self, effect: Effect) -> Found:
        """By the record and what the file holds now."""
        record = self._record(effect.operation_id)
        if record is None:
            return Found(finding="absent")
        now = self._hash_now(str(effect.args["path"]))
        if now == record.written:
            return Found(finding="done", result=_result(record))
        if now == record.previous:
            return Found(finding="absent")
        return Found(finding="uncertain", message=f"{record.path!r} was changed by somebody else since")

    def previous(self, hash: str) -> bytes | None:
        """Return the bytes that an operation replaced."""
        path = self._undo / hash
        return path.read_bytes() if re.fullmatch(r"[0-9a-f]{32}", hash) and path.is_file() else None

    def health(self) -> Health:
        return Health(ok=os.access(self._workspace, os.W_OK), counts=dict(self._counts))

    def _restore(self, effect: Effect, path: str, parts: tuple[str, ...], gate: Gate) -> Plain:
        """Put back what was kept under `content`, or take the file away when that is empty.

        Only where the file is still as `expected`: what somebody wrote since is never overwritten.
        """
        content, expected = str(effect.args["content"]), str(effect.args["expected"])
        data = self.previous(content) if content else None
        if content and data is None:
            raise EffectFailed("permanent", "content_gone", f"what {path!r} held before was not kept")
        if self._hash_now(path) != expected:
            message = f"{path!r} was changed by somebody else since; it is left as it is"
            raise EffectFailed("permanent", "changed_since", message, "Look at the file and put it right by hand.")
        if data is not None:
            return self._write(effect.operation_id, path, parts, data, gate, ours=False)
        return self._remove(effect.operation_id, path, parts, gate)

    def _remove(self, operation_id: str, path: str, parts: tuple[str, ...], gate: Gate) -> Plain:
        with opened_folder(self._workspace, parts[:-1], create=False) as folder:
            old = read_regular(folder, parts[-1], KEPT_BYTES_MAX)
            record = self._keep(operation_id, path, old, None, ours=False)
            fault("files.before_rename")
            gate()
            os.unlink(parts[-1], dir_fd=folder)
            os.fsync(folder)
            fault("files.after_rename")
        return _result(record)

    def _write(
        self, operation_id: str, path: str, parts: tuple[str, ...], data: bytes, gate: Gate, *, ours: bool = True
    ) -> Plain:
        name = parts[-1]
        with opened_folder(self._workspace, parts[:-1], create=True) as folder:
            old = read_regular(folder, name, KEPT_BYTES_MAX)
            record = self._keep(operation_id, path, old, data, ours=ours)
            fresh = f".{operation_id}.new"
            _write_synced(folder, fresh, data, _mode(folder, name))
            fault("files.before_rename")
            try:
                gate()
            except EffectFailed:
                os.unlink(fresh, dir_fd=folder)
                raise
            os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
            fault("files.after_rename")
        return _result(record)

    def _keep(self, operation_id: str, path: str, old: bytes | None, data: bytes | None, *, ours: bool) -> UndoRecord:
        """Make the old bytes, the mark of the new ones and the record durable, in this order.

        data: None, the file goes away.  ours: an agent wrote it; what is put back has the trust that it had.
        """
        for folder in (self._undo, self._written):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        previous = content_hash(old) if old is not None else ""
        if old is not None:
            replace_durably(self._undo / previous, old)
        record = UndoRecord(path=path, previous=previous, written=content_hash(data) if data is not None else "")
        if ours:
            replace_durably(self._written / record.written, b"")  # See watched_files: ours is not the operator's.
        replace_durably(self._undo / f"{operation_id}.json", msgspec.json.encode(record))
        return record

    def _record(self, operation_id: str) -> UndoRecord | None:
        try:
            data = (self._undo / f"{operation_id}.json").read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(data, type=UndoRecord)

    def _hash_now(self, path: str) -> str:
        try:
            parts = writable(self._workspace, path)
            with opened_folder(self._workspace, parts[:-1], create=False) as folder:
                data = read_regular(folder, parts[-1], KEPT_BYTES_MAX)
        except FileNotFoundError:
            return ""
        except (OSError, EffectFailed) as error:
            return f"unreadable: {error}"  # Equal to no hash, so the finding is "uncertain".
        return content_hash(data) if data is not None else ""


def _result(record: UndoRecord) -> Plain:
    return {"path": record.path, "hash": record.written, "previous": record.previous}


def _mode(folder: int, name: str) -> int:
    """The mode the file has; a new one is readable by its owner's tools and nobody may execute it."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & 0o777
    except FileNotFoundError:
        return 0o600


def _write_synced(folder: int, name: str, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(name, flags, 0o600, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(data)
        file.flush()
        os.fsync(handle)
