"""What the methods of forgetting and of backups take."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .params import Change, Name, Params, Short, Tags


class MemoryForget(Change, frozen=True, kw_only=True):
    """Exactly one of `id`, `person`, `source` and `query` says what.

    identifiers   more names, addresses or numbers of the person; those that facts and mails give are found anyway
    keep          entities (`fact:client/acme`, `run:r3`) that stay
    include_kept  also the kinds of facts that the law wants kept
    dry_run       show the plan and its hash, change nothing
    plan          the hash of the plan that was shown; needed to carry it out
    """

    id: Short = ""
    person: Short = ""
    source: Short = ""
    query: Annotated[str, Meta(max_length=4_000)] = ""
    identifiers: Tags = ()
    keep: Annotated[tuple[Name, ...], Meta(max_length=1_000)] = ()
    include_kept: bool = False
    dry_run: bool = False
    plan: Short = ""


class VerifyForgotten(Params, frozen=True, kw_only=True):
    """words: what to look for once more, as nothing of what was forgotten is kept to compare with."""

    words: Tags = ()


class BackupName(Change, frozen=True, kw_only=True):
    """name: of the backup; left out for a new one: its position and time."""

    name: Short = ""


class BackupForget(Change, frozen=True, kw_only=True):
    """path: the folder of a copy that was carried elsewhere."""

    path: Annotated[str, Meta(min_length=1, max_length=4_096)]
