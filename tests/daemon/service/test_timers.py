"""Timers count by the monotonic clock: what the wall clock does meanwhile neither hurries nor forgets them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

import pytest

from quarterdeck_daemon.service.timers import SLEEP_MAX_S, Timers

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


class TurnedLoop:
    """An event loop's timers whose monotonic clock the test turns."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self.longest_s = 0.0

    def call_later(self, delay: float, callback: Callable[..., None], *args: object) -> None:
        self.longest_s = max(self.longest_s, delay)
        heapq.heappush(self._due, (self.now_s + delay, len(self._due), callback, args))

    def pass_us(self, us: int) -> None:
        end = self.now_s + us / 1_000_000
        while self._due and self._due[0][0] <= end:
            self.now_s, _, callback, args = heapq.heappop(self._due)
            callback(*args)
        self.now_s = end


class Clocks:
    """Both clocks: time passes on both, jumps only on the wall."""

    def __init__(self, loop: TurnedLoop) -> None:
        self.loop, self.wall_us, self.fired = loop, 1_790_000_000_000_000, list[tuple[str, int]]()
        self.timers = Timers(lambda entity, at: self.fired.append((entity, at)), lambda: self.wall_us)

    def pass_us(self, us: int) -> None:
        self.wall_us += us
        self.loop.pass_us(us)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    loop = TurnedLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return Clocks(loop)


@pytest.mark.parametrize("jump_us", [0, -3650 * DAY_US, -1, 1, 3650 * DAY_US])
def test_a_jump_of_the_wall_clock_neither_releases_early_nor_never(clocks: Clocks, jump_us: int) -> None:
    due = clocks.wall_us + HOUR_US
    clocks.timers.set("action:a1", due)
    clocks.pass_us(HOUR_US // 2)
    clocks.wall_us += jump_us
    clocks.pass_us(HOUR_US // 2 - 1)
    assert clocks.fired == []
    clocks.pass_us(1_000)
    assert clocks.fired == [("action:a1", due)]


def test_a_moment_is_told_once_and_may_be_set_again_afterwards(clocks: Clocks) -> None:
    due = clocks.wall_us + 10
    for _ in range(3):
        clocks.timers.set("action:a1", due)
    assert len(clocks.timers) == 1
    clocks.pass_us(1_000_000)
    assert (clocks.fired, len(clocks.timers)) == ([("action:a1", due)], 0)
    clocks.timers.set("action:a1", due)
    clocks.pass_us(0)
    assert clocks.fired == [("action:a1", due)] * 2


def test_what_is_overdue_fires_at_once_and_in_order_of_its_moment(clocks: Clocks) -> None:
    now = clocks.wall_us
    for entity, at in (("run:late", now + 20_000), ("run:early", now + 10_000), ("run:long-ago", now - DAY_US)):
        clocks.timers.set(entity, at)
    clocks.pass_us(30_000)
    assert [entity for entity, _ in clocks.fired] == ["run:long-ago", "run:early", "run:late"]


def test_a_wait_of_years_is_taken_in_turns(clocks: Clocks) -> None:
    due = clocks.wall_us + 400 * DAY_US
    clocks.timers.set("action:a1", due)
    clocks.pass_us(400 * DAY_US - 1_000)
    assert (clocks.fired, clocks.loop.longest_s) == ([], SLEEP_MAX_S)
    clocks.pass_us(2_000)
    assert clocks.fired == [("action:a1", due)]


async def test_on_a_real_loop_a_moment_comes() -> None:
    told = asyncio.Event()
    timers = Timers(lambda entity, at: told.set(), lambda: 0)
    timers.set("action:a1", 1_000)
    async with asyncio.timeout(10):
        await told.wait()
