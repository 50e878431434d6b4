"""The emergency stop on the screen: from everywhere, at every size, and the explicit ways back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.tui.fake import fake_app, painted, settle
from tests.tui.studio import INES, STATUS, STOPPED

from quarterdeck_tui.screens.stop import StopScreen
from quarterdeck_tui.views import ApprovalView, BenchView


def bench(*items: ApprovalView) -> BenchView:
    return BenchView("live", "", STATUS, items)


@pytest.mark.parametrize("before", [(), ("e",), ("r",), ("slash",), ("ctrl+p",), ("w", "1"), ("a",)])
async def test_ctrl_g_stops_from_everywhere(before: tuple[str, ...]) -> None:
    app, session, clock = fake_app(bench(replace(INES, risk="high")))
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press(*before)
        await pilot.press("ctrl+g")
        await pilot.pause()
        assert session.stops == ["key ctrl+g"]
        assert isinstance(app.screen, StopScreen)
        assert "STOPPED" in painted(app)[0]


async def test_ctrl_g_works_where_nothing_else_fits() -> None:
    app, session, clock = fake_app()
    async with app.run_test(size=(40, 8)) as pilot:
        await settle(pilot, clock)
        assert "too small (40x8), need 60x16" in painted(app)[0]
        await pilot.press("a", "ctrl+g")
        assert session.stops == ["key ctrl+g"]
        assert session.decided == [], "nothing is approved that is not drawn"


async def test_resume_is_an_explicit_choice() -> None:
    app, session, clock = fake_app()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("ctrl+g", "4")
        await pilot.pause()
        assert app.screen is app.bench
        clock.pass_ms(1_000)
        await pilot.press("j")
        await pilot.press("a")
        assert (session.released, session.decided) == ([], [])
        assert "everything is stopped" in painted(app)[-2]
        await pilot.press("ctrl+g", "1")
        await pilot.pause()
        assert session.released == [("resumed at the terminal", None)]
        assert app.screen is app.bench


async def test_resume_run_by_run_sends_the_ticked_ones_alone() -> None:
    app, session, clock = fake_app()
    session.stop_view = STOPPED.stop
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("ctrl+g", "3")
        await pilot.pause()
        shown = "\n".join(painted(app))
        assert "> [x] r2219" in shown
        assert "[ ] r2214" in shown, "what is paused stays paused unless it is ticked"
        await pilot.press("x", "enter")
        await pilot.pause()
        assert session.released == [("resumed at the terminal, run by run", ("r2221",))]


async def test_leaving_the_choice_of_runs_leaves_everything_stopped() -> None:
    app, session, clock = fake_app()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("ctrl+g", "3", "asterisk", "escape")
        await pilot.pause()
        assert isinstance(app.screen, StopScreen)
        assert session.released == []


async def test_kill_costs_the_typed_word() -> None:
    app, session, clock = fake_app()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("ctrl+g", "k", *"kill", "enter")
        await pilot.pause()
        assert session.kills == [], "in small letters it is not the word"
        await pilot.press(*["backspace"] * 4, *"KILL", "enter")
        await pilot.pause()
        assert session.kills == ["KILL typed at the terminal"]
        assert app.session is session


async def test_the_stop_screen_lists_what_is_held_and_takes_it_back() -> None:
    app, session, clock = fake_app(STOPPED)
    session.stop_view = STOPPED.stop
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("ctrl+g")
        await pilot.pause()
        lines = painted(app)
        assert [line.split()[0] for line in lines if "mail.send" in line] == ["a15", "a16", "a14"]
        await pilot.press("z")
        await pilot.pause()
        assert session.undone == 1
