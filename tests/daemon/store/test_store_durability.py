"""What was acknowledged is there after a kill at any moment and after a power cut; a commit is there whole or not at all."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck_daemon.core.entities import Counter, Memory
from quarterdeck_daemon.store.rocks import RocksStore

ROOT = Path(__file__).parents[3]
KILLS = 25
KILL_AFTER_MS = (1, 60)
FIRST_ACK_S = 20.0


@contextmanager
def writer(home: Path, order: str, seed: int) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A writing child; the list is filled with all it acknowledged once the block has ended and it is dead."""
    command = [sys.executable, "-m", "tests.daemon.store.log_writer", str(home), order, str(seed)]
    acked: list[int] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        first = child.stdout.read(8)  # It writes now.
        try:
            yield child, acked
        finally:
            child.kill()
            raw = first + child.stdout.read()
            acked += [int.from_bytes(raw[at : at + 8], "big") for at in range(0, len(raw) - 7, 8)]


def assert_whole(store: RocksStore) -> None:
    """The chain verifies, commits are whole, and the state is exactly that of the last event."""
    assert store.verify().broken_at is None
    head, seen, values = store.head.seq, 0, [0]
    while seen < head:
        event = store.event(seen + 1)
        assert event is not None
        assert event.body["first"] == seen + 1
        last = event.body["last"]
        assert isinstance(last, int)
        assert last <= head, "half a commit"
        seen = last
        values.append(last)
    counter = store.get(Counter, "m")
    assert (counter.value if counter else 0) == head
    assert sorted(one.seq for one in store.scan(Memory)) == values[1:]
    assert len(store.links_to("document:d1")) == len(values) - 1


def kill_rounds(home: Path, order: str, rounds: int) -> int:
    """Kill a writer at random moments, reopen each time; return how many acknowledged events were lost."""
    lost, random_ = 0, random.Random(4711)
    for seed in range(rounds):
        with writer(home, order, seed) as (_, acked):
            time.sleep(random_.uniform(*KILL_AFTER_MS) / 1000)  # The moment of death is the input, not a wait.
        store = RocksStore.open(home)
        lost += max(0, max(acked) - store.head.seq)
        assert_whole(store)
        store.close()
    return lost


def test_no_acknowledged_event_is_lost_by_a_kill_at_any_moment(tmp_path: Path) -> None:
    assert kill_rounds(tmp_path / "home", "sync-first", KILLS) == 0


def test_acknowledging_before_writing_loses_events(tmp_path: Path) -> None:
    """The twin: the same kills, the wrong order. It shows that the test above can see a loss."""
    assert kill_rounds(tmp_path / "home", "ack-first", 6) > 0


# --- power cut: what the file system had been told to keep, and nothing else ------------------------


def mount_or_skip(*command: str) -> None:
    done = subprocess.run(["mount", *command], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine does not let the test mount a file system: {done.stderr.strip()}")


@contextmanager
def mounted(image: Path, at: Path, options: str) -> Iterator[Path]:
    at.mkdir()
    mount_or_skip("-o", options, str(image), str(at))
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
        at.rmdir()


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An empty ext4 image; skipped where only root may mount it."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("a power cut is simulated on a loop device, which needs root and mkfs.ext4")
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(96 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    return image


def power_cut(disk: Path, order: str, seed: int) -> tuple[int, int]:
    """Let a writer run on a disk, cut the power, mount what is left. Return (acknowledged, recovered)."""
    running, copy = disk.with_name(f"running{seed}.img"), disk.with_name(f"copy{seed}.img")
    shutil.copyfile(disk, running)
    with (
        mounted(running, disk.with_name("alive"), "loop,commit=300") as alive,
        writer(alive / "home", order, seed) as (child, acked),
    ):
        time.sleep(random.Random(seed).uniform(0.1, 0.4))
        child.send_signal(signal.SIGSTOP)
        subprocess.run(["cp", "--sparse=always", str(running), str(copy)], check=True)
    with mounted(copy, disk.with_name("dead"), "loop") as dead:
        recovered = 0
        if (dead / "home" / "log" / "CURRENT").exists():
            store = RocksStore.open(dead / "home", free_bytes_min=0)
            assert_whole(store)
            recovered = store.head.seq
            store.close()
    running.unlink()
    copy.unlink()
    return max(acked), recovered


def test_no_acknowledged_event_is_lost_by_a_power_cut(disk: Path) -> None:
    for seed in range(6):
        acked, recovered = power_cut(disk, "sync-first", seed)
        assert acked > 0
        assert recovered >= acked


def test_without_sync_a_power_cut_loses_events(disk: Path) -> None:
    """The twin: the same cut, nothing synced."""
    acked, recovered = power_cut(disk, "never-sync", 1)
    assert recovered < acked
