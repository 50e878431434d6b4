"""Metrics: figures of the right days, by what was asked for, and read only when somebody wants them."""

from __future__ import annotations

from dataclasses import replace

from tests.tui import company
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from tests.tui.studio import MORNING
from textual.pilot import Pilot

from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.figures import AgentWeek


def house() -> tuple[QuarterdeckApp, FakeSession, StillClock]:
    app, session, clock = fake_app()
    session.answers |= company.ANSWERS
    return app, session, clock


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.3)


async def test_each_day_has_its_own_bar_and_the_dearest_stands_first() -> None:
    app, _, clock = house()
    async with app.run_test(size=(160, 48)) as pilot:
        await settle(pilot, clock)
        await press(pilot, "8")
        lines = painted(app)
    days = [line.split("│")[-1].split() for line in lines if " 18 " in line or " 19 " in line or " 24 " in line]
    assert [(one[1], one[-1]) for one in days] == [("18", "3.18"), ("19", "4.19"), ("24", "4.24")]
    assert [line[2:10] for line in lines[3:5]] == ["composer", "finance "]


async def test_asked_automatic_and_quality_add_up_over_the_agents() -> None:
    app, _, clock = house()
    async with app.run_test(size=(160, 48)) as pilot:
        await settle(pilot, clock)
        await press(pilot, "8")
        said = "\n".join(painted(app))
    assert "asked 33%, automatic 67%" in said, "50 of 152"
    assert "approved as it was 88%, edited 8%, rejected 4%" in said, "44, 4 and 2 of 50"
    assert "50 decisions of 140 meant, 25 minutes, 30 s each" in said


def test_a_yes_of_last_week_never_makes_less_than_nothing_automatic() -> None:
    assert AgentWeek("x", done=1, approved=3).automatic == 0


async def test_tab_and_r_ask_for_another_cut() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "8")
        session.asked.clear()
        await press(pilot, "tab")
        assert session.asked[0] == ("cost.report", {"since": "2026-11-18T00:00:00+00:00", "by": "model"})
        session.asked.clear()
        await press(pilot, "r")
        assert session.asked[0] == ("cost.report", {"since": "2026-10-26T00:00:00+00:00", "by": "model"})


async def test_events_do_not_make_it_add_up_the_days_again() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "8")
        session.asked.clear()
        session.push(replace(MORNING, status=replace(MORNING.status, seq=99_999)))
        await pilot.pause(0.4)
        assert session.asked == []
        await press(pilot, "ctrl+r")
        assert session.asked != []
