"""All children of the supervisor: the order in which they start, are succeeded, and end.

Promises the dead are collected as soon as SIGCHLD arrives and succeeded after their wait;
         an end asks the daemon first, then the rest, and kills what is left, within a stated time.
Leaves   the permission to start to its owner, who knows the fence.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .child import Child, Life, Patience
from .launch import Launch, Role
from .logs import fields

DAEMON_GRACE_S = 3.5
OTHERS_GRACE_S = 0.5
SPAWN_AGAIN_S = 5.0  # When the system could not even make a process.

log = logging.getLogger("quarterdeck.team")


@dataclass(frozen=True)
class Seat:
    """What is needed to fill one place of the team."""

    name: str
    command: list[str]
    launch: Launch
    log: Path


class Keeper(Protocol):
    """Who owns a team."""

    def may_start(self, launch: Launch) -> bool: ...

    def has_started(self, role: Role, pid: int) -> None: ...


class Team:
    """Children by their seats, the daemon first."""

    def __init__(self, seats: list[Seat], patience: Patience, keeper: Keeper) -> None:
        self._patience, self._keeper = patience, keeper
        self._children = [self._child(seat) for seat in seats]
        self._leaving: list[Child] = []

    def _child(self, seat: Seat) -> Child:
        return Child(seat.name, seat.command, seat.launch, seat.log, self._patience)

    def start(self) -> None:
        """Fill every empty place that may be filled."""
        for child in self._children:
            self._start(child)

    def reseat(self, role: Role, seats: list[Seat]) -> None:
        """Have these seats, and no others, for this role. A child whose seat is the same goes on; another one ends."""
        wanted = {seat.name: seat for seat in seats}
        for child in [child for child in self._children if child.launch.role == role]:
            seat = wanted.get(child.name)
            if seat is not None and seat.launch == child.launch:
                del wanted[child.name]
                continue
            self._children.remove(child)
            if child.life is not None:
                self._leaving.append(child)
                child.signal(signal.SIGKILL)
        self._children += [self._child(seat) for seat in wanted.values()]
        self.start()

    def reap(self) -> None:
        """Collect the dead and arrange their successors. Never waits."""
        self._leaving = [child for child in self._leaving if child.reap() is None]
        for child in self._children:
            life = child.reap()
            if life is not None:
                self._succeed(child, life)

    def kill(self, roles: Collection[Role], *, outward: bool = False) -> list[Life]:
        """SIGKILL the children of these roles and their groups; return their lives, which end soon.

        outward: also whoever else speaks to other machines.
        """
        everybody = (*self._children, *self._leaving)
        found = [one for one in everybody if one.launch.role in roles or (outward and one.launch.outward)]
        return _signal(found, signal.SIGKILL)

    def kill_one(self, pid: int) -> Life | None:
        """SIGKILL the child with this process id; None when there is no such child."""
        found = [child for child in self._children if child.life and child.life.pid == pid]
        return next(iter(_signal(found, signal.SIGKILL)), None)

    def report(self) -> list[dict[str, object]]:
        """One map for each place: name, role, pid, alive_s, restarts, state."""
        now_s = time.monotonic()
        return [
            {
                "name": child.name,
                "role": child.launch.role,
                "pid": child.life.pid if child.life else None,
                "alive_s": round(now_s - child.life.started_s, 3) if child.life else 0.0,
                "restarts": child.restarts,
                "state": child.state(now_s),
            }
            for child in self._children
        ]

    async def end(self) -> None:
        """The daemon first, so that it can finish what it has; then the rest; then the hard way."""
        daemon = [child for child in self._children if child.launch.role == "daemon"]
        await ended(_signal(daemon, signal.SIGTERM), DAEMON_GRACE_S)
        others = [child for child in self._children if child not in daemon]
        await ended(_signal(others, signal.SIGTERM), OTHERS_GRACE_S)
        left = _signal((*self._children, *self._leaving), signal.SIGKILL)
        if left:
            log.warning("killed what did not end by itself", extra=fields(pids=[life.pid for life in left]))
        await ended(left, OTHERS_GRACE_S)

    def _start(self, child: Child) -> None:
        if child.life is not None or child not in self._children or not self._keeper.may_start(child.launch):
            return
        try:
            pid = child.spawn(time.monotonic())
        except OSError as error:
            log.error("a process could not be started", extra=fields(child=child.name, error=str(error)))
            asyncio.get_running_loop().call_later(SPAWN_AGAIN_S, self._start, child)
            return
        log.info("process started", extra=fields(child=child.name, child_pid=pid, restarts=child.restarts))
        self._keeper.has_started(child.launch.role, pid)

    def _succeed(self, child: Child, life: Life) -> None:
        now_s = time.monotonic()
        wait_s = child.wait_before_restart(life, now_s)
        facts = fields(child=child.name, child_pid=life.pid, status=life.process.returncode, restart_in_s=wait_s)
        if life.expected:
            log.info("process ended", extra=facts)
        elif child.state(now_s) == "failing":
            log.error("process keeps dying; from now on it is tried seldom", extra=facts)
        else:
            log.warning("process died", extra=facts)
        asyncio.get_running_loop().call_later(wait_s, self._start, child)


async def ended(lives: list[Life], wait_s: float) -> bool:
    """Wait until all `lives` have been collected; False when `wait_s` did not do."""
    try:
        async with asyncio.timeout(wait_s):
            for life in lives:
                await life.ended.wait()
    except TimeoutError:
        return False
    return True


def _signal(children: Collection[Child], number: signal.Signals) -> list[Life]:
    """Signal those that live; return their lives."""
    lives = [child.life for child in children if child.life]
    for child in children:
        child.signal(number)
    return lives
