"""RocksDB behind the few calls the store needs; the only importer of rocksdict.

Promises  an iterator's status is checked after every loop, because a damaged block ends a loop silently
          a damaged write-ahead log is refused; only a torn last record is dropped
          no iterator outlives a call, and `close` drops every handle: a live one would keep the LOCK
Leaves    what keys and values mean to codec.py.

RocksDB reports everything as a bare Exception, so errors are told apart by their text, here and nowhere else.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from pathlib import Path

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    BottommostLevelCompaction,
    Cache,
    Checkpoint,
    ColumnFamily,
    CompactOptions,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    RdictIter,
    WriteBatch,
)

from quarterdeck_protocol.codes import QuarterdeckError

from .errors import LogCorrupt, NoSpace, StoreFailed

FAMILIES = ("events", "records", "versions", "links", "blobs_index", "cache", "meta")
WRITE_BUFFER_BYTES = 8 << 20
WRITE_BUFFERS_BYTES_MAX = 16 << 20  # Of all families together, in memory.
WAL_BYTES_MAX = 64 << 20
CACHE_BYTES = 16 << 20
OPEN_FILES_MAX = 512
LOG_FILES_KEPT = 4
_BLOOM_BITS = 10

Row = tuple[bytes, bytes]


class Database:
    """An open database. Families are made once and never dropped."""

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        """Raises LogCorrupt when RocksDB refuses. Only `create` makes a database where there is none."""
        self._path = path
        cache = Cache(CACHE_BYTES)
        families = {name: _options(cache) for name in FAMILIES}
        access = AccessType.read_only(False) if read_only else AccessType.read_write()
        try:
            self._db = Rdict(str(path), _database_options(cache, create), families, access)
        except Exception as error:
            raise _opening(path, error) from error
        self._families: dict[str, Rdict] = {name: self._db.get_column_family(name) for name in FAMILIES}
        self._handles: dict[str, ColumnFamily] = {}
        if not read_only:
            self._handles = {name: self._db.get_column_family_handle(name) for name in FAMILIES}

    def get(self, family: str, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._families[family].get(key)
        except Exception as error:
            raise self._reading(error) from error
        return value

    def rows(self, family: str, low: bytes, high: bytes, *, limit: int, reverse: bool = False) -> list[Row]:
        """Return up to `limit` rows with low <= key < high, in key order or backwards."""
        try:
            at = self._families[family].iter()
            found = _backward(at, low, high, limit) if reverse else _forward(at, low, high, limit)
            at.status()
        except Exception as error:
            raise self._reading(error) from error
        return found

    def batch(self) -> Batch:
        return Batch(self._handles)

    def write(self, batch: Batch) -> None:
        """Write the batch, atomically over all families. Durable only after `sync`."""
        try:
            self._db.write(batch.raw)
        except Exception as error:
            raise self._writing(error) from error

    def sync(self) -> None:
        """fsync the write-ahead log. Lets other threads run meanwhile."""
        try:
            self._db.flush_wal(True)
        except Exception as error:
            raise self._writing(error) from error

    def rewrite(self, ranges: Iterable[tuple[str, bytes | None, bytes | None]]) -> None:
        """Write these ranges (family, from, to) into new files without what was deleted, and drop the old ones.

        The write-ahead log goes too, and so does the list of files with their first and last keys: RocksDB begins a
        new one with the next change, which is why something is changed twice at the end.
        """
        try:
            self._flush()
            for family, low, high in ranges:
                self._families[family].compact_range(low, high, _thorough())
            for number in (b"0", b"1"):
                self._families["meta"].put(b"rewritten", number)
                self._flush()
        except Exception as error:
            raise self._writing(error) from error

    def _flush(self) -> None:
        for family in FAMILIES:
            self._families[family].flush(True)

    def checkpoint(self, to: Path) -> None:
        """A consistent copy in the new folder `to`; hard links where the file system allows."""
        try:
            Checkpoint(self._db).create_checkpoint(str(to))
        except Exception as error:
            raise self._writing(error) from error

    def close(self) -> None:
        """Release everything, the LOCK included. Raises StoreFailed when RocksDB could not end cleanly."""
        self._families.clear()
        self._handles.clear()
        try:
            self._db.close()
        except Exception as error:
            raise self._writing(error) from error
        finally:
            del self._db
            gc.collect()  # A handle in a reference cycle would keep the LOCK.

    def _reading(self, error: Exception) -> QuarterdeckError:
        if not self._families:
            return StoreFailed(self._path, "the store is closed")
        return (
            LogCorrupt(self._path, str(error)) if "orruption" in str(error) else StoreFailed(self._path, str(error))
        )

    def _writing(self, error: Exception) -> QuarterdeckError:
        full = "No space" in str(error) or "File too large" in str(error)
        return NoSpace(self._path, str(error)) if full else StoreFailed(self._path, str(error))


class Batch:
    """Changes to be written together."""

    def __init__(self, handles: dict[str, ColumnFamily]) -> None:
        self._handles = handles
        self.raw = WriteBatch(raw_mode=True)

    def put(self, family: str, key: bytes, value: bytes) -> None:
        self.raw.put(key, value, self._handles[family])

    @property
    def size_bytes(self) -> int:
        return self.raw.size_in_bytes()

    def delete(self, family: str, key: bytes) -> None:
        self.raw.delete(key, self._handles[family])


def _forward(at: RdictIter, low: bytes, high: bytes, limit: int) -> list[Row]:
    found: list[Row] = []
    at.seek(low)
    while len(found) < limit and at.valid():
        key: bytes = at.key()
        if key >= high:
            break
        found.append((key, at.value()))
        at.next()
    return found


def _backward(at: RdictIter, low: bytes, high: bytes, limit: int) -> list[Row]:
    found: list[Row] = []
    at.seek_for_prev(high)
    while len(found) < limit and at.valid():
        key: bytes = at.key()
        if key < low:
            break
        if key != high:
            found.append((key, at.value()))
        at.prev()
    return found


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_bloom_filter(_BLOOM_BITS, False)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    return options


def _database_options(cache: Cache, create: bool) -> Options:
    options = _options(cache)
    options.create_if_missing(create)  # With a lost CURRENT file this would start an empty log over the old one.
    options.create_missing_column_families(create)
    options.set_paranoid_checks(True)
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_max_total_wal_size(WAL_BYTES_MAX)
    options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES_MAX)
    options.set_max_open_files(OPEN_FILES_MAX)
    options.set_keep_log_file_num(LOG_FILES_KEPT)
    options.set_max_manifest_file_size(1)  # A new list of files with each change: it names keys, also deleted ones.
    return options


def _thorough() -> CompactOptions:
    """Down to the last level, where a deletion itself is dropped."""
    options = CompactOptions()
    options.set_bottommost_level_compaction(BottommostLevelCompaction.force())
    options.set_exclusive_manual_compaction(True)
    return options


def _opening(path: Path, error: Exception) -> QuarterdeckError:
    text = str(error)
    if "No space" in text:
        return NoSpace(path, text)
    return LogCorrupt(path, f"RocksDB refuses to open it ({text})")
