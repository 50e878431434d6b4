"""Pictures of the screens, compared with the accepted ones: sizes, no colour, ASCII alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import pytest
from tests.tui.fake import fake_app, painted, settle
from tests.tui.studio import MORNING, STOPPED, TOGETHER
from textual.pilot import Pilot

from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.views import BenchView

SIZES = [(80, 24), (120, 36), (160, 48)]
TO_INES = ("j", "j", "j")
SCREENS: dict[str, tuple[BenchView, tuple[str, ...]]] = {
    "bench": (MORNING, TO_INES),
    "why": (MORNING, (*TO_INES, "w")),
    "stop": (replace(MORNING, deeds=STOPPED.deeds), ("ctrl+g",)),
    "help": (MORNING, ("question_mark",)),
    "question": (TOGETHER, ()),
    "group": (TOGETHER, ("j", "A")),
    "lesson": (TOGETHER, ("j", "r", "ctrl+l")),
}


class Compare(Protocol):
    def __call__(
        self,
        app: QuarterdeckApp,
        *,
        terminal_size: tuple[int, int],
        run_before: Callable[[Pilot[None]], Awaitable[None]],
    ) -> bool: ...


def keys(pressed: tuple[str, ...]) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def press(pilot: Pilot[None]) -> None:
        await pilot.pause()
        for key in pressed:
            await pilot.press(key)
            await pilot.pause()

    return press


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_screens_look_as_accepted(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    view, pressed = SCREENS[name]
    app, session, _ = fake_app(view)
    session.stop_view = STOPPED.stop
    assert snap_compare(app, terminal_size=size, run_before=keys(pressed))


@pytest.mark.parametrize("name", ["bench", "why", "stop", "help"])
def test_screens_without_colour_look_as_accepted(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    view, pressed = SCREENS[name]
    app, session, _ = fake_app(view)
    session.stop_view = STOPPED.stop
    assert snap_compare(app, terminal_size=(80, 24), run_before=keys(pressed))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "pressed", [(), ("w",), ("question_mark",), ("r",), ("j", "e"), ("s",), ("at",), ("ctrl+g",), ("ctrl+p",), ("A",)]
)
async def test_ascii_mode_draws_nothing_but_ascii(size: tuple[int, int], pressed: tuple[str, ...]) -> None:
    app, _, clock = fake_app(MORNING, ascii_only=True)
    async with app.run_test(size=size) as pilot:
        await settle(pilot, clock)
        await pilot.press(*pressed)
        await pilot.pause(0.1)
        assert [line for line in painted(app) if not line.isascii()] == []


@pytest.mark.parametrize("size", [(60, 16), (79, 23), (80, 24), (100, 30), (120, 36), (140, 40), (160, 48)])
async def test_state_and_stop_key_stand_at_the_right_edge_at_every_size(size: tuple[int, int]) -> None:
    app, _, clock = fake_app(MORNING)
    async with app.run_test(size=size) as pilot:
        await settle(pilot, clock)
        lines = painted(app)
        assert lines[0].endswith(" RUN ^g ")
        assert len(lines[0]) == size[0]
        assert "waiting" in lines[0]
        assert lines[-1].rstrip().endswith("? all")
        assert any(line.startswith(">") for line in lines)
