"""What the words of `remember` name: files, folders, mailboxes. Looked at without reading more than their beginning."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.media import HEAD_BYTES, MAIL, SUFFIXES, UNKNOWN, media_type_of

from ..service.mailboxes import is_maildir, is_mbox, maildir_files, mbox_messages

FILES_MAX = 200_000
STEERING = frozenset(("agents", "facts", "mail", "playbooks", "policies", "templates", "tests"))  # Of a workspace.
# In a folder these are a program's rather than somebody's words; named by themselves they are taken.
LEFT_OUT_OF_FOLDERS = frozenset((".toml", ".log", ".json", ".yaml", ".yml"))


@dataclass(frozen=True)
class Source:
    """One document to hand in.

    path   what it will replace when it has changed; "" for a mail, which never changes
    span   the bytes of the file that are meant, when it holds several
    data   the bytes themselves, when they came from a pipe
    """

    file: Path
    name: str
    path: str
    media_type: str
    size_bytes: int
    span: tuple[int, int] | None = None
    data: bytes | None = None

    def read(self) -> bytes:
        """Return the bytes. Raises OSError."""
        if self.data is not None:
            return self.data
        with self.file.open("rb") as file:
            if self.span is None:
                return file.read()
            file.seek(self.span[0])
            return file.read(self.span[1] - self.span[0])


@dataclass
class Found:
    """What there is to hand in, and what was passed over: `left_out` counts by reason."""

    sources: list[Source] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, why: str) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + 1


def find(words: Sequence[str], workspace: Path, *, recursive: bool) -> Found:
    """Look at every path. Raises QuarterdeckError `not_found` or `bad_value` before anything is handed in."""
    found = Found()
    for word in words:
        path = Path(word).expanduser()
        try:
            if path.is_dir():
                _folder(path, found, workspace, recursive=recursive)
            else:
                _file(path, found, workspace, named=True)
        except OSError as error:
            raise QuarterdeckError(
                "not_found", f"Cannot read {word}: {error.strerror}.", hint="Check the path."
            ) from error
        if len(found.sources) > FILES_MAX:
            raise QuarterdeckError("out_of_range", f"More than {FILES_MAX:,} files.", hint="Name smaller folders.")
    return found


def _folder(path: Path, found: Found, workspace: Path, *, recursive: bool) -> None:
    if is_maildir(path):
        for file in maildir_files(path):
            found.sources.append(_mail(file, f"{path.name}/{file.name.partition(':')[0]}", file.stat().st_size))
        return
    real = Path(os.path.realpath(path))
    if real in (Path(real.anchor), Path.home()):
        raise QuarterdeckError("bad_value", f"{path} is too much at once.", hint="Name a folder inside.")
    for here, folders, files in os.walk(path, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if os.path.realpath(here) == os.path.realpath(workspace):
            for name in STEERING.intersection(folders):
                folders.remove(name)
                found.leave_out("folders that steer the workspace")
        for name in sorted(files):
            if name.startswith("."):
                found.leave_out("hidden")
            elif Path(name).suffix.lower() in LEFT_OUT_OF_FOLDERS:
                found.leave_out("settings or logs")
            else:
                _file(Path(here) / name, found, workspace, named=False)
        boxes = [name for name in folders if is_maildir(Path(here) / name)]
        folders[:] = [name for name in folders if name not in boxes]
        if not recursive:
            for _ in (*folders, *boxes):
                found.leave_out("folders inside; use --recursive")
            return
        for name in boxes:
            _folder(Path(here) / name, found, workspace, recursive=True)


def _file(path: Path, found: Found, workspace: Path, *, named: bool) -> None:
    """Take one file. One that was named must be there; of a folder only what looks readable is taken."""
    seen = path.stat() if named else path.lstat()
    if not stat.S_ISREG(seen.st_mode):
        if named:
            raise QuarterdeckError("bad_value", f"{path} is no plain file.", hint="Name files or folders.")
        found.leave_out("links and special files")
        return
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_mbox(path, head):
        for number, span in enumerate(mbox_messages(path), 1):
            found.sources.append(_mail(path, f"{path.name} message {number}", span[1] - span[0], span))
        return
    media_type = media_type_of(path.name, head)
    known = media_type != UNKNOWN or path.suffix.lower() in SUFFIXES
    if not named and not known:
        found.leave_out("not readable as text")
        return
    there = "" if media_type == MAIL else _path(path, workspace)
    name = str(path) if named else there or str(path)
    found.sources.append(Source(path, name, there, media_type, seen.st_size))


def _mail(file: Path, name: str, size_bytes: int, span: tuple[int, int] | None = None) -> Source:
    return Source(file, name, "", MAIL, size_bytes, span)


def _path(path: Path, workspace: Path) -> str:
    """Inside the workspace as the watcher of folders calls it, elsewhere in full."""
    real = Path(os.path.realpath(path))
    root = Path(os.path.realpath(workspace))
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else str(real)
