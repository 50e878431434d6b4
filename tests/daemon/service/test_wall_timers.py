"""Wall timers follow the clock on the wall, wherever it goes; each moment rings once."""

from __future__ import annotations

import asyncio

import pytest

from quarterdeck_daemon.service import wall_timers
from quarterdeck_daemon.service.timers import Timers
from quarterdeck_daemon.service.wall_timers import WallTimers

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US


class Wall:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_us = START_US
        self.rung: list[tuple[str, int]] = []

    def read(self) -> int:
        return self.now_us

    def ring(self, entity: str, at_us: int) -> None:
        self.rung.append((entity, at_us))


async def settle() -> None:
    """Let what looks every few milliseconds have looked several times."""
    for _ in range(20):
        await asyncio.sleep(0.005)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    monkeypatch.setattr(wall_timers, "LOOK_S_MAX", 0.005)
    return Wall()


async def test_a_clock_that_jumps_ahead_brings_what_lies_between_in_order(wall: Wall) -> None:
    timers = WallTimers(wall.ring, wall.read)
    later, sooner = START_US + 7_200 * SECOND_US, START_US + 3_600 * SECOND_US
    timers.set("schedule:b", later)
    timers.set("schedule:a", sooner)
    timers.set("schedule:a", sooner)
    await settle()
    assert wall.rung == []
    wall.now_us = START_US + 3_653 * 86_400 * SECOND_US
    await settle()
    assert wall.rung == [("schedule:a", sooner), ("schedule:b", later)]
    assert len(timers) == 0


async def test_a_clock_that_is_set_back_only_makes_it_wait(wall: Wall) -> None:
    timers = WallTimers(wall.ring, wall.read)
    timers.set("schedule:a", START_US + SECOND_US)
    wall.now_us = START_US - 3_600 * SECOND_US
    await settle()
    assert (wall.rung, len(timers)) == ([], 1)
    wall.now_us = START_US + 2 * SECOND_US
    await settle()
    assert wall.rung == [("schedule:a", START_US + SECOND_US)]


async def test_twin_a_timer_of_lengths_sleeps_through_the_jump(wall: Wall) -> None:
    """What measures a length of time, as holds must, does not notice that it is nine o'clock."""
    timers = Timers(wall.ring, wall.read)
    timers.set("schedule:a", START_US + 3_600 * SECOND_US)
    wall.now_us = START_US + 86_400 * SECOND_US
    await settle()
    assert (wall.rung, len(timers)) == ([], 1)
