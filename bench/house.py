"""A workspace for measuring: real processes in a folder of their own, ended and removed afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from quarterdeck_daemon.service import lifecycle
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.connection import ConnectionFile, daemon_file, read_connection

START_WAIT_S = 60.0
QUIET_S = 0.4  # No process used more than QUIET_CPU_S in this time: start-up work is over.
QUIET_CPU_S = 0.02
QUIET_WAIT_S = 20.0
DEAD_WAIT_S = 10.0
_BYTECODE = tempfile.TemporaryDirectory(prefix="qd-bench-bytecode-")  # Removed at the end.

CONFIG = """
[workspace]
name = "Bench"

[actions]
hold = "1d"

[workers]
count = 2
"""


class House:
    """A workspace that may run. Methods that talk to it need it to run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def connection(self) -> ConnectionFile:
        return read_connection(daemon_file(self.folder))

    def client(self, timeout_ms: int = 30_000) -> Client:
        return Client(self.folder, timeout_ms=timeout_ms)

    def start(self) -> float:
        """Start and return the seconds until the daemon had answered its first request."""
        start = time.perf_counter()
        lifecycle.start(self.folder, wait_s=START_WAIT_S)
        return time.perf_counter() - start

    def stop(self) -> None:
        lifecycle.stop_all(self.folder)

    def processes(self) -> dict[str, psutil.Process]:
        """By role, workers numbered; empty when nothing runs."""
        owner = lifecycle.is_running(self.folder)
        if owner is None:
            return {}
        supervisor = psutil.Process(owner.pid)
        with self.client() as client:
            rows = client.call_control("supervisor.status").result["children"]
        assert isinstance(rows, list), "one map for each child"
        return {"supervisor": supervisor} | {row["name"]: psutil.Process(row["pid"]) for row in rows if row["pid"]}

    def kill(self) -> None:
        """SIGKILL to every process at once, as a power cut would do it; returns when all are gone."""
        processes = list(self.processes().values())
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(processes, DEAD_WAIT_S)
        assert not alive, "a killed process lives on"

    def settle(self) -> None:
        """Wait until start-up work, such as loading libraries ahead, is over."""
        give_up = time.monotonic() + QUIET_WAIT_S
        before = sum(self.cpu_s().values())
        while time.monotonic() < give_up:
            time.sleep(QUIET_S)
            now = sum(self.cpu_s().values())
            if now - before < QUIET_CPU_S:
                return
            before = now

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor time that each process has used so far; unlike a clock, free of others' work."""
        times = {name: process.cpu_times() for name, process in self.processes().items()}
        return {name: float(time.user + time.system) for name, time in times.items()}


@contextlib.contextmanager
def new_house(files: Mapping[str, str] | None = None) -> Iterator[House]:
    """A workspace that does not run yet; `files` are texts by path inside it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # So that it cleans up then too.
    # Installed packages are compiled; where bytecode is not written, each start would compile all modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = _BYTECODE.name
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as base:
        folder = Path(base) / "house"
        folder.mkdir()
        for name, text in {"quarterdeck.toml": CONFIG, **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        house = House(folder)
        try:
            yield house
        finally:
            house.stop()


@contextlib.contextmanager
def running_house(files: Mapping[str, str] | None = None) -> Iterator[House]:
    """A workspace that runs and has come to rest."""
    with new_house(files) as house:
        house.start()
        house.settle()
        yield house
