"""An earlier state of a log: everything after a position is taken out of a copy, as if it had never been written.

What is left is what reading as of that position shows, byte for byte: each record becomes its version of then, each
link stands if it stood then, the chain ends at that event and verifies. What was forgotten since is not there either:
its rows are gone and its keys with them. The space of what was taken out is given back, so none of it stays in the
files. The folder must be a copy (`RocksStore.checkpoint`) with its `chain.key`, and nobody may have it open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.edges import KERNEL_RELATIONS
from ..core.entities import Edge, Link
from .anchor import Anchor
from .api import Head
from .chain import Chain, read_key
from .codec import LIVE, NUL, after_prefix, header, inverted, joined, link_keys, seq_key, seq_of
from .database import Batch, Database, Row
from .errors import LogCorrupt
from .opening import MARK_KEY, check_keys, walk
from .sealing import Sealing

BATCH_ROWS = 2_000
_LIVE = joined("live") + NUL
_EDGE = joined("edge") + NUL
_ROW_ENDS = 9  # NUL and eight bytes of a sequence.
FAMILIES = ("events", "records", "versions", "links", "meta")

Tell = Callable[[str], None]


def cut_log(home: Path, at: int, tell: Tell) -> Head:
    """Take out all after `at` (1 or more) and return the head that is left. `tell` hears of each phase.

    Raises QuarterdeckError `out_of_range` when the log has no such event.
    """
    key = read_key(home / "chain.key")
    if key is None:
        raise LogCorrupt(home / "chain.key", "the copy has no chain key")
    chain = Chain(key)
    database = Database(home / "log")
    try:
        last = database.get("events", seq_key(at))
        if last is None:
            raise QuarterdeckError("out_of_range", f"the log has no event {at}")
        cutter = _Cutter(home, database, chain, at)
        for phase, step in cutter.steps():
            tell(phase)
            step()
        head = Head(seq=at, mac=chain.mac(last))
    finally:
        database.close()
    (home / "anchor").unlink()
    Anchor.create(home / "anchor", chain, head).close()
    return head


class _Cutter:
    def __init__(self, home: Path, database: Database, chain: Chain, at: int) -> None:
        self._db, self._at = database, at
        keys = check_keys(home, database, chain)
        self._sealing = Sealing(keys, home / "log") if keys is not None else None
        self._batch: Batch = database.batch()
        self._rows = 0

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "records", self._cut_records
        yield "versions", self._cut_versions
        yield "links", self._cut_links
        yield "events", self._cut_events
        yield "space", self._give_back

    def _cut_records(self) -> None:
        """Each record becomes its version of then; that version is no longer an old one."""
        live: set[bytes] = set()
        for key, value in walk(self._db, "records", b"", b"\xff"):
            kept: bytes | None = value
            if header(value)[0] > self._at:
                row = self._version(key)
                kept = row[1] if row is not None else None
                if row is not None:
                    self._put("records", key, row[1])
                    self._delete("versions", row[0])
                else:
                    self._delete("records", key)
            if kept is not None and header(kept)[1] & LIVE:
                live.add(_LIVE + key)
        for key, _ in walk(self._db, "meta", _LIVE, after_prefix(_LIVE)):
            if key in live:
                live.discard(key)
            else:
                self._delete("meta", key)
        for key in sorted(live):
            self._put("meta", key, b"")
        self._delete("meta", MARK_KEY)
        self._flush()

    def _version(self, key: bytes) -> Row | None:
        low = key + NUL + inverted(self._at)
        rows = self._db.rows("versions", low, key + NUL + b"\xff" * _ROW_ENDS, limit=1)
        # An id may go on after a NUL only if it is another one's: ids hold none, so the length tells.
        return rows[0] if rows and len(rows[0][0]) == len(key) + _ROW_ENDS else None

    def _cut_versions(self) -> None:
        for key, value in walk(self._db, "versions", b"", b"\xff"):
            if header(value)[0] > self._at:
                self._delete("versions", key)
        self._flush()

    def _cut_links(self) -> None:
        """Links say since when they stand. Those that can be taken back have their past in `Edge` values."""
        for key, value in walk(self._db, "links", b"e", b"u"):
            side = key[:1]
            if (seq_of(key) if side == b"e" else seq_of(value)) > self._at:
                self._delete("links", key)
        self._flush()
        for key, value in walk(self._db, "records", _EDGE, after_prefix(_EDGE)):
            edge = self._sealing.open_entity(Edge, key, value) if self._sealing is not None else None
            if edge is not None and not edge.removed and edge.relation not in KERNEL_RELATIONS:
                for link_key in link_keys(Link(source=edge.source, relation=edge.relation, target=edge.target)):
                    self._put("links", link_key, seq_key(edge.seq))
        self._flush()

    def _cut_events(self) -> None:
        for key, _ in walk(self._db, "events", seq_key(self._at + 1), b"\xff" * 8):
            self._delete("events", key)
        self._flush()

    def _give_back(self) -> None:
        self._db.sync()
        self._db.rewrite((family, None, None) for family in FAMILIES)

    # --- writing ---

    def _put(self, family: str, key: bytes, value: bytes) -> None:
        self._batch.put(family, key, value)
        self._count()

    def _delete(self, family: str, key: bytes) -> None:
        self._batch.delete(family, key)
        self._count()

    def _count(self) -> None:
        self._rows += 1
        if self._rows >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._db.write(self._batch)
            self._batch, self._rows = self._db.batch(), 0
