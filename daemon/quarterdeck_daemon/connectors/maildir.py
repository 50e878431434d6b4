"""A Maildir that holds each operation's mail once: the file's name is the operation id.

A message is written to `tmp/`, synced, and linked to `new/<operation id>.quarterdeck`. A link never replaces
anything, so even two processes at once leave one file. A mail client may move it to `cur/` and add flags
(`:2,S`); the lookup knows both.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from .durable_file import sync_folder, write_synced
from .faults import fault, lookup_disabled

SUFFIX = ".quarterdeck"
_no_hard_links = frozenset((errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK))


class Maildir:
    """The folder at `path`; made when the first mail goes there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, operation_id: str) -> Path | None:
        """Return the file of the operation, wherever a mail client has moved it inside this Maildir."""
        for folder in (self.path / "new", self.path / "cur"):
            if not folder.is_dir():
                continue
            exact = folder / (operation_id + SUFFIX)
            if exact.exists():
                return exact
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.partition(":")[0] == operation_id + SUFFIX:
                        return folder / entry.name
        return None

    def deliver(self, operation_id: str, data: bytes) -> Path:
        """Add the mail and return its file once it is durable; the one that is there when it was added before."""
        if not lookup_disabled() and (there := self.find(operation_id)) is not None:
            return there
        for name in ("tmp", "new", "cur"):
            (self.path / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self.path / "tmp" / (operation_id + SUFFIX)
        final = self.path / "new" / (_twin_name(operation_id) + SUFFIX)
        write_synced(fresh, data)
        fault("maildir.before_link")
        _link_once(fresh, final)
        fault("maildir.after_link")
        fresh.unlink(missing_ok=True)
        sync_folder(final.parent)
        return final


def _twin_name(operation_id: str) -> str:
    """In the unprotected twin every try has its own name, as with ordinary Maildir writers."""
    return f"{operation_id}.{time.time_ns()}" if lookup_disabled() else operation_id


def _link_once(fresh: Path, final: Path) -> None:
    try:
        os.link(fresh, final)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _no_hard_links:
            raise
        if not final.exists():  # No hard links here: the effector works one by one, so looking first is enough.
            fresh.rename(final)
