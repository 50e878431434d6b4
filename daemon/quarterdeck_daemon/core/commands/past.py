"""Commands about snapshots, rewinding, forking and forgetting."""

from __future__ import annotations

import msgspec

from ..entities import Plain
from .base import Command


class CreateSnapshot(Command, frozen=True, kw_only=True):
    """Name a position of the log; None: as it is now."""

    name: str
    at_seq: int | None = None
    note: str = ""


class RemoveSnapshot(Command, frozen=True, kw_only=True):
    name: str
    reason: str = ""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it shall be: `fields` are those that differ from the version at `expected_seq`."""

    entity: str  # `memory:m12`, `fact:client/acme` or `document:doc3`.
    expected_seq: int
    then_seq: int  # The version that comes back; 0 when there was none yet.
    fields: Plain


class RestoredEdge(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    relation: str
    target: str
    remove: bool


class RewindRecords(Command, frozen=True, kw_only=True):
    """A slice of a rewind, planned on the present; see core/time_travel.py.

    rewind  the one that goes on, "" for the first slice     total  what the whole sets out to change
    done    what the slices before have written              last   this slice ends it, and cancels the runs of `cancel`
    told    what the answer says besides, so that a repetition says it again; names things, holds no content
    """

    to_seq: int
    scope: str
    changes: tuple[Restored, ...]
    edges: tuple[RestoredEdge, ...] = ()
    cancel: tuple[str, ...] = ()
    rewind: str = ""
    total: int = 0
    done: int = 0
    last: bool = True
    reason: str = ""
    told: Plain = {}


class NoteFork(Command, frozen=True, kw_only=True):
    """A fork of this workspace was made; for the log of the one that it was made from."""

    fork: str
    path: str
    at_seq: int
    reason: str = ""
    told: Plain = {}  # What the answer says besides.


class BecomeFork(Command, frozen=True, kw_only=True):
    """The first command of a fork's own life: it is stopped, and nothing of its origin goes on by itself.

    restored   it was made of a backup     forgotten  bodies of `memory.forgotten` that the origin wrote after it
    """

    fork: str
    forked_from: str
    at_seq: int
    epoch: int
    reason: str = ""
    restored: bool = False
    forgotten: tuple[Plain, ...] = ()


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure takes away; see store/api.py, `Removal`."""

    epoch: int
    subjects: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    thinned: tuple[str, ...] = ()
    events: tuple[int, ...] = ()
    blobs: tuple[str, ...] = ()


class BeginErasure(Command, frozen=True, kw_only=True):
    """Forget all this for good.

    identifiers  what to look for when it is proven      operations  of actions that go
    names        outside names that must not come in again, `connector:external id`
    """

    removal: Names
    counts: dict[str, int]
    identifiers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    reason: str = ""


class ProveErasure(Command, frozen=True, kw_only=True):
    """It is gone: what was looked through, and what was found."""

    id: str
    proof: Plain


class CloseErasure(Command, frozen=True, kw_only=True):
    """The list of what went is gone as well."""

    id: str
