"""Damaged, missing and forged files: the store gives back identical data or refuses, naming file and remedy."""

from __future__ import annotations

import gc
import hashlib
import hmac
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest
from rocksdict import DBRecoveryMode, Options, Rdict

from quarterdeck_daemon.core.entities import Counter, Memory
from quarterdeck_daemon.store.api import Head
from quarterdeck_daemon.store.database import FAMILIES
from quarterdeck_daemon.store.errors import LogCorrupt
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.codes import QuarterdeckError

from .sample import commit

FLIPS = 110
PART = 40  # Commits between two openings; each opening turns the write-ahead log into table files.


def write(store: RocksStore, commits: int, *, sync_each: bool = True) -> None:
    for _ in range(commits):
        store.append([commit(store.head.seq + 1, events=2, filler="some text " * 20)])
        if sync_each:
            store.sync()


def killed_copy(home: Path, to: Path) -> Path:
    """What a kill would leave: the files as they are while the store is open."""
    shutil.copytree(home, to)
    return to


def everything(home: Path) -> tuple[object, ...]:
    """Open and read all there is. Anything but equal data or a refusal is a failure of the store."""
    store = RocksStore.open(home)
    try:
        return (
            store.head, store.verify(), list(store.events()), list(store.scan(Memory)), store.state_hash(),
            store.history(Counter, "m"), store.links_to("document:d1"), list(store.events_of("memory:m1")),
        )  # fmt: skip
    finally:
        store.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of several table files and a write-ahead log, as a kill leaves it."""
    base = tmp_path_factory.mktemp("sound")
    for _ in range(3):
        store = RocksStore.open(base / "home")
        write(store, PART)
        store.close()
    store = RocksStore.open(base / "home")
    write(store, PART)
    killed = killed_copy(base / "home", base / "killed")
    store.close()
    return killed


@pytest.fixture(scope="module")
def truth(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    return everything(killed_copy(sound, tmp_path_factory.mktemp("truth") / "home"))


def outcome(home: Path) -> tuple[object, ...] | QuarterdeckError:
    try:
        return everything(home)
    except QuarterdeckError as refusal:
        return refusal


def flips(sound: Path) -> Iterator[tuple[Path, int, int]]:
    """Random bits over all files that matter, each file hit at least twice."""
    random_ = random.Random(20)
    files = [path for path in sorted(sound.rglob("*")) if path.is_file() and path.stat().st_size]
    files = [path for path in files if not path.name.startswith(("LOG", "log.lock"))]
    picks = files * 2 + random_.choices(
        files, weights=[path.stat().st_size for path in files], k=FLIPS - 2 * len(files)
    )
    for path in picks:
        yield path.relative_to(sound), random_.randrange(path.stat().st_size), 1 << random_.randrange(8)


def test_a_flipped_bit_is_harmless_or_refused_and_never_read_wrong(
    sound: Path, truth: tuple[object, ...], tmp_path: Path
) -> None:
    refused = 0
    for number, (name, offset, bit) in enumerate(flips(sound)):
        home = killed_copy(sound, tmp_path / str(number))
        raw = bytearray((home / name).read_bytes())
        raw[offset] ^= bit
        (home / name).write_bytes(raw)
        result = outcome(home)
        if isinstance(result, QuarterdeckError):
            refused += 1
            assert str(home) in result.message, (name, offset, bit, result.message)
            assert "quarterdeck " in result.hint
        else:
            assert result == truth, (name, offset, bit)
        shutil.rmtree(home, ignore_errors=True)  # RocksDB may still tidy up after a damaged file.
    assert refused > FLIPS // 2


def test_rocksdb_alone_reads_a_flipped_log_as_a_shorter_one(sound: Path, tmp_path: Path) -> None:
    """The twin: default recovery, no anchor. The same flip in the middle of the write-ahead log passes unseen."""
    home = killed_copy(sound, tmp_path / "home")
    wal = max((home / "log").glob("*.log"), key=lambda path: path.stat().st_size)
    raw = bytearray(wal.read_bytes())
    raw[len(raw) // 2] ^= 1
    wal.write_bytes(raw)
    kept = len(bare_events(home, DBRecoveryMode.point_in_time()))
    assert 0 < kept < PART * 2 * 4
    assert isinstance(outcome(home), LogCorrupt)


# --- a torn tail ------------------------------------------------------------------------------------


def torn(home: Path, cut: int) -> Path:
    wal = max((home / "log").glob("*.log"), key=lambda path: path.stat().st_size)
    wal.write_bytes(wal.read_bytes()[:-cut])
    return home


@pytest.mark.parametrize("cut", [1, 5, 300])
def test_a_torn_tail_loses_only_the_torn_record(tmp_path: Path, cut: int) -> None:
    """The last commit was never acknowledged; a cut in the middle of its record takes it alone, and all of it."""
    store = RocksStore.open(tmp_path / "home")
    write(store, 20)
    head = store.head
    write(store, 1, sync_each=False)
    copy = torn(killed_copy(tmp_path / "home", tmp_path / "copy"), cut)
    store.close()
    survivor = RocksStore.open(copy)
    assert (survivor.head, survivor.verify().broken_at) == (head, None)
    assert survivor.get(Memory, f"m{head.seq + 1}") is None
    write(survivor, 1)
    survivor.close()
    assert everything(copy)[0] == Head(seq=head.seq + 2, mac=survivor.head.mac)


def test_a_torn_tail_that_takes_something_acknowledged_is_refused(sound: Path, tmp_path: Path) -> None:
    refusal = outcome(torn(killed_copy(sound, tmp_path / "home"), 5))
    assert isinstance(refusal, LogCorrupt)
    assert refusal.path == tmp_path / "home" / "log"
    assert refusal.seq == PART * 2 * 4


# --- missing, truncated, swapped --------------------------------------------------------------------

HARMLESS = ("LOG", "LOCK", "IDENTITY", "OPTIONS", "rocksdict-config", "log.lock")  # RocksDB writes these anew.


@pytest.mark.parametrize("damage", ["delete", "empty", "halve"])
def test_a_missing_or_shortened_file_is_refused_and_putting_it_back_heals(
    sound: Path, truth: tuple[object, ...], tmp_path: Path, damage: str
) -> None:
    for path in sorted(one for one in sound.rglob("*") if one.is_file()):
        home = killed_copy(sound, tmp_path / "home")
        victim = home / path.relative_to(sound)
        raw = victim.read_bytes()
        if damage == "delete":
            victim.unlink()
        else:
            victim.write_bytes(raw[: len(raw) // 2] if damage == "halve" else b"")
        result = outcome(home)
        if not path.name.startswith(HARMLESS) and raw:
            assert isinstance(result, LogCorrupt), (damage, path.name)
            victim.write_bytes(raw)
            result = outcome(home)
        assert result == truth, (damage, path.name)
        shutil.rmtree(home)


def test_a_log_of_which_nothing_is_left_is_refused(sound: Path, tmp_path: Path) -> None:
    home = killed_copy(sound, tmp_path / "home")
    shutil.rmtree(home / "log")
    refusal = outcome(home)
    assert isinstance(refusal, LogCorrupt)
    assert (refusal.path, (home / "log").exists()) == (home / "log", False)
    (home / "chain.key").unlink()
    assert isinstance(outcome(home), LogCorrupt)


@pytest.mark.parametrize("part", ["log", "anchor", "chain.key"])
def test_an_older_copy_or_another_workspace_s_is_refused(tmp_path: Path, part: str) -> None:
    homes = {name: tmp_path / name for name in ("ours", "other", "older")}
    for name in ("ours", "other"):
        store = RocksStore.open(homes[name])
        write(store, 5)
        store.close()
    killed_copy(homes["ours"], homes["older"])
    store = RocksStore.open(homes["ours"])
    write(store, 5)
    store.close()
    for source in ("other", "older"):
        if (source, part) == ("older", "chain.key"):
            continue  # It never changes.
        home = killed_copy(homes["ours"], tmp_path / "swapped")
        if part == "log":
            shutil.rmtree(home / part)
            shutil.copytree(homes[source] / part, home / part)
        else:
            shutil.copyfile(homes[source] / part, home / part)
        assert isinstance(outcome(home), LogCorrupt), source
        shutil.rmtree(home)


def test_without_the_anchor_an_older_log_is_served_without_a_word(tmp_path: Path) -> None:
    """The twin: RocksDB itself sees nothing wrong with yesterday's folder."""
    store = RocksStore.open(tmp_path / "home")
    write(store, 5)
    store.close()
    yesterday = killed_copy(tmp_path / "home", tmp_path / "yesterday")
    store = RocksStore.open(tmp_path / "home")
    write(store, 5)
    store.close()
    shutil.rmtree(tmp_path / "home" / "log")
    shutil.copytree(yesterday / "log", tmp_path / "home" / "log")
    assert len(bare_events(tmp_path / "home")) == 10


# --- edited by hand ---------------------------------------------------------------------------------


def bare(home: Path, mode: DBRecoveryMode | None = None) -> Rdict:
    options = Options(raw_mode=True)
    if mode is not None:
        options.set_wal_recovery_mode(mode)
    return Rdict(str(home / "log"), options, {name: Options(raw_mode=True) for name in FAMILIES})


def bare_events(home: Path, mode: DBRecoveryMode | None = None) -> list[bytes]:
    db = bare(home, mode)
    events = db.get_column_family("events")
    rows: list[bytes] = list(events.values())
    del events
    db.close()
    del db
    gc.collect()
    return rows


def edit(home: Path, change: Callable[[dict[bytes, bytes]], None], *, family: str = "events") -> None:
    """Let `change` work on all rows of a family and write back what it leaves."""
    db = bare(home)
    rows = db.get_column_family(family)
    before = dict(cast(Iterable[tuple[bytes, bytes]], rows.items()))
    after = dict(before)
    change(after)
    for key in before.keys() - after.keys():
        del rows[key]
    for key, value in after.items():
        rows[key] = value
    del rows
    db.close()
    del db
    gc.collect()


def forged(stored: bytes, **changes: object) -> bytes:
    """The event with other fields, everything else as it was."""
    event = msgspec.msgpack.decode(stored)
    event.update(changes)
    return msgspec.msgpack.encode(event)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    store = RocksStore.open(tmp_path / "home")
    write(store, 10)
    store.close()
    return tmp_path / "home"


def key(seq: int) -> bytes:
    return seq.to_bytes(8, "big")


def test_an_edited_event_is_found_by_its_number(closed: Path) -> None:
    def change(events: dict[bytes, bytes]) -> None:
        events[key(7)] = forged(events[key(7)], actor="somebody else")

    edit(closed, change)
    store = RocksStore.open(closed)  # The stretch before the verified mark is left to `verify`.
    found = store.verify()
    store.close()
    assert (found.broken_at, found.checked) == (7, 7)


def test_a_removed_event_is_found_by_its_number(closed: Path) -> None:
    def change(events: dict[bytes, bytes]) -> None:
        del events[key(7)]

    edit(closed, change)
    store = RocksStore.open(closed)
    assert store.verify().broken_at == 7
    store.close()


def test_an_event_edited_after_the_verified_mark_is_refused_at_the_start(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    write(store, 10)
    home = killed_copy(tmp_path / "home", tmp_path / "killed")
    store.close()

    def change(events: dict[bytes, bytes]) -> None:
        events[key(7)] = forged(events[key(7)], actor="somebody else")

    edit(home, change)
    refusal = outcome(home)
    assert isinstance(refusal, LogCorrupt)
    assert refusal.seq == 7


def test_a_chain_recomputed_with_another_key_is_refused(closed: Path) -> None:
    def change(events: dict[bytes, bytes]) -> None:
        mac = b""
        for seq in range(1, 21):
            events[key(seq)] = forged(events[key(seq)], actor="somebody else", prev_mac=mac)
            mac = hmac.digest(b"?" * 32, events[key(seq)], "sha256")

    edit(closed, change)
    refusal = outcome(closed)
    assert isinstance(refusal, LogCorrupt)
    assert refusal.seq == 20


def test_a_chain_without_a_key_could_be_recomputed(closed: Path) -> None:
    """The twin: a bare hash chain verifies after being rewritten from end to end by whoever can write the file."""

    def change(events: dict[bytes, bytes]) -> None:
        previous = b""
        for seq in range(1, 21):
            events[key(seq)] = forged(events[key(seq)], actor="somebody else", prev_mac=previous)
            previous = hashlib.sha256(events[key(seq)]).digest()

    edit(closed, change)
    rows = bare_events(closed)
    claimed = [msgspec.msgpack.decode(row)["prev_mac"] for row in rows]
    assert claimed == [b"", *(hashlib.sha256(row).digest() for row in rows[:-1])]


def test_a_damaged_record_is_refused_by_name_not_read(closed: Path) -> None:
    def change(records: dict[bytes, bytes]) -> None:
        records[b"memory\0m1"] = records[b"memory\0m1"][:20]

    edit(closed, change, family="records")
    store = RocksStore.open(closed)
    with pytest.raises(LogCorrupt, match="memory record"):
        store.get(Memory, "m1")
    store.close()
