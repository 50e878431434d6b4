"""Pictures of the places beside the Bench, compared with the accepted ones; and what may be drawn without fine signs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from tests.tui import company
from tests.tui.fake import fake_app, painted
from tests.tui.studio import MORNING
from tests.tui.test_tui_snapshots import SIZES, Compare
from textual.pilot import Pilot

from quarterdeck_tui.app import QuarterdeckApp

PLACES: dict[str, tuple[str, ...]] = {
    "flows": ("5",),
    "dead": ("6",),
    "policies": ("7",),
    "permissions": ("7", "tab"),
    "explained": ("7", "x", "enter"),
    "agents": ("4",),
    "budgets": ("4", "tab"),
    "models": ("4", "tab", "tab"),
    "metrics": ("8",),
    "ask": ("i", "g", "o", "enter"),
    "run": ("5", "enter", "j", "j", "j", "j"),
}

SHEETS = frozenset(("explained",))  # They may cover the bars.


def keys(pressed: tuple[str, ...]) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def press(pilot: Pilot[None]) -> None:
        await pilot.pause()
        for key in pressed:
            await pilot.press(key)
            await pilot.pause(0.05)
        await pilot.pause(0.3)

    return press


def app_at_work(*, ascii_only: bool = False) -> QuarterdeckApp:
    app, session, _ = fake_app(MORNING, ascii_only=ascii_only)
    session.answers |= company.ANSWERS
    return app


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", PLACES)
def test_places_look_as_accepted(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert snap_compare(app_at_work(), terminal_size=size, run_before=keys(PLACES[name]))


@pytest.mark.parametrize("name", PLACES)
def test_places_without_colour_look_as_accepted(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app_at_work(), terminal_size=(80, 24), run_before=keys(PLACES[name]))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", [name for name in PLACES if name not in SHEETS])
async def test_places_in_ascii_draw_nothing_else_and_keep_state_and_help_in_sight(
    name: str, size: tuple[int, int]
) -> None:
    app = app_at_work(ascii_only=True)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await keys(PLACES[name])(pilot)
        lines = painted(app)
        assert [line for line in lines if not line.isascii()] == []
        assert lines[0].endswith(" RUN ^g ")
        assert lines[-1].rstrip().endswith("? all")
        assert name == "ask" or any(line.startswith(">") for line in lines)
