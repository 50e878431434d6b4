"""The edges of the disk and of ownership: full disks, failed writes, two owners, closing, bounded starts, copies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.core.entities import Memory
from quarterdeck_daemon.store import rocks
from quarterdeck_daemon.store.database import WRITE_BUFFERS_BYTES_MAX
from quarterdeck_daemon.store.errors import LogCorrupt, LogLocked, NoSpace, StoreFailed
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_daemon.store.room import FREE_BYTES_MIN
from quarterdeck_protocol.codes import QuarterdeckError

from .sample import commit

ROOT = Path(__file__).parents[3]
FULL_AFTER_COMMITS_MAX = 2_000


def write(store: RocksStore, commits: int = 1, *, filler: str = "") -> None:
    for _ in range(commits):
        store.append([commit(store.head.seq + 1, filler=filler)])
        store.sync()


# --- a full disk ------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 24 MiB, or of the size that a test names."""
    if os.geteuid() != 0:
        pytest.skip("filling a disk for real needs root to mount a small tmpfs")
    at = tmp_path / "small"
    at.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={getattr(request, 'param', '24m')}", "tmpfs", str(at)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"this machine does not let the test mount a tmpfs: {done.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill_until_refused(store: RocksStore) -> NoSpace:
    for _ in range(FULL_AFTER_COMMITS_MAX):
        try:
            write(store, filler=os.urandom(30_000).hex())
        except NoSpace as refusal:
            return refusal
    raise AssertionError("the disk never got full")


def test_a_full_disk_refuses_writes_serves_reads_and_loses_nothing(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (12 << 20))
    store = RocksStore.open(small_disk / "home", free_bytes_min=0)
    write(store, 3)
    assert fill_until_refused(store).code == "no_space"
    acknowledged = store._anchor.head.seq
    assert store.get(Memory, "m1") is not None
    assert len(list(store.events(before=acknowledged + 1))) == acknowledged
    with pytest.raises(NoSpace):
        write(store)
    ballast.unlink()
    with pytest.raises(NoSpace):  # What reached the disk is uncertain until the log has been read again.
        write(store)
    store.close()
    store = RocksStore.open(small_disk / "home", free_bytes_min=0)
    assert store.head.seq >= acknowledged
    assert store.verify().broken_at is None
    write(store, 3)
    store.close()


def test_below_the_floor_only_the_reserve_may_write(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home", free_bytes_min=1 << 60)
    with pytest.raises(NoSpace) as refusal:
        store.append([commit(1)])
    with pytest.raises(NoSpace):
        store.put_blob(b"new work")
    assert (refusal.value.code, store.head.seq) == ("no_space", 0)
    store.append([commit(1)], reserve=True)
    store.sync()
    assert store.head.seq == 1
    store.close()


@pytest.mark.parametrize("small_disk", ["96m"], indirect=True)
def test_the_floor_keeps_the_disk_from_getting_full(small_disk: Path) -> None:
    """A floor holds when it is above what RocksDB may still write out of its buffers by itself."""
    floor = 40 << 20
    assert floor // 2 > WRITE_BUFFERS_BYTES_MAX
    assert FREE_BYTES_MIN // 2 > WRITE_BUFFERS_BYTES_MAX, "and so does the floor that is used"
    store = RocksStore.open(small_disk / "home", free_bytes_min=floor)
    fill_until_refused(store)
    status = os.statvfs(small_disk)
    assert status.f_bavail * status.f_frsize > floor // 2
    store.append([commit(store.head.seq + 1)], reserve=True)
    store.sync()
    assert store.verify().broken_at is None
    store.close()


# --- after a failed write or sync -------------------------------------------------------------------


def fail_sync(store: RocksStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the next fsync of the anchor's write fail as a broken disk would."""

    def broken(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(StoreFailed):
        store.sync()
    monkeypatch.undo()


def test_after_a_failed_sync_nothing_more_is_written_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RocksStore.open(tmp_path / "home")
    write(store, 2)
    store.append([commit(3)])
    fail_sync(store, monkeypatch)
    attempts: list[Callable[[], object]] = [
        lambda: store.append([commit(4)]),
        store.sync,
        lambda: store.put_blob(b"x"),
    ]
    for attempt in attempts:
        with pytest.raises(StoreFailed) as refusal:
            attempt()
        assert refusal.value.code == "unavailable"
    assert [one.seq for one in store.events()] == [1, 2, 3]
    store.close()
    store = RocksStore.open(tmp_path / "home")
    assert store.head.seq == 3
    write(store)
    store.close()


def test_a_closed_store_refuses_reads_and_writes(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    write(store)
    store.close()
    store.close()
    attempts: list[Callable[[], object]] = [lambda: store.append([commit(2)]), store.sync, lambda: store.event(1)]
    for attempt in attempts:
        with pytest.raises(StoreFailed):
            attempt()


# --- one owner --------------------------------------------------------------------------------------


def test_a_second_opening_names_the_owner_and_touches_nothing(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    write(store)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "home").rglob("*"))
    script = (
        "import sys, pathlib\n"
        "from quarterdeck_daemon.store.errors import LogLocked\n"
        "from quarterdeck_daemon.store.rocks import RocksStore\n"
        "try:\n    RocksStore.open(pathlib.Path(sys.argv[1]), lock_wait_s=0.2)\n"
        "except LogLocked as locked:\n    print(locked.pid, locked.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "home")], capture_output=True, text=True)
    after = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "home").rglob("*"))
    assert (done.stdout.split(), done.stderr) == ([str(os.getpid()), "conflict"], "")
    assert after == before
    store.close()


def test_waiting_for_the_lock_gets_it_when_the_owner_goes(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    with pytest.raises(LogLocked):
        RocksStore.open(tmp_path / "home")
    threading.Timer(0.2, store.close).start()
    RocksStore.open(tmp_path / "home", lock_wait_s=10.0).close()


def test_a_refused_opening_lets_go_of_the_lock(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = RocksStore.open(home)
    write(store)
    store.close()
    (home / "anchor").rename(home / "aside")
    with pytest.raises(LogCorrupt):
        RocksStore.open(home)
    (home / "aside").rename(home / "anchor")
    RocksStore.open(home).close()


def test_everything_is_private_to_its_owner(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    store.put_blob(b"secret")
    modes = {
        path.name: path.stat().st_mode & 0o777
        for path in ((tmp_path / "home"), *(tmp_path / "home").iterdir(), *(tmp_path / "home" / "blobs").rglob("*"))
        if path.name != "log"
    }
    assert {mode & 0o077 for mode in modes.values()} == {0}
    store.close()


# --- bounded starts ---------------------------------------------------------------------------------


def test_a_start_checks_only_what_came_after_the_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rocks, "CHECKPOINT_EVERY", 10)
    store = RocksStore.open(tmp_path / "home")
    write(store, 27)
    assert store._mark.seq == 20
    store.close()
    store = RocksStore.open(tmp_path / "home")
    assert (store._mark, store.verify().checked) == (store.head, 27)
    store.close()


def test_a_mark_that_was_moved_without_the_key_is_not_believed(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    write(store, 5)
    batch = store._db.batch()
    batch.put("meta", b"verified", (4).to_bytes(8, "big") + b"\0" * 64)
    store._db.write(batch)
    store._mark = store.head  # So that closing leaves the forged one.
    store.close()
    store = RocksStore.open(tmp_path / "home")
    assert store._mark.seq == 0
    store.close()


# --- interplay --------------------------------------------------------------------------------------


def test_appending_goes_on_while_another_thread_syncs(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    done = threading.Event()

    def sync_all_the_time() -> None:
        while not done.is_set():
            store.sync()

    thread = threading.Thread(target=sync_all_the_time)
    thread.start()
    try:
        for _ in range(500):
            store.append([commit(store.head.seq + 1)])
    finally:
        done.set()
        thread.join()
    store.sync()
    assert (store._anchor.head, store.verify().broken_at) == (store.head, None)
    store.close()


def test_a_key_kept_elsewhere_is_needed_each_time(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home", key=b"k" * 32)
    write(store, 2)
    store.close()
    assert not (tmp_path / "home" / "chain.key").exists()
    for wrong in (None, b"w" * 32):
        with pytest.raises(LogCorrupt):
            RocksStore.open(tmp_path / "home", key=wrong)
    store = RocksStore.open(tmp_path / "home", key=b"k" * 32)
    assert store.head.seq == 2
    store.close()


def test_a_copy_of_a_running_log_opens_with_the_same_key_and_is_equal(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home", key=b"k" * 32)
    write(store, 5)
    manifest = store.checkpoint(tmp_path / "copy")
    then, state = store.head, store.state_hash()
    write(store, 5)
    copy = RocksStore.open(tmp_path / "copy", key=b"k" * 32)
    assert (copy.head, copy.state_hash(), copy.verify().broken_at) == (then, state, None)
    assert (manifest.seq, manifest.mac) == (then.seq, then.mac.hex())
    assert "anchor" in {one.path for one in manifest.files}
    copy.close()
    with pytest.raises(QuarterdeckError, match="exists"):
        store.checkpoint(tmp_path / "copy")
    write(store)
    store.close()


# --- blobs ------------------------------------------------------------------------------------------


def test_a_damaged_blob_is_refused_and_healed_by_putting_it_again(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    name = store.put_blob(b"a contract")
    path = tmp_path / "home" / "blobs" / name[:2] / name[2:]
    path.write_bytes(b"A contract")
    with pytest.raises(LogCorrupt) as refusal:
        store.get_blob(name)
    assert refusal.value.path == path
    assert store.put_blob(b"a contract") == name
    assert store.get_blob(name) == b"a contract"
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    store.close()


def test_a_blob_that_is_too_large_is_refused(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    with pytest.raises(QuarterdeckError) as refusal:
        store.put_blob(bytes((64 << 20) + 1))
    assert refusal.value.code == "out_of_range"
    assert not (tmp_path / "home" / "blobs").exists()
    store.close()
