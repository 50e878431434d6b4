"""Opening a log: what must be there, what must fit together, and what is refused.

Files of a state folder, in the order in which the first opening makes them: `log.lock`, `anchor`,
`chain.key`, `log/`, `content.key`. So a key without an anchor, or an anchor that has moved without a log, means that
something was taken away. The check reads through a read-only handle first: opening for writing would
replay and retire the write-ahead log, and a file put back later would be ignored.
"""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .anchor import Anchor, highest_seq
from .api import Head, Verification
from .chain import EMPTY, Chain, new_key, read_key, write_key
from .codec import SEQ_MAX, seq_key, seq_of
from .content_keys import FILE as CONTENT_KEY
from .content_keys import ContentKeys
from .database import Database, Row
from .errors import LogCorrupt

CHUNK_ROWS = 512
MARK_KEY = b"verified"
KEYS_KEY = b"content key"
_MARK_PURPOSE = b"verified"
_KEYS_PURPOSE = b"content key"
_ID_BYTES, _EPOCH_BYTES = 16, 8
_SEQ_BYTES, _MAC_BYTES = 8, 32


@dataclass
class Opened:
    """An open, checked log. `mark`: up to here the chain has been verified before."""

    database: Database
    anchor: Anchor
    chain: Chain
    head: Head
    mark: Head
    keys: ContentKeys


def open_log(home: Path, key: bytes | None) -> Opened:
    """Open or found the log in `home`. Raises LogCorrupt when anything acknowledged is missing or changed."""
    log = home / "log"
    chain = Chain(key) if key is not None else _chain(home)
    anchor = _anchor(home, chain)
    try:
        founded = anchor.head.seq > 0
        if founded:
            _look(log, chain, anchor)
        database = Database(log, create=not founded)
    except BaseException:
        anchor.close()
        raise
    try:
        head, mark = examine(log, database, chain, anchor, follow=not founded)
        keys = _keys(home, database, chain)
    except BaseException:
        anchor.close()
        database.close()
        raise
    return Opened(database, anchor, chain, head, mark, keys)


def walk(database: Database, family: str, low: bytes, high: bytes, *, reverse: bool = False) -> Iterator[Row]:
    """Yield rows with low <= key < high. No iterator stays open between chunks, so `close` is always possible."""
    while True:
        rows = database.rows(family, low, high, limit=CHUNK_ROWS, reverse=reverse)
        yield from rows
        if len(rows) < CHUNK_ROWS:
            return
        if reverse:
            high = rows[-1][0]
        else:
            low = rows[-1][0] + b"\0"


def events_after(database: Database, after: int) -> Iterator[tuple[int, bytes]]:
    """Yield (sequence, stored bytes) of all events after `after`."""
    for key, value in walk(database, "events", seq_key(after + 1), seq_key(SEQ_MAX)):
        yield seq_of(key), value


def verified(database: Database, chain: Chain, head: Head, after: int) -> Verification:
    """Walk the chain from `after` to the head, and compare the head with this one."""
    start = Head(seq=0, mac=b"")
    if after > 0:
        stored = database.get("events", seq_key(after))
        if stored is None:
            return Verification(checked=0, head=head, broken_at=after, reason="the event is missing")
        start = Head(seq=after, mac=chain.mac(stored))
    # What is appended meanwhile lies beyond the head that is compared with.
    rows = itertools.takewhile(lambda row: row[0] <= head.seq, events_after(database, after))
    return chain.follow(start, rows, head)


def examine(log: Path, database: Database, chain: Chain, anchor: Anchor, *, follow: bool) -> tuple[Head, Head]:
    """Return the head and the verified mark. With `follow`, check every event from the mark to the head."""
    head = _head(database, chain)
    if not _lies_in(database, chain, anchor.head):
        reason = (
            f"event {anchor.head.seq} was acknowledged, and is missing or another one; the log ends at {head.seq}"
        )
        raise LogCorrupt(log, reason, seq=anchor.head.seq)
    mark = _mark(database, chain)
    if mark.seq > anchor.head.seq:
        raise LogCorrupt(anchor.path, f"it is an older copy: it names {anchor.head.seq}, the log {mark.seq}")
    if follow:
        found = chain.follow(mark, events_after(database, mark.seq), head)
        if found.broken_at is not None:
            raise LogCorrupt(log, f"event {found.broken_at}: {found.reason}", seq=found.broken_at)
    return head, mark


def mark_value(chain: Chain, head: Head) -> bytes:
    """The verified mark as it is stored; sealed, so that moving it needs the key."""
    value = seq_key(head.seq) + head.mac
    return value + chain.seal(_MARK_PURPOSE, value)


def keys_value(chain: Chain, keys: ContentKeys) -> bytes:
    """What the log says of the keys of its content; sealed, so that changing it needs the chain's key."""
    value = keys.id + keys.epoch.to_bytes(_EPOCH_BYTES, "big")
    return value + chain.seal(_KEYS_PURPOSE, value)


def check_keys(home: Path, database: Database, chain: Chain) -> ContentKeys | None:
    """Return the keys of the content, None when there never were any. Raises LogCorrupt for the wrong ones.

    The log names its keys before anything is sealed with them. A log from before sealing names none.
    """
    path = home / CONTENT_KEY
    keys, noted = ContentKeys.read(path), database.get("meta", KEYS_KEY)
    if noted is None:
        return keys
    if keys is None:
        raise LogCorrupt(path, "the content key is missing; without it the content of the log cannot be read")
    value, seal = noted[: _ID_BYTES + _EPOCH_BYTES], noted[_ID_BYTES + _EPOCH_BYTES :]
    if not hmac.compare_digest(chain.seal(_KEYS_PURPOSE, value), seal):
        raise LogCorrupt(home / "log", "what it says of its content key was not written by us")
    if value[:_ID_BYTES] != keys.id:
        raise LogCorrupt(path, "the content key is that of another log")
    epoch = int.from_bytes(value[_ID_BYTES:], "big")
    if keys.epoch < epoch:
        reason = f"it is an older copy, from before something was forgotten ({keys.epoch}, the log says {epoch})"
        raise LogCorrupt(path, reason)
    return keys


def _keys(home: Path, database: Database, chain: Chain) -> ContentKeys:
    """The keys of the content; new ones for a new log, and for one from before sealing."""
    keys = check_keys(home, database, chain) or ContentKeys.found(home / CONTENT_KEY)
    note_keys(database, chain, keys)
    return keys


def note_keys(database: Database, chain: Chain, keys: ContentKeys) -> None:
    """Have the log name its keys as they are now. Every later write comes after this one, also after a crash."""
    value = keys_value(chain, keys)
    if database.get("meta", KEYS_KEY) != value:
        batch = database.batch()
        batch.put("meta", KEYS_KEY, value)
        database.write(batch)


def _look(log: Path, chain: Chain, anchor: Anchor) -> None:
    if not (log / "CURRENT").is_file():
        raise LogCorrupt(log, f"the log or its CURRENT file is missing; {anchor.head.seq} events were acknowledged")
    database = Database(log, read_only=True)
    try:
        examine(log, database, chain, anchor, follow=True)
        check_keys(log.parent, database, chain)
    finally:
        database.close()


def _chain(home: Path) -> Chain:
    """The chain with the key of this folder; a new one where nothing was ever written."""
    path, log, anchor = home / "chain.key", home / "log", home / "anchor"
    key = read_key(path)
    if key is not None:
        if not anchor.exists():
            raise LogCorrupt(anchor, "the head anchor is missing")
        return Chain(key)
    if log.exists() and any(log.iterdir()):
        raise LogCorrupt(path, "the chain key is missing; without it the log cannot be verified")
    if anchor.exists() and highest_seq(anchor) > 0:
        raise LogCorrupt(log, "the log and its chain key are missing, but its head anchor is there")
    key = new_key()
    chain = Chain(key)
    Anchor.create(anchor, chain, EMPTY).close()
    write_key(path, key)
    return chain


def _anchor(home: Path, chain: Chain) -> Anchor:
    path, log = home / "anchor", home / "log"
    try:
        return Anchor.open(path, chain)
    except FileNotFoundError as error:
        if log.exists() and any(log.iterdir()):
            raise LogCorrupt(path, "the head anchor is missing") from error
        return Anchor.create(path, chain, EMPTY)


def _head(database: Database, chain: Chain) -> Head:
    last = database.rows("events", seq_key(0), seq_key(SEQ_MAX), limit=1, reverse=True)
    return Head(seq=seq_of(last[0][0]), mac=chain.mac(last[0][1])) if last else EMPTY


def _lies_in(database: Database, chain: Chain, head: Head) -> bool:
    if head.seq == 0:
        return True
    stored = database.get("events", seq_key(head.seq))
    return stored is not None and hmac.compare_digest(chain.mac(stored), head.mac)


def _mark(database: Database, chain: Chain) -> Head:
    """The last verified mark; the beginning when there is none or it is not ours."""
    value = database.get("meta", MARK_KEY) or b""
    seq, mac = value[:_SEQ_BYTES], value[_SEQ_BYTES : _SEQ_BYTES + _MAC_BYTES]
    mark = Head(seq=int.from_bytes(seq, "big"), mac=mac)
    sealed = hmac.compare_digest(value, mark_value(chain, mark))
    return mark if sealed and _lies_in(database, chain, mark) else EMPTY
