"""The store in dicts: same contract, same bytes, no disk. For tests, simulation and what-if.

It keeps encoded values like its twin on disk, so nobody can change what was stored by holding on to it.
`crashed` gives what would be left after a power cut: everything up to the last sync.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from quarterdeck_protocol.events import Event

from ..core.commit import Commit
from ..core.entities import ENTITIES, Entity, Link
from ..core.subjects import subject_of_entity
from .api import Head, Removal, Removed, Step, Verification
from .blobs import blob_hash
from .chain import EMPTY, KEY_BYTES, Chain
from .codec import SEALED, SEQ_MAX, header, joined, link_keys, link_of, link_prefix, part, seq_of
from .content_keys import ContentKeys, KeyState
from .erasing import refuse_unsealed
from .intake import take_in
from .live_index import LiveIndex, nameable
from .sealing import Sealing

E = TypeVar("E", bound=Entity)

TEST_KEY = b"in-memory twin: no secrets here.".ljust(KEY_BYTES, b".")


class InMemoryStore:
    """A Store (see api.py) that is gone with the process."""

    def __init__(self, *, key: bytes = TEST_KEY) -> None:
        self._key, self._chain = key, Chain(key)
        root, salt = (hashlib.blake2b(key, person=use, digest_size=32).digest() for use in (b"root", b"salt"))
        self._sealing = Sealing(ContentKeys(KeyState.fresh(root, salt, key[:16])), Path("in memory"))
        self._events: list[bytes] = []
        self._values: dict[str, dict[str, list[bytes]]] = {}  # kind -> id -> versions, oldest first.
        self._ids: dict[str, list[str]] = {}  # kind -> ids in order.
        self._live = LiveIndex()
        self._concerns: dict[str, list[int]] = {}
        self._links: dict[bytes, bytes] = {}
        self._blobs: dict[str, bytes] = {}
        self._head = EMPTY
        self._appended: list[Commit | Removal] = []
        self._synced = 0

    @property
    def head(self) -> Head:
        return self._head

    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        intake = take_in(self._chain, self._sealing, self._head, commits)
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
                    self._links.setdefault(key, at.to_bytes(8, "big"))  # A link that stands keeps saying since when.
        self._head = intake.head
        self._appended += commits

    def sync(self) -> None:
        self._synced = len(self._appended)

    def crashed(self) -> InMemoryStore:
        """Return a store with what had been synced, and all blobs."""
        survivor = InMemoryStore(key=self._key)
        survivor._blobs = dict(self._blobs)
        for done in self._appended[: self._synced]:
            if isinstance(done, Removal):
                survivor.erase(done)
            else:
                survivor.append([done])
        survivor.sync()
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
        self._live.note(entity)

    # state

    def get(self, cls: type[E], id: str, *, as_of: int | None = None) -> E | None:
        part(id)
        versions = self._values.get(cls.kind, {}).get(id, [])
        kept = versions if as_of is None else versions[: bisect_right(versions, as_of, key=_seq)]
        return self._sealing.open_entity(cls, joined(cls.kind, id), kept[-1]) if kept else None

    def live(self, cls: type[E], mark: str = "") -> Iterator[E]:
        for id in self._live.ids(cls.kind, mark, lambda: self.live(cls)):
            entity = self.get(cls, id)
            if entity is not None and entity.live:
                yield entity

    def named(self, cls: type[E], name: str) -> Iterator[E]:
        for id in self._live.named(cls.kind, name, lambda: nameable(cls, self.scan)):
            entity = self.get(cls, id)
            if entity is not None:
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
        key = joined(cls.kind, id)
        values = self._values.get(cls.kind, {}).get(id, [])
        versions = [self._sealing.open_entity(cls, key, value) for value in values]
        return [version for version in versions if version is not None]

    # log

    def event(self, seq: int) -> Event | None:
        return self._sealing.open_event(seq, self._events[seq - 1]) if 0 < seq <= len(self._events) else None

    def events(self, *, after: int = 0, before: int | None = None, reverse: bool = False) -> Iterator[Event]:
        end = len(self._events) + 1 if before is None else min(before, len(self._events) + 1)
        numbers = range(max(after, 0) + 1, end)
        for seq in reversed(numbers) if reverse else numbers:
            yield self._sealing.open_event(seq, self._events[seq - 1])

    def events_of(self, entity: str, *, after: int = 0, reverse: bool = False) -> Iterator[Event]:
        numbers = [seq for seq in dict.fromkeys(self._concerns.get(entity, ())) if seq > after]
        for seq in reversed(numbers) if reverse else numbers:
            yield self._sealing.open_event(seq, self._events[seq - 1])

    def seal(self, purpose: bytes, value: bytes) -> bytes:
        return self._chain.seal(purpose, value)

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
        self._blobs[name] = self._sealing.blob(name, data)
        return name

    def get_blob(self, hash: str) -> bytes | None:
        stored = self._blobs.get(hash)
        return None if stored is None else self._sealing.open_blob(hash, stored)

    def drop_blobs(self, names: Iterable[str], *, unused_s: float = 0.0) -> list[str]:
        """Without a clock there is no grace."""
        return [name for name in names if self._blobs.pop(name, None) is not None]

    # forgetting

    @property
    def epoch(self) -> int:
        return self._sealing.keys.epoch

    def unsealed(self, events: Iterable[int]) -> list[int]:
        known = (seq for seq in events if 0 < seq <= len(self._events))
        return [seq for seq in known if self._sealing.index_of_event(self._events[seq - 1]) is None]

    def erase(self, removal: Removal) -> Removed:
        self._appended.append(removal)
        self.sync()
        if removal.epoch == self.epoch:
            self._sealing.keys.forget(removal.subjects, self._indexes(removal))
        parts = [self._remove(entity) for entity in (*removal.entities, *removal.thinned)]
        blobs = [name for name in removal.blobs if name in self._blobs and self.get_blob(name) is None]
        for name in blobs:
            del self._blobs[name]
        records, versions, links = (sum(counts) for counts in zip(*parts, strict=True)) if parts else (0, 0, 0)
        return Removed(records=records, versions=versions, links=links, blobs=len(blobs))

    def erasing(self, removal: Removal) -> Iterator[Step]:
        def do() -> None:
            self.erase(removal)

        yield Step(False, do)

    def scour(self) -> None:
        """There are no files."""

    def _indexes(self, removal: Removal) -> set[int]:
        refuse_unsealed(self.unsealed(removal.events))
        found = {self._sealing.index_of_event(self._events[seq - 1]) for seq in removal.events}
        for entity in removal.entities:
            kind, _, id = entity.partition(":")
            found |= {self._sealing.index_of_value(value) for value in self._values.get(kind, {}).get(id, [])}
        found |= {self._sealing.index_of_blob(self._blobs[name]) for name in removal.blobs if name in self._blobs}
        return {index for index in found if index is not None}

    def _remove(self, entity: str) -> tuple[int, int, int]:
        """Remove what can no longer be opened. Returns how many records, versions and rows of links went."""
        kind, _, id = entity.partition(":")
        values = self._values.get(kind, {}).get(id, [])
        kept = [value for value in values if not self._goes(kind, value)]
        kept_from = _seq(kept[0]) if kept else SEQ_MAX
        if kept:
            self._values[kind][id] = kept
        elif values:
            del self._values[kind][id]
            self._ids[kind].remove(id)
            self._live.forget(kind, id)
        records = int(bool(values) and not kept)
        return records, len(values) - len(kept) - records, self._unlink(entity, kept_from)

    def _goes(self, kind: str, value: bytes) -> bool:
        if header(value)[1] & SEALED:
            return self._sealing.forgotten(value)
        entity = self._sealing.open_entity(ENTITIES[kind], b"", value)
        return entity is not None and subject_of_entity(entity) is not None

    def _unlink(self, entity: str, before: int) -> int:
        events = self._concerns.get(entity, [])
        self._concerns[entity] = [seq for seq in events if seq >= before]
        ends = {key for side in "ft" for key in self._links if key.startswith(link_prefix(side, entity, None))}
        edges = [link_of(key, self._links[key]) for key in ends]
        rows = {row for edge in edges if edge.seq < before for row in link_keys(edge)}
        for row in rows:
            self._links.pop(row, None)
        return len(rows) + len(events) - len(self._concerns[entity])

    # whole state

    def state_hash(self, *, without: frozenset[str] = frozenset()) -> str:
        """BLAKE2b-256 over all current values except those of the kinds in `without`; equal states, equal hash."""
        digest = hashlib.blake2b(digest_size=32)
        rows = {joined(kind, id): versions[-1] for kind in self._values if kind not in without
                for id, versions in self._values[kind].items()}  # fmt: skip
        for key, stored in sorted(rows.items()):
            value = self._sealing.open_value(key, stored)
            if value is not None:
                digest.update(len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value)
        return digest.hexdigest()

    def close(self) -> None:
        self.sync()


def _seq(value: bytes) -> int:
    return header(value)[0]
