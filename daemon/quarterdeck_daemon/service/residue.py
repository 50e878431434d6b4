"""Looking through files for what should be in none of them: the raw bytes of names, addresses and lines of text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

BLOCK_BYTES = 4 << 20
FILES_MAX = 50_000
OWN_FILE_BYTES_MAX = 32 << 20  # A larger file of the operator's is not looked through.


def needles_of(words: Iterable[str]) -> tuple[bytes, ...]:
    """The forms in which a word may stand in a file: as it is, and in the usual cases."""
    forms = {form for word in words for form in (word, word.lower(), word.upper(), word.title(), word.casefold())}
    return tuple(sorted(form.encode("utf-8", "surrogatepass") for form in forms if form))


def files_with(
    folder: Path, needles: tuple[bytes, ...], *, without: frozenset[str] = frozenset(), bytes_max: int | None = None
) -> list[str]:
    """Return the files below `folder` that hold one of them, relative to it.

    without: names of folders that are left out.  bytes_max: larger files are left out.
    """
    found: list[str] = []
    for path in _files(folder, without):
        if bytes_max is not None and path.stat().st_size > bytes_max:
            continue
        if needles and holds_any(path, needles):
            found.append(str(path.relative_to(folder)))
    return found


def holds_any(path: Path, needles: tuple[bytes, ...]) -> bool:
    """Whether the file holds one of them, also across blocks. A file that is gone meanwhile holds nothing."""
    overlap = max(map(len, needles)) - 1
    try:
        with path.open("rb") as file:
            rest = b""
            while block := file.read(BLOCK_BYTES):
                text = rest + block
                if any(needle in text for needle in needles):
                    return True
                rest = text[-overlap:] if overlap else b""
    except (FileNotFoundError, PermissionError):
        return False
    return False


def blacken(path: Path, needles: tuple[bytes, ...]) -> int:
    """Write over them in place, so that a process that appends to the file is not disturbed. Returns how many."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return 0
    marks = sorted({(at, len(needle)) for needle in needles for at in _places(raw, needle)})
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC) if marks else -1
    try:
        for at, size in marks:
            os.pwrite(handle, b"x" * size, at)
        if marks:
            os.fsync(handle)
    finally:
        if marks:
            os.close(handle)
    return len(marks)


def _places(raw: bytes, needle: bytes) -> Iterator[int]:
    at = raw.find(needle)
    while at >= 0:
        yield at
        at = raw.find(needle, at + len(needle))


def _files(folder: Path, without: frozenset[str]) -> Iterator[Path]:
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in without)
        for name in sorted(names):
            path = Path(here) / name
            if path.is_file() and not path.is_symlink():
                yield path
                count += 1
            if count >= FILES_MAX:
                return
