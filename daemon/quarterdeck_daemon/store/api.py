"""What a store promises. `rocks.py` keeps it on disk, `in_memory.py` in dicts; one contract suite runs over both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from quarterdeck_protocol.events import Event

from ..core.commands import Names
from ..core.commit import Commit
from ..core.entities import Entity, Link

E = TypeVar("E", bound=Entity)


class Head(msgspec.Struct, frozen=True):
    """The end of the log: its last sequence (0 when empty) and the keyed hash over it."""

    seq: int
    mac: bytes


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """Result of walking the chain. `broken_at` is the first sequence that does not verify, or None."""

    checked: int
    head: Head
    broken_at: int | None = None
    reason: str = ""


class Removal(Names, frozen=True, kw_only=True):
    """What is to be forgotten for good.

    epoch     of the store when this was planned: the keys are taken out once, however often it is tried again
    subjects  names of keys (core/subjects.py)       entities  `kind:id`, whose rows go
    events    sequences whose content goes           blobs     hashes
    thinned   entities of which only those versions go whose keys go
    Whatever the entities, events and blobs are sealed with goes too, and with it all that shares that key.
    """


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and files that were taken away by one call."""

    records: int = 0
    versions: int = 0
    links: int = 0
    blobs: int = 0


class Step(NamedTuple):
    """A part of a longer work. aside: it may run in a thread while others read and append."""

    aside: bool
    do: Callable[[], None]


class Store(Protocol):
    """The log and the state that is folded from it. One writer; reads see the last `append`.

    Errors: `LogCorrupt`, `LogLocked`, `NoSpace`, `StoreFailed` (after a failed write or sync every further write
    raises it; reads go on; the process restarts from the log), all QuarterdeckErrors.
    """

    @property
    def head(self) -> Head: ...

    # writing: append any number of commits, then sync once, then acknowledge
    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        """Chain and write the commits in one atomic batch. Not yet durable. Sequences continue from the head.

        reserve: write even below the free-space floor; for the stop and the audit trail only.
        Raises NoSpace below the floor, `bad_value` for what cannot be stored; then nothing was written.
        """
        ...

    def sync(self) -> None:
        """Make all appended commits survive power loss, then move the head anchor. Blocks; run it in a thread."""
        ...

    # state
    def get(self, cls: type[E], id: str, *, as_of: int | None = None) -> E | None: ...
    def live(self, cls: type[E], mark: str = "") -> Iterator[E]: ...
    def named(self, cls: type[E], name: str) -> Iterator[E]: ...
    def scan(
        self,
        cls: type[E],
        *,
        prefix: str = "",
        after: str | None = None,
        reverse: bool = False,
        as_of: int | None = None,
    ) -> Iterator[E]:
        """Yield entities by id (codepoint order), strictly after `after` in the chosen direction."""
        ...

    def history(self, cls: type[E], id: str) -> list[E]:
        """Every kept version, oldest first; each one's `seq` says when it was written."""
        ...

    # log
    def event(self, seq: int) -> Event | None: ...
    def events(self, *, after: int = 0, before: int | None = None, reverse: bool = False) -> Iterator[Event]:
        """Yield events with after < seq < before, in order or backwards. Lazy; stop whenever you like."""
        ...

    def events_of(self, entity: str, *, after: int = 0, reverse: bool = False) -> Iterator[Event]:
        """Events that concern `kind:id`."""
        ...

    def verify(self, *, after: int = 0) -> Verification: ...

    def seal(self, purpose: bytes, value: bytes) -> bytes:
        """Keyed hash over something that leaves the store, with the key of the chain; `purpose` keeps uses apart."""
        ...

    # graph
    def links_from(self, entity: str, relation: str | None = None) -> list[Link]: ...
    def links_to(self, entity: str, relation: str | None = None) -> list[Link]: ...

    # blobs: content-addressed, durable when put returns
    def put_blob(self, data: bytes) -> str:
        """Keep the bytes, return their BLAKE2b-256 in hex. The same bytes are kept once."""
        ...

    def get_blob(self, hash: str) -> bytes | None:
        """Return the bytes, None when unknown. Raises LogCorrupt when they no longer match the hash."""
        ...

    def drop_blobs(self, names: Iterable[str], *, unused_s: float = 0.0) -> list[str]:
        """Remove the files of these hashes, but those that were put within `unused_s`. Returns what is gone.

        Backups keep theirs. May run in a thread, also while others put.
        """
        ...

    # forgetting
    @property
    def epoch(self) -> int:
        """How often something was forgotten."""
        ...

    def unsealed(self, events: Iterable[int]) -> list[int]:
        """Those of the events whose content lies in the log in clear: from before sealing, or nobody's content."""
        ...

    def erase(self, removal: Removal) -> Removed:
        """Take out the keys, then the rows and files. Durable on return; the same again changes nothing.

        Events stay, say that they are {"erased": True}, and the chain verifies. A value written later under the
        same name stays: it has another key. Raises `conflict`, before anything is changed, for events in clear.
        """
        ...

    def erasing(self, removal: Removal) -> Iterable[Step]:
        """The same as `erase`, in steps to be done in this order. Those that are not `aside` belong to the writer."""
        ...

    def scour(self) -> None:
        """Rewrite the files in which names of what was erased may still stand. Slow; run it in a thread."""
        ...

    # whole state
    def state_hash(self, *, without: frozenset[str] = frozenset()) -> str:
        """Hash over all current values except those of the kinds in `without`. Equal states have equal hashes."""
        ...

    def close(self) -> None: ...
