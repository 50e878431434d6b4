"""The store on disk: RocksDB for log and state, one writer.

Owns     the state folder's `log/`, `log.lock`, `anchor`, `chain.key`, `content.key` and `blobs/`.
Promises after `sync` returns, what was appended survives power loss; a log that lost, changed or swapped
         anything acknowledged is refused; after a failed write nothing more is written, reading goes on.
Leaves   what to write to the core, when to sync to the kernel. Bytes are in codec.py, checks in opening.py.

Reads and `append` belong to one thread; `sync` may run in another at the same time.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.commit import Commit
from ..core.entities import Entity, Link
from .api import Head, Removal, Removed, Verification
from .backup import Manifest, copy_log
from .blobs import Blobs
from .cache import EntityCache
from .codec import (
    NUL,
    SEQ_MAX,
    after_prefix,
    header,
    inverted,
    joined,
    link_of,
    link_prefix,
    part,
    seq_key,
    seq_of,
)
from .erasing import Eraser, scoured_ranges
from .erasing_steps import Erasing, all_done
from .errors import LogCorrupt, NoSpace, StoreFailed
from .files import PRIVATE_FOLDER
from .intake import take_in
from .live_index import LiveIndex, nameable
from .lock import FolderLock
from .opening import MARK_KEY, Opened, mark_value, note_keys, open_log, verified, walk
from .room import FREE_BYTES_MIN, Room
from .sealing import Sealing
from .writing import LIVE, Writing

E = TypeVar("E", bound=Entity)
R = TypeVar("R")

CHECKPOINT_EVERY = 50_000  # Events between verified marks; bounds what a start has to check.
_log = logging.getLogger(__name__)


class RocksStore:
    """A Store (see api.py) over RocksDB. Made by `open`, ended by `close`."""

    def __init__(self, home: Path, opened: Opened, lock: FolderLock, free_bytes_min: int) -> None:
        self._path = home / "log"
        self._lock, self._room = lock, Room(home, free_bytes_min)
        self._db, self._anchor, self._chain = opened.database, opened.anchor, opened.chain
        self._head, self._mark = opened.head, opened.mark
        self._sealing = Sealing(opened.keys, self._path)
        self._blobs, self._cache = Blobs(home / "blobs", self._sealing), EntityCache()
        self._eraser = Eraser(self._db, self._sealing, self._blobs)
        self._live = LiveIndex()
        self._rows = Writing(self._db, self._cache, self._live, self._current)
        self._failure: NoSpace | StoreFailed | None = None
        self._syncing = threading.Lock()
        self._closed = False
        self._writing = threading.Lock()  # Held by an append, and while rows are deleted.
        self._written = self._synced = 0  # Batches; a batch may hold no event, so the head does not tell.
        for key, _ in walk(self._db, "meta", LIVE + NUL, after_prefix(LIVE + NUL)):
            _, kind, id = key.split(NUL)
            self._live.add(kind.decode(), id.decode())

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        key: bytes | None = None,
        lock_wait_s: float = 0.0,
        free_bytes_min: int = FREE_BYTES_MIN,
    ) -> RocksStore:
        """Open the log in the state folder `home`, or found it there.

        key: the chain key when it is kept elsewhere (32 bytes); left out, `chain.key` in the folder is used.
        Raises LogLocked when another process has it, LogCorrupt when it is not what was written; then nothing
        has been changed. The chain is checked from the last verified mark on; `verify` checks all of it.
        """
        home.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock = FolderLock(home / "log.lock", wait_s=lock_wait_s)
        try:
            return cls(home, open_log(home, key), lock, free_bytes_min)
        except BaseException:
            lock.release()
            raise

    @property
    def head(self) -> Head:
        return self._head

    # writing

    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        """Chain and write the commits in one atomic batch. `reserve` writes below the free-space floor too."""
        self._refuse_when_failed()
        if not reserve:
            self._room.check()
        intake = take_in(self._chain, self._sealing, self._head, commits)
        with self._writing:
            batch, changed = self._rows.batch_of(intake)
            size_bytes = batch.size_bytes  # Before writing: that empties the batch.
            self._guarded(lambda: self._db.write(batch))
        self._head = intake.head
        self._written += 1
        self._room.take(size_bytes)
        for key, (entity, value) in changed.items():
            self._cache.wrote(key, entity, value)
            self._live.note(entity)

    def sync(self) -> None:
        """Make everything appended so far durable, then move the anchor. Nothing to do: returns at once."""
        with self._syncing:
            self._refuse_when_failed()
            written, head = self._written, self._head  # Appends may go on meanwhile; they wait for the next sync.
            if written == self._synced:
                return
            self._guarded(self._db.sync)
            self._guarded(lambda: self._anchor.move(head))
            self._synced = written
            if head.seq - self._mark.seq >= CHECKPOINT_EVERY:
                self._guarded(lambda: self._set_mark(head))

    def _set_mark(self, head: Head) -> None:
        """Note that the chain is good up to `head`. The anchor must be durable first: the mark may not be ahead."""
        self._anchor.sync()
        batch = self._db.batch()
        batch.put("meta", MARK_KEY, mark_value(self._chain, head))
        self._db.write(batch)
        self._mark = head

    def _refuse_when_failed(self) -> None:
        if self._closed:
            raise StoreFailed(self._path, "the store is closed")
        if self._failure is not None:
            raise type(self._failure)(self._failure.path, self._failure.reason) from self._failure

    def _guarded(self, write: Callable[[], R]) -> R:
        """After a failed write or sync the disk's state is unknown: a second try could report a false success."""
        try:
            return write()
        except (NoSpace, StoreFailed) as error:
            self._failure = error
            raise
        except OSError as error:
            self._failure = StoreFailed(self._path, str(error))
            raise self._failure from error

    # state

    def get(self, cls: type[E], id: str, *, as_of: int | None = None) -> E | None:
        held = self._cache.get(cls.kind, id)
        if held is not None and (as_of is None or held.seq <= as_of):
            return cast(E, held)
        key = joined(cls.kind, id)
        current = self._current(key)
        value = current if as_of is None else self._value_at(key, current, as_of)
        if value is None:
            return None
        entity = self._sealing.open_entity(cls, key, value)
        if entity is not None and value is current:
            self._cache.keep(entity, value)
        return entity

    def _current(self, key: bytes) -> bytes | None:
        """The stored bytes under a record key."""
        if self._cache.lacks(key):
            return None
        value = self._db.get("records", key)
        if value is None:
            self._cache.note_absent(key)
        return value

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
        base = joined(cls.kind) + NUL
        low = base + part(prefix)
        high = after_prefix(low) if prefix else after_prefix(base)
        if after is not None:
            edge = base + part(after)
            low, high = (low, min(high, edge)) if reverse else (max(low, edge + NUL), high)
        for key, current in walk(self._db, "records", low, high, reverse=reverse):
            value = current if as_of is None else self._value_at(key, current, as_of)
            entity = None if value is None else self._sealing.open_entity(cls, key, value)
            if entity is not None:
                yield entity

    def history(self, cls: type[E], id: str) -> list[E]:
        key = joined(cls.kind, id)
        current = self._db.get("records", key)
        if current is None:
            return []
        low = key + NUL
        older = [value for _, value in walk(self._db, "versions", low, low + b"\xff" * 9, reverse=True)]
        versions = [self._sealing.open_entity(cls, key, value) for value in (*older, current)]
        return [version for version in versions if version is not None]

    def _value_at(self, key: bytes, current: bytes | None, as_of: int) -> bytes | None:
        if current is None or header(current)[0] <= as_of:
            return current
        low = key + NUL
        rows = self._db.rows("versions", low + inverted(max(as_of, 0)), low + b"\xff" * 9, limit=1)
        return rows[0][1] if rows else None

    # log

    def event(self, seq: int) -> Event | None:
        stored = self._db.get("events", seq_key(seq)) if 0 < seq <= SEQ_MAX else None
        return None if stored is None else self._sealing.open_event(seq, stored)

    def events(self, *, after: int = 0, before: int | None = None, reverse: bool = False) -> Iterator[Event]:
        high = SEQ_MAX if before is None else max(0, min(before, SEQ_MAX))
        low = seq_key(min(max(after, 0) + 1, SEQ_MAX))
        for key, stored in walk(self._db, "events", low, seq_key(high), reverse=reverse):
            yield self._sealing.open_event(seq_of(key), stored)

    def events_of(self, entity: str, *, after: int = 0, reverse: bool = False) -> Iterator[Event]:
        prefix = joined("e", entity) + NUL
        low = prefix + seq_key(min(max(after, 0) + 1, SEQ_MAX))
        for key, _ in walk(self._db, "links", low, prefix + b"\xff" * 9, reverse=reverse):
            event = self.event(seq_of(key))
            if event is None:
                raise LogCorrupt(self._path, f"event {seq_of(key)} is missing", seq=seq_of(key))
            yield event

    def verify(self, *, after: int = 0) -> Verification:
        """Walk the chain from `after` to the head, and compare the head with the one known in memory."""
        return verified(self._db, self._chain, self._head, after)

    def seal(self, purpose: bytes, value: bytes) -> bytes:
        return self._chain.seal(purpose, value)

    # graph

    def links_from(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._links("f", entity, relation)

    def links_to(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._links("t", entity, relation)

    def _links(self, side: str, entity: str, relation: str | None) -> list[Link]:
        low = link_prefix(side, entity, relation)
        return [link_of(key, value) for key, value in walk(self._db, "links", low, after_prefix(low))]

    # blobs

    def put_blob(self, data: bytes) -> str:
        self._refuse_when_failed()
        self._room.check()
        self._room.take(len(data))
        return self._blobs.put(data)

    def get_blob(self, hash: str) -> bytes | None:
        return self._blobs.get(hash)

    def drop_blobs(self, names: Iterable[str], *, unused_s: float = 0.0) -> list[str]:
        return self._blobs.drop(names, unused_s=unused_s)

    # forgetting

    @property
    def epoch(self) -> int:
        return self._sealing.keys.epoch

    def unsealed(self, events: Iterable[int]) -> list[int]:
        return self._eraser.unsealed(events)

    def erase(self, removal: Removal) -> Removed:
        """Take out the keys, then the rows and files; see api.py. The keys first: what is unreadable is forgotten."""
        return all_done(self.erasing(removal))

    def erasing(self, removal: Removal) -> Erasing:
        parts = (self._eraser, self._sealing.keys, self._writing, self.sync, self._guarded, self._cache.clear)
        return Erasing(removal, *parts, self._taken_away)

    def sweep(self) -> Removed:
        """Take away whatever has lost its key: for a copy that was handed newer keys."""
        names = tuple(self._eraser.forgotten())
        return self.erase(Removal(epoch=-1, entities=names, blobs=tuple(self._blobs.names())))

    def scour(self) -> None:
        """Rewrite files; see api.py. Raises NoSpace, before anything is done, without room for a second copy."""
        self._room.check_for(sum(path.stat().st_size for path in self._path.glob("*.sst")))
        self._guarded(lambda: self._db.rewrite(scoured_ranges()))

    def _taken_away(self, gone: list[str]) -> None:
        self._guarded(lambda: note_keys(self._db, self._chain, self._sealing.keys))
        self._written += 1
        self._cache.clear()
        for kind, _, id in (entity.partition(":") for entity in gone):
            self._live.forget(kind, id)

    # whole state

    def state_hash(self, *, without: frozenset[str] = frozenset()) -> str:
        """BLAKE2b-256 over all current values except those of the kinds in `without`; equal states, equal hash."""
        digest = hashlib.blake2b(digest_size=32)
        for key, stored in walk(self._db, "records", b"", b"\xff"):
            if key.split(NUL, 1)[0].decode() not in without:
                value = self._sealing.open_value(key, stored)
                if value is not None:
                    digest.update(len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value)
        return digest.hexdigest()

    def checkpoint(self, to: Path) -> Manifest:
        """Copy log, anchor, content keys and blobs, consistent and durable, into a new folder, without `chain.key`."""
        self.sync()
        content_key, blobs = self._sealing.keys.packed(), self._blobs.folder
        return copy_log(self._db, self._chain, self._anchor.head, to, content_key=content_key, blobs=blobs)

    def close(self) -> None:
        """Make everything durable, note it as verified and let go of all files. Safe to call twice."""
        with self._syncing:
            if self._closed:
                return
            self._closed = True
            try:
                if self._failure is None:
                    self._settle()
                self._db.close()
            except QuarterdeckError as error:
                # What was acknowledged is safe; the next opening verifies a longer stretch.
                _log.warning("the log did not close cleanly: %s", error.message)
            finally:
                self._anchor.close()
                self._lock.release()

    def _settle(self) -> None:
        self._guarded(self._db.sync)
        for _ in range(2):  # Both slots, so that one damaged page harms nobody.
            self._guarded(lambda: self._anchor.move(self._head))
        if self._mark != self._head:
            self._guarded(lambda: self._set_mark(self._head))
            self._guarded(self._db.sync)
