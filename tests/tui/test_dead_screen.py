"""Dead letters: each remedy is one change, and only those that the daemon offers."""

from __future__ import annotations

import pytest
from tests.tui import company
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from textual.pilot import Pilot
from textual.widgets import TextArea

from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.screens.run import RunScreen
from quarterdeck_tui.wire import Plain


def house() -> tuple[QuarterdeckApp, FakeSession, StillClock]:
    app, session, clock = fake_app()
    session.answers |= company.ANSWERS
    return app, session, clock


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        (("R",), {"remedy": "retry"}),
        (("m", *"composer", "enter"), {"remedy": "reroute", "agent": "composer"}),
        (("x", *"spam", "enter"), {"remedy": "drop", "reason": "spam"}),
        (("u", *"undo", "enter"), {"remedy": "compensate"}),
    ],
)
async def test_a_remedy_is_one_change(keys: tuple[str, ...], more: Plain) -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "6", *keys)
        assert session.changed == [("deadletter.resolve", {"id": "dead4", **more})]


async def test_taking_back_is_typed_and_dropping_says_why() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "6", "u", "enter", "escape", "x", "enter", "escape")
        assert session.changed == []


async def test_the_input_is_edited_and_tried_again() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "6", "e")
        app.screen.query_one(TextArea).text = '{"to": "hello@baretto.test", "template": "follow-up-v3"}'
        await press(pilot, "ctrl+s")
        edited = {"id": "dead4", "remedy": "edit", "input": {"to": "hello@baretto.test"}}
        assert session.changed == [("deadletter.resolve", edited)]


async def test_a_remedy_that_the_daemon_does_not_offer_is_not_sent() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "6", "j", "u")
        assert "cannot be mended like that" in painted(app)[-2]
        await press(pilot, "tab", "G", "R")
        assert "was resolved" in painted(app)[-2]
        assert session.changed == []


async def test_the_cause_every_try_and_the_remedies_stand_below() -> None:
    app, _, clock = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot, clock)
        await press(pilot, "6")
        lines = "\n".join(painted(app))
    assert "likely   The other side refused it." in lines
    assert "try 5" in lines
    assert "to = info@baretto.test" in lines
    assert "can do   quarterdeck dead retry dead4" in lines


async def test_enter_opens_its_run() -> None:
    app, _, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "6", "enter")
        assert isinstance(app.screen, RunScreen)
        assert app.screen.id_of_run == "r2206"
