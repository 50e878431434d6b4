"""Reads an inbox: a folder of .eml files, a Maildir, or an mbox file. Never writes to it, not even flags.

External ids are `<path>#<hash of the content>`. For a Maildir the path leaves out `new/`, `cur/` and the flags,
so reading a mail in another program does not make it a new one. For an mbox it is the file's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from quarterdeck_protocol.labels import EXTERNAL

from ..core.orders import Arrived
from .base import Health, Source
from .contents import BYTES_MAX, Contents, Parts
from .files import content_hash
from .mbox import message_spans
from .paths import inside
from .settings import MailInSettings

MEDIA_TYPE = "message/rfc822"
CONNECTOR = "mail"


def _arrived(external_id: str, name: str, data: bytes) -> Arrived:
    return Arrived(
        connector=CONNECTOR,
        external_id=external_id,
        media_type=MEDIA_TYPE,
        name=name,
        data=data,
        labels=EXTERNAL,
        trigger=True,
    )


class FolderInbox:
    """One file a mail. In a Maildir files appear complete, in a plain folder they may still be growing."""

    def __init__(self, workspace: Path, parts: Parts, *, maildir: bool) -> None:
        self._workspace, self._parts, self._maildir = workspace, parts, maildir
        self._contents = Contents(workspace)

    def scan(self) -> Iterator[str]:
        self._contents.begin()
        for folder in ("new", "cur") if self._maildir else ("",):
            yield from self._scan_folder((*self._parts, folder) if folder else self._parts)
        self._contents.end()

    def fetch(self, external_id: str) -> Arrived | None:
        data = self._contents.read(external_id)
        name = external_id.rpartition("#")[0].rpartition("/")[2]
        return _arrived(external_id, name, data) if data is not None else None

    def present(self) -> None:
        """A mail that leaves the inbox is filed or deleted there; here it stays remembered."""

    def watched(self) -> tuple[str, ...]:
        return (str(self._workspace.joinpath(*self._parts)),)

    def unsettled(self) -> bool:
        return self._contents.waiting

    def health(self) -> Health:
        path = self._workspace.joinpath(*self._parts)
        return Health(ok=path.is_dir(), detail=str(path), counts=dict(self._contents.counts))

    def _scan_folder(self, parts: Parts) -> Iterator[str]:
        try:
            entries = sorted(os.scandir(self._workspace.joinpath(*parts)), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.name.startswith(".") or not (self._maildir or entry.name.lower().endswith(".eml")):
                continue
            found = _plain(entry)
            if found is None:
                continue
            name = "/".join((*self._parts, entry.name.partition(":")[0] if self._maildir else entry.name))
            external_id = self._contents.visit(name, (*parts, entry.name), found, whole=self._maildir)
            if external_id is not None:
                yield external_id


class MboxInbox:
    """Many mails in one file, which is read again as a whole when it has changed."""

    def __init__(self, workspace: Path, parts: Parts) -> None:
        self._path = workspace.joinpath(*parts)
        self._name = "/".join(parts)
        self._contents = Contents(workspace)
        self._signature: tuple[int, int, int] | None = None
        self._scanned: tuple[int, int, int] | None = None
        self._spans: dict[str, tuple[int, int]] = {}

    def scan(self) -> Iterator[str]:
        """The file counts as complete when it is as it was at the last look."""
        found = _stat(self._path)
        now = (found.st_size, found.st_mtime_ns, found.st_ino) if found else None
        settled, self._signature = now == self._signature, now
        if settled and now != self._scanned:
            self._spans = dict(self._read_spans()) if now else {}
            self._scanned = now
        yield from self._spans

    def fetch(self, external_id: str) -> Arrived | None:
        span = self._spans.get(external_id)
        if span is None or _stat(self._path) is None:
            return None
        data = self._slice(span)
        if self._id(data) != external_id:
            return None
        return _arrived(external_id, self._path.name, data)

    def present(self) -> None:
        """A mail that leaves the inbox is filed or deleted there; here it stays remembered."""

    def watched(self) -> tuple[str, ...]:
        return (str(self._path),)

    def unsettled(self) -> bool:
        return self._signature != self._scanned

    def health(self) -> Health:
        return Health(ok=self._path.is_file(), detail=str(self._path), counts=dict(self._contents.counts))

    def _read_spans(self) -> Iterator[tuple[str, tuple[int, int]]]:
        with self._path.open("rb") as file:
            spans = list(message_spans(file))
        for start, end in spans:
            if end - start > BYTES_MAX:
                self._contents.refuse(f"{self._name} at byte {start}", f"is larger than {BYTES_MAX} bytes")
            else:
                yield self._id(self._slice((start, end))), (start, end)

    def _slice(self, span: tuple[int, int]) -> bytes:
        with self._path.open("rb") as file:
            file.seek(span[0])
            return file.read(span[1] - span[0])

    def _id(self, data: bytes) -> str:
        return f"{self._name}#{content_hash(data)}"


def _plain(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The file's facts, None for a link, folder, pipe or device, and for what has just gone."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _stat(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def build_mail_in(settings: MailInSettings, workspace: Path) -> Source:
    """Return the inbox that quarterdeck.toml names. Raises EffectFailed `path_denied` outside the workspace."""
    parts = inside(workspace, settings.path)
    if settings.kind == "mbox":
        return MboxInbox(workspace, parts)
    return FolderInbox(workspace, parts, maildir=settings.kind == "maildir")
