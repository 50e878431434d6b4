"""Mailboxes on disk, for whoever hands them in: an mbox file's messages, a Maildir's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..connectors.mbox import message_spans

MAILDIR_PARTS = ("new", "cur")
MBOX_SUFFIXES = (".mbox", ".mbx")
FROM_LINE = b"From "


def is_maildir(path: Path) -> bool:
    return all((path / part).is_dir() for part in MAILDIR_PARTS)


def maildir_files(path: Path) -> Iterator[Path]:
    """Yield the messages, oldest name first in each part."""
    for part in MAILDIR_PARTS:
        yield from sorted(
            file for file in (path / part).iterdir() if file.is_file() and not file.name.startswith(".")
        )


def is_mbox(path: Path, head: bytes) -> bool:
    """By its first line; a suffix alone is not enough."""
    return head.startswith(FROM_LINE) and (
        path.suffix.lower() in MBOX_SUFFIXES or b"\nReceived:" in head or b"\nFrom:" in head
    )


def mbox_messages(path: Path) -> Iterator[tuple[int, int]]:
    """Yield (from, to) in bytes of each message. Raises OSError."""
    with path.open("rb") as file:
        yield from message_spans(file)
