"""One process of ours: how it is started, ended and started again.

Owns     the process, its group, its standard input and its log file.
Promises a child that dies is started again, later and later; one that keeps dying is tried seldom and shown so.
         When a child ends, what it left running in its process group ends with it.
Leaves   noticing deaths (SIGCHLD) and the clock to the supervisor, which calls `reap` and hands in the time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from .environment import child_env
from .launch import Launch
from .logs import rotate

ChildState = Literal["running", "backoff", "failing"]
SUCCESSION_S = 0.02  # After a kill of ours: the answer to whoever asked for it goes first, then the new process.


@dataclass(frozen=True)
class Patience:
    """How long to wait before a dead child is started again.

    The wait doubles from `first_s` to `longest_s` and starts over once a child lived `healthy_s`.
    `deaths_max` deaths within `window_s` open the breaker: from then on one try every `failing_s`.
    """

    first_s: float = 0.1
    longest_s: float = 5.0
    healthy_s: float = 30.0
    deaths_max: int = 5
    window_s: float = 60.0
    failing_s: float = 30.0


@dataclass
class Restarts:
    """The record of a child's deaths, and the wait that follows from it."""

    patience: Patience
    failing: bool = False
    _wait_s: float = 0.0
    _deaths: deque[float] = field(default_factory=deque)

    def wait_after_death(self, now_s: float, alive_s: float) -> float:
        """Note a death at `now_s` after `alive_s` of life; return how long to wait before the next start."""
        if alive_s >= self.patience.healthy_s:
            self.failing, self._wait_s = False, 0.0
            self._deaths.clear()
        self._deaths.append(now_s)
        while self._deaths[0] <= now_s - self.patience.window_s:
            self._deaths.popleft()
        self.failing = self.failing or len(self._deaths) >= self.patience.deaths_max
        if self.failing:
            return self.patience.failing_s
        self._wait_s = min(max(self._wait_s * 2, self.patience.first_s), self.patience.longest_s)
        return self._wait_s


@dataclass
class Life:
    """One process, from its start until it is reaped."""

    process: subprocess.Popen[bytes]
    started_s: float
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    expected: bool = False  # We killed it: no sign of a fault.

    @property
    def pid(self) -> int:
        return self.process.pid


class Child:
    """A place in the team (`daemon`, `effector`, `worker-1` …), filled by one process after the other."""

    def __init__(self, name: str, command: list[str], launch: Launch, log: Path, patience: Patience) -> None:
        self.name = name
        self.launch = launch
        self.restarts = 0
        self.life: Life | None = None
        self._command = command
        self._log = log
        self._record = Restarts(patience)

    def spawn(self, now_s: float) -> int:
        """Start a process and tell it who it is; return its id. Raises OSError when it can't be started."""
        assert self.life is None, "one process for a place"
        rotate(self._log)
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.launch.workspace,
                env=child_env(os.environ),
                close_fds=True,
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(log)
        self.life = Life(process, now_s)
        self._introduce(process)
        return process.pid

    def _introduce(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None, "opened as a pipe"
        try:
            process.stdin.write(msgspec.json.encode(self.launch) + b"\n")
        except BrokenPipeError:
            return  # It is dead already; SIGCHLD says so and the next start follows.

    def signal(self, number: signal.Signals) -> int | None:
        """Signal the process and its group; return its id, None when there is no process."""
        if self.life is None:
            return None
        self.life.expected = True
        _signal_group(self.life.pid, number)
        return self.life.pid

    def reap(self) -> Life | None:
        """Return the life that has ended since the last call, if it has. Never waits."""
        life = self.life
        if life is None or not _has_ended(life.pid):
            return None
        # The dead process still holds its id here, so the group can only be its own.
        _signal_group(life.pid, signal.SIGKILL)
        life.process.wait()
        if life.process.stdin is not None:
            life.process.stdin.close()
        self.life = None
        life.ended.set()
        return life

    def wait_before_restart(self, life: Life, now_s: float) -> float:
        """Seconds to wait after `life` ended; next to none after a death we brought about ourselves."""
        self.restarts += 1
        return SUCCESSION_S if life.expected else self._record.wait_after_death(now_s, now_s - life.started_s)

    def state(self, now_s: float) -> ChildState:
        proven = self.life is not None and now_s - self.life.started_s >= self._record.patience.healthy_s
        if self._record.failing and not proven:
            return "failing"
        return "running" if self.life else "backoff"


def _has_ended(pid: int) -> bool:
    """Whether our child `pid` is dead; it is left for `wait` to collect."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a child with its group; each child leads one from its start on."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # Dead already; macOS says "not permitted" then.
        return
