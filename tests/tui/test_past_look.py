"""Pictures of Timeline and Memory, compared with the accepted ones; and what may be drawn without fine signs."""

from __future__ import annotations

import pytest
from tests.tui.fake import FakeSession, fake_app, painted
from tests.tui.remembered import COUNT, Remembered
from tests.tui.test_places_look import keys
from tests.tui.test_timeline_screen import at_head
from tests.tui.test_tui_snapshots import SIZES, Compare

from quarterdeck_tui.app import QuarterdeckApp

LOOKS: dict[str, tuple[str, ...]] = {
    "timeline": ("2",),
    "timeline-past": ("2", "k", "k", "m", "k"),
    "event": ("2", "k", "enter"),
    "difference": ("2", "m", "k", "k", "D"),
    "memory": ("3",),
    "memory-found": ("3", "slash", *"northwind", "enter"),
    "memory-past": ("3", "at", *"18", "space", *"nov", "enter"),
    "memory-history": ("3", "tab", "enter"),
    "forget": ("3", "x"),
    "correct": ("3", "j", "j", "j", "c"),
}
WITHOUT_CURSOR = frozenset(("event", "memory-history", "forget", "correct"))
SHEETS = frozenset(("forget", "correct"))  # They may cover the bars.


def app_with_past(*, ascii_only: bool = False) -> tuple[QuarterdeckApp, FakeSession]:
    app, session, clock = fake_app(at_head(COUNT), ascii_only=ascii_only)
    clock.pass_ms(1_000)
    session.answers |= Remembered().answers
    return app, session


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", LOOKS)
def test_the_past_looks_as_accepted(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert snap_compare(app_with_past()[0], terminal_size=size, run_before=keys(LOOKS[name]))


@pytest.mark.parametrize("name", ["timeline-past", "memory-found"])
def test_the_past_without_colour_looks_as_accepted(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app_with_past()[0], terminal_size=(80, 24), run_before=keys(LOOKS[name]))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", LOOKS)
async def test_the_past_in_ascii_draws_nothing_else_and_keeps_state_and_help_in_sight(
    name: str, size: tuple[int, int]
) -> None:
    app, _ = app_with_past(ascii_only=True)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await keys(LOOKS[name])(pilot)
        lines = painted(app)
        assert [line for line in lines if not line.isascii()] == []
        if name not in SHEETS:
            assert lines[0].endswith(" RUN ^g ")
            assert lines[-1].rstrip().endswith("? all")
        if name not in WITHOUT_CURSOR:
            assert any(line.startswith(">") for line in lines)
