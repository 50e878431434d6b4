"""Names of points in time, going back to them, copies, and what was erased."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Entity, Plain


class Snapshot(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A name for a position of the log. Its id is the name. It costs one record: versions are kept anyway."""

    kind: ClassVar[str] = "snapshot"
    at_seq: int
    at_us: int
    note: str = ""
    removed: bool = False


class Rewind(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Records taken back to how they were at `to_seq`. Id `rw2`. `from_seq`: the log before it, where its undo leads."""

    kind: ClassVar[str] = "rewind"
    to_seq: int
    from_seq: int
    scope: str  # "workspace", or `kind:id` of a run, an agent, a record or an earlier rewind.
    changes: int  # What it set out to change.
    at_us: int
    done: int = 0
    finished: bool = False  # False: it was interrupted between two of its commits, and can be resumed.
    reason: str = ""

    @property
    def live(self) -> bool:
        return not self.finished


class ClockMark(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The wall clock was set back at this event. Id: its sequence in 20 digits. `highest_us`: the latest time before."""

    kind: ClassVar[str] = "clock"
    highest_us: int
    at_us: int


class Origin(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """This workspace is a fork of another one. Id `workspace`."""

    kind: ClassVar[str] = "origin"
    fork: str  # Its own name among all forks; goes into the operation ids of what it does.
    forked_from: str
    at_seq: int
    at_us: int


class Erasure(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is forgotten for good. Id `er1`. What it names stands in the event `list_seq`, sealed."""

    kind: ClassVar[str] = "erasure"
    stage: Literal["planned", "erased", "closed"]
    list_seq: int
    counts: dict[str, int]
    reason: str
    epoch: int  # Of the store's keys, when it was planned.
    at_us: int
    proof: Plain = {}

    @property
    def live(self) -> bool:
        return self.stage != "closed"
