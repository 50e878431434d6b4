"""Reads the folders of `[[files]]` and `facts/`: notes and documents that are remembered as they change.

Links, hidden files and everything that is not a plain file are left out. Labels come from the configuration; a
file that `files.write` produced and nobody changed since keeps the lower trust of its writer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from quarterdeck_protocol.labels import INTEGRITY_ORDER, Integrity, Labels, Sensitivity
from quarterdeck_protocol.media import HEAD_BYTES, media_type_of
from quarterdeck_protocol.media import SUFFIXES as SUFFIXES_KNOWN

from ..core.orders import Arrived
from .base import Health, Present
from .contents import Contents, Parts
from .paths import inside
from .settings import FilesSettings

CONNECTOR = "files"
FACTS = "facts"
FILES_MAX = 50_000
# What is read of a folder; other files (programs, pictures, settings) are nobody's notes.
SUFFIXES = frozenset(SUFFIXES_KNOWN) - {".toml", ".log", ".json", ".yaml", ".yml"}


class _Folder(msgspec.Struct, frozen=True):
    parts: Parts
    integrity: Integrity
    sensitivity: Sensitivity

    @property
    def suffixes(self) -> frozenset[str]:
        """Facts are TOML and nothing else; elsewhere TOML is somebody's settings."""
        return frozenset((".toml",)) if self.parts[0] == FACTS else SUFFIXES


class WatchedFiles:
    """`written` is the folder where `files.write` marks the contents it produced."""

    def __init__(self, workspace: Path, settings: Sequence[FilesSettings], written: Path) -> None:
        self._workspace, self._written = workspace, written
        self._folders = [_Folder(inside(workspace, one.path), one.integrity, one.sensitivity) for one in settings]
        self._folders.append(_Folder((FACTS,), "operator", "private"))
        self._contents = Contents(workspace)
        self._home: dict[str, _Folder] = {}
        self._roots: list[str] = []
        self._overlooked = False

    def scan(self) -> Iterator[str]:
        self._contents.begin()
        self._home.clear()
        self._overlooked = False
        # A folder that is missing altogether (a drive that is not there) says nothing about its files.
        self._roots = ["/".join(one.parts) for one in self._folders if self._path(one).is_dir()]
        for folder in self._folders:
            for parts, found in self._walk(folder):
                name = "/".join(parts)
                if name in self._home:
                    continue  # The first folder that names it decides its labels.
                self._home[name] = folder
                external_id = self._contents.visit(name, parts, found)
                if external_id is not None:
                    yield external_id
        self._contents.end()

    def fetch(self, external_id: str) -> Arrived | None:
        name, _, digest = external_id.rpartition("#")
        folder = self._home.get(name)
        data = self._contents.read(external_id)
        if folder is None or data is None:
            return None
        return Arrived(
            connector=CONNECTOR,
            external_id=external_id,
            media_type=media_type_of(name, data[:HEAD_BYTES]),
            name=name,
            data=data,
            labels=self._labels(folder, digest),
            trigger=False,
        )

    def present(self) -> Present | None:
        return None if self._overlooked else Present(frozenset(self._home), tuple(self._roots))

    def watched(self) -> tuple[str, ...]:
        return tuple(str(self._workspace.joinpath(*folder.parts)) for folder in self._folders)

    def unsettled(self) -> bool:
        return self._contents.waiting

    def health(self) -> Health:
        missing = ["/".join(one.parts) for one in self._folders[:-1] if not self._path(one).is_dir()]
        detail = f"missing folders: {', '.join(missing)}" if missing else ""
        return Health(ok=not missing, detail=detail, counts=dict(self._contents.counts))

    def _labels(self, folder: _Folder, digest: str) -> Labels:
        ours = (self._written / digest).exists()
        trusted = INTEGRITY_ORDER[folder.integrity] > INTEGRITY_ORDER["agent"]
        return Labels(integrity="agent" if ours and trusted else folder.integrity, sensitivity=folder.sensitivity)

    def _path(self, folder: _Folder) -> Path:
        return self._workspace.joinpath(*folder.parts)

    def _walk(self, folder: _Folder) -> Iterator[tuple[Parts, os.stat_result]]:
        met = 0
        for here, folders, files in os.walk(self._path(folder), followlinks=False, onerror=self._overlook):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(here).relative_to(self._path(folder)).parts
            for name in sorted(files):
                if name.startswith(".") or Path(name).suffix.lower() not in folder.suffixes:
                    continue
                found = self._plain(Path(here) / name)
                if found is None:
                    continue
                met += 1
                if met > FILES_MAX:
                    self._overlooked = True
                    self._contents.refuse("/".join(folder.parts), f"holds more than {FILES_MAX} files")
                    return
                yield (*folder.parts, *below, name), found

    def _overlook(self, error: OSError) -> None:
        """A folder could not be listed: what lies in it cannot be called gone. One that is not there is empty."""
        if isinstance(error, FileNotFoundError):
            return
        self._overlooked = True
        self._contents.refuse(str(error.filename), str(error.strerror))

    def _plain(self, path: Path) -> os.stat_result | None:
        try:
            found = path.lstat()
        except OSError:  # Gone since it was listed, or not ours to see.
            return None
        return found if (found.st_mode & 0o170000) == 0o100000 else None
