"""The floor of everything durable: RocksDB with one batch and one sync, and nothing else of ours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rocksdict import DBRecoveryMode, Options, Rdict, WriteBatch

FAMILIES = ("events", "records", "versions", "links", "blobs_index", "cache", "meta")

Row = tuple[str, bytes, bytes]


class BareLog:
    """Families and recovery mode as the store has them, so that the disk does the same work."""

    def __init__(self, folder: Path) -> None:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.create_missing_column_families(True)
        options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
        self._db = Rdict(str(folder), options, {name: Options(raw_mode=True) for name in FAMILIES})
        self._handles = {name: self._db.get_column_family_handle(name) for name in FAMILIES}

    def write(self, rows: Iterable[Row]) -> None:
        """Put (family, key, value) rows in one atomic batch; not yet durable."""
        batch = WriteBatch(raw_mode=True)
        for family, key, value in rows:
            batch.put(key, value, self._handles[family])
        self._db.write(batch)

    def sync(self) -> None:
        self._db.flush_wal(True)

    def close(self) -> None:
        self._db.close()
