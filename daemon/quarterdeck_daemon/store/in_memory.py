"""The store in dicts: same contract, same bytes, no disk. For tests, simulation and what-if.

It keeps encoded values like its twin on disk, so nobody can change what was stored by holding on to it.
`crashed` gives what would be left after a power cut: everything up to the last sync.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import TypeVar

from quarterdeck_protocol.events import Event

from ..core.commit import Commit
from ..core.entities import Entity, Link
from .api import Head, Verification
from .blobs import blob_hash
from .chain import EMPTY, KEY_BYTES, Chain
from .codec import header, joined, link_of, link_prefix, part, seq_of, unpack_entity, unpack_event
from .intake import take_in

E = TypeVar("E", bound=Entity)

TEST_KEY = b"in-memory twin: no secrets here.".ljust(KEY_BYTES, b".")


class InMemoryStore:
    """A Store (see api.py) that is gone with the process."""

    def __init__(self, *, key: bytes = TEST_KEY) -> None:
        self._key, self._chain = key, Chain(key)
        self._events: list[bytes] = []
        self._values: dict[str, dict[str, list[bytes]]] = {}  # kind -> id -> versions, oldest first.
        self._ids: dict[str, list[str]] = {}  # kind -> ids in order.
        self._live: dict[str, set[str]] = {}
        self._concerns: dict[str, list[int]] = {}
        self._links: dict[bytes, bytes] = {}
        self._blobs: dict[str, bytes] = {}
        self._head = EMPTY
        self._appended: list[Commit] = []
        self._synced = 0

    @property
    def head(self) -> Head:
        return self._head

    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        intake = take_in(self._chain, self._head, commits)
        self._events += [stored for _, stored in intake.events]
        for key in intake.concerns:
            self._concerns.setdefault(key[2:-9].decode(), []).append(seq_of(key))
        for entity, _, value in intake.puts:
            self._put(entity, value)
        for from_source, from_target, at in intake.links:
            for key in (from_source, from_target):
                if at is None:
                    self._links.pop(key, None)
                else:
                    self._links[key] = at.to_bytes(8, "big")
        self._head = intake.head
        self._appended += commits

    def sync(self) -> None:
        self._synced = len(self._appended)

    def crashed(self) -> InMemoryStore:
        """Return a store with what had been synced, and all blobs."""
        survivor = InMemoryStore(key=self._key)
        survivor.append(self._appended[: self._synced])
        survivor.sync()
        survivor._blobs = dict(self._blobs)
        return survivor

    def _put(self, entity: Entity, value: bytes) -> None:
        versions = self._values.setdefault(entity.kind, {}).setdefault(entity.id, [])
        if not versions:
            insort(self._ids.setdefault(entity.kind, []), entity.id)
        elif header(versions[-1])[0] == entity.seq:
            versions.pop()
        else:
            assert header(versions[-1])[0] < entity.seq, f"{entity.kind}:{entity.id} goes back to {entity.seq}"
        versions.append(value)
        ids = self._live.setdefault(entity.kind, set())
        (ids.add if entity.live else ids.discard)(entity.id)

    # state

    def get(self, cls: type[E], id: str, *, as_of: int | None = None) -> E | None:
        part(id)
        versions = self._values.get(cls.kind, {}).get(id, [])
        kept = versions if as_of is None else versions[: bisect_right(versions, as_of, key=_seq)]
        return unpack_entity(cls, kept[-1]) if kept else None

    def live(self, cls: type[E]) -> Iterator[E]:
        for id in sorted(self._live.get(cls.kind, ())):
            entity = self.get(cls, id)
            if entity is not None and entity.live:
                yield entity

    def scan(
        self, cls: type[E], *, prefix: str = "", after: str | None = None, reverse: bool = False,
        as_of: int | None = None,
    ) -> Iterator[E]:  # fmt: skip
        """Yield entities by id, strictly after `after` in the chosen direction."""
        ids = self._ids.get(cls.kind, [])
        if after is not None:
            ids = ids[: bisect_left(ids, after)] if reverse else ids[bisect_right(ids, after) :]
        for id in list(reversed(ids)) if reverse else list(ids):
            entity = self.get(cls, id, as_of=as_of) if id.startswith(prefix) else None
            if entity is not None:
                yield entity

    def history(self, cls: type[E], id: str) -> list[E]:
        part(id)
        return [unpack_entity(cls, value) for value in self._values.get(cls.kind, {}).get(id, [])]

    # log

    def event(self, seq: int) -> Event | None:
        return unpack_event(self._events[seq - 1]) if 0 < seq <= len(self._events) else None

    def events(self, *, after: int = 0, before: int | None = None, reverse: bool = False) -> Iterator[Event]:
        end = len(self._events) + 1 if before is None else min(before, len(self._events) + 1)
        numbers = range(max(after, 0) + 1, end)
        for seq in reversed(numbers) if reverse else numbers:
            yield unpack_event(self._events[seq - 1])

    def events_of(self, entity: str, *, after: int = 0, reverse: bool = False) -> Iterator[Event]:
        numbers = [seq for seq in dict.fromkeys(self._concerns.get(entity, ())) if seq > after]
        for seq in reversed(numbers) if reverse else numbers:
            yield unpack_event(self._events[seq - 1])

    def verify(self, *, after: int = 0) -> Verification:
        start = EMPTY
        if after > 0:
            if after > len(self._events):
                return Verification(checked=0, head=self._head, broken_at=after, reason="the event is missing")
            start = Head(seq=after, mac=self._chain.mac(self._events[after - 1]))
        rows = ((seq, self._events[seq - 1]) for seq in range(start.seq + 1, len(self._events) + 1))
        return self._chain.follow(start, rows, self._head)

    # graph

    def links_from(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._edges(link_prefix("f", entity, relation))

    def links_to(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._edges(link_prefix("t", entity, relation))

    def _edges(self, prefix: bytes) -> list[Link]:
        return [link_of(key, self._links[key]) for key in sorted(self._links) if key.startswith(prefix)]

    # blobs

    def put_blob(self, data: bytes) -> str:
        name = blob_hash(data)
        self._blobs[name] = data
        return name

    def get_blob(self, hash: str) -> bytes | None:
        return self._blobs.get(hash)

    # whole state

    def state_hash(self, *, without: frozenset[str] = frozenset()) -> str:
        """BLAKE2b-256 over all current values except those of the kinds in `without`; equal states, equal hash."""
        digest = hashlib.blake2b(digest_size=32)
        rows = {joined(kind, id): versions[-1] for kind in self._values if kind not in without
                for id, versions in self._values[kind].items()}  # fmt: skip
        for key, value in sorted(rows.items()):
            digest.update(len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value)
        return digest.hexdigest()

    def close(self) -> None:
        self.sync()


def _seq(value: bytes) -> int:
    return header(value)[0]
