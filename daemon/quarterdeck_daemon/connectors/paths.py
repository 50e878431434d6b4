"""Where a connector may read and write: inside the workspace, as the disk has it, not as a string spells it.

Every folder on the way is opened by itself and never through a link, so nothing can be swapped in between.
What steers Quarterdeck (policies, playbooks, agents, settings, canonical facts) and everything hidden is out of
reach for `files.write`: an agent that could write there could widen its own permissions.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .arguments import is_line
from .base import EffectFailed

DEPTH_MAX = 32
STEERING = frozenset(("quarterdeck.toml", "policies", "playbooks", "agents", "templates", "facts", "tests", "mail"))


def denied(path: str, why: str) -> EffectFailed:
    return EffectFailed("contract", "path_denied", f"{path[:200]!r} {why}", "Name a file inside the workspace.")


def inside(workspace: Path, path: str) -> tuple[str, ...]:
    """Return the parts of a relative path, after following the links on it, that stays in the workspace.

    Raises EffectFailed `path_denied`.
    """
    if not path or not is_line(path) or "\\" in path:
        raise denied(path, "is not a path")
    if path.startswith(("/", "~")) or ".." in path.split("/"):
        raise denied(path, "does not stay in the workspace")
    root = Path(os.path.realpath(workspace))
    try:
        real = Path(os.path.realpath(root / path))
        parts = real.relative_to(root).parts
    except (ValueError, OSError) as error:
        raise denied(path, "leads out of the workspace") from error
    if not parts or len(parts) > DEPTH_MAX:
        raise denied(path, "names no file")
    return parts


def writable(workspace: Path, path: str) -> tuple[str, ...]:
    """Return the parts of a path that `files.write` may write. Raises EffectFailed `path_denied`."""
    for parts in (tuple(part for part in path.split("/") if part not in ("", ".")), inside(workspace, path)):
        folded = [unicodedata.normalize("NFKC", part).casefold().rstrip(". ") for part in parts]
        if any(part.startswith(".") or not part for part in folded):
            raise denied(path, "is hidden; such files are not written")
        if folded and folded[0] in STEERING:
            raise denied(path, "steers Quarterdeck; only the operator writes it")
    return inside(workspace, path)


@contextmanager
def opened_folder(workspace: Path, parts: tuple[str, ...], *, create: bool) -> Iterator[int]:
    """Open the folder at `parts` step by step, following no link. Raises OSError."""
    here = os.open(os.path.realpath(workspace), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            if create:
                _make(here, part)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            deeper = os.open(part, flags, dir_fd=here)
            os.close(here)
            here = deeper
        yield here
    finally:
        os.close(here)


class TooLarge(OSError):
    """A file is larger than the reader takes."""


def read_regular(folder: int, name: str, bytes_max: int) -> bytes | None:
    """Return the content of a plain file, None when there is none.

    Raises TooLarge, and OSError for a link, device, pipe or folder.
    """
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{name!r} is not a plain file")
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise TooLarge(f"{name!r} has more than {bytes_max} bytes")
    return data


def _make(folder: int, name: str) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
        os.fsync(folder)
    except FileExistsError:
        return
