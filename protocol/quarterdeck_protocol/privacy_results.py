"""What the methods of forgetting and of backups give."""

from __future__ import annotations

from .frames import Plain
from .shapes import Page, Shape


class Forgotten(Shape, frozen=True, kw_only=True):
    """counts: what goes, by kind.  items: {entity, title}.  kept, outside: {entity or path, why}.

    plan   hash of the plan; hand it back to carry it out
    id, proof   once it was carried out: what was looked through afterwards, and how often it was found
    """

    plan: str
    counts: dict[str, int]
    items: tuple[Plain, ...]
    kept: tuple[Plain, ...]
    outside: tuple[Plain, ...]
    identifiers: tuple[str, ...] = ()
    dry_run: bool = False
    id: str = ""
    stage: str = ""
    proof: Plain = {}


class ForgottenCheck(Shape, frozen=True, kw_only=True):
    """events, records: how many still say one of the words.  files: of the state folder.  erasures: done so far."""

    ok: bool
    events: int
    records: int
    files: tuple[str, ...]
    chain: bool
    erasures: tuple[Plain, ...]


class Backup(Shape, frozen=True, kw_only=True):
    """faults: what is wrong with it; empty for a sound one.  events: how many were verified."""

    id: str
    path: str
    seq: int
    ok: bool = True
    faults: tuple[str, ...] = ()
    events: int = 0
    files: int = 0
    size_bytes: int = 0


class Backups(Page, frozen=True, kw_only=True):
    items: tuple[Plain, ...]


class BackupForgotten(Shape, frozen=True, kw_only=True):
    """changed: whether there was anything to forget; the rest counts it."""

    path: str
    changed: bool
    records: int = 0
    versions: int = 0
    links: int = 0
    blobs: int = 0
