"""What the methods of time travel take. A moment is a position of the log, an ISO time, or the name of a snapshot."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .params import Change, Limit, Listing, Name, Params, Short

Moment = int | Annotated[str, Meta(min_length=1, max_length=200)]
DiffKind = Literal["fact", "memory", "document", "link", "file", "run", "action", "setting", "snapshot", "alert"]


class SnapshotCreate(Change, frozen=True, kw_only=True):
    """at: the moment that gets the name; left out: now."""

    name: Name
    note: Short = ""
    at: Moment | None = None


class SnapshotList(Listing, frozen=True, kw_only=True):
    """all: removed ones too."""

    all: bool = False


class SnapshotRemove(Change, frozen=True, kw_only=True):
    name: Name


class SnapshotDiff(Params, frozen=True, kw_only=True):
    """a: the earlier moment.  b: the later one; left out: now.  kinds: only these; none: all.

    chunks: pieces of documents too, not only the documents.
    """

    a: Moment
    b: Moment | None = None
    kinds: tuple[DiffKind, ...] = ()
    chunks: bool = False
    limit: Limit = 100
    cursor: Short | None = None


class Rewind(Change, frozen=True, kw_only=True):
    """to: the moment to go back to.

    scope      `workspace`, `run:ID`, `agent:NAME`, `rewind:ID`, or a record: `memory:m12`, `fact:kind/key`, `document:doc3`
    dry_run    answer with the plan and its hash; nothing is changed
    plan_hash  of the plan that was seen: `conflict` when it is no longer this one
    runs       `cancel`: end the runs of the scope that began after the moment; `leave`: only list them
    resume     the id of a rewind that was interrupted; `to` and `scope` are then its own
    """

    to: Moment | None = None
    scope: Name = "workspace"
    dry_run: bool = False
    plan_hash: Short = ""
    runs: Literal["leave", "cancel"] = "leave"
    resume: Short = ""
    limit: Limit = 100


class Fork(Change, frozen=True, kw_only=True):
    """at: the moment at which the fork's log ends; left out: now.

    name: a folder beside this workspace.  path: any new folder. One of the two.
    progress: chunks `{"phase": …}` before the reply; not for sockets that take one message as the reply.
    """

    at: Moment | None = None
    name: Short = ""
    path: Annotated[str, Meta(max_length=4_000)] = ""
    progress: bool = False
