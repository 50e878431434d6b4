"""Agents and budgets: what each may do, what is used, and the operator's word on both."""

from __future__ import annotations

import pytest
from tests.tui import company
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from textual.pilot import Pilot
from textual.widgets import TextArea

from quarterdeck_tui.app import QuarterdeckApp
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
    ("keys", "params"),
    [
        (("plus",), {"agent": "composer", "action": "mail.send", "level": "act_and_report"}),
        (("minus",), {"agent": "composer", "action": "mail.send", "decline": True}),
        (("M", *"observe", "enter"), {"agent": "composer", "action": "mail.send", "level": "observe"}),
        (("j", "M", "ctrl+u", *"payment.transfer rules", "enter"),
         {"agent": "finance", "action": "payment.transfer", "level": ""}),
    ],
)  # fmt: skip
async def test_how_far_an_agent_may_go_is_one_change(keys: tuple[str, ...], params: Plain) -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "4", *["space" if key == " " else key for key in keys])
        assert session.changed == [("agent.set_autonomy", params)]


async def test_a_level_that_is_none_is_not_sent_and_nothing_proposed_is_not_accepted() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "4", "M", *"freely", "enter")
        assert "Type a kind of action" in "\n".join(painted(app))
        await press(pilot, "escape", "j", "plus")
        assert "Nothing is proposed" in painted(app)[-2]
        assert session.changed == []


async def test_contract_record_budget_and_use_of_an_agent_stand_below() -> None:
    app, _, clock = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot, clock)
        await press(pilot, "4")
        said = "\n".join(painted(app))
    for words in ("act with approval  (0.93, 48 unchanged, 2 edited, 1 rejected)", "its record speaks for: act and report",
                  "may      mail.send: act", "proposes mail.send", "47 of 50 calls", "46 calls, 41200 tokens"):  # fmt: skip
        assert words in said, words


async def test_a_budget_is_raised_for_its_present_span() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "4", "b")
        assert "No budget is under the cursor" in painted(app)[-2]
        await press(pilot, "tab", "j", "b")
        area = app.screen.query_one(TextArea)
        area.text = area.text.replace('"calls": 0', '"calls": 20')
        await press(pilot, "ctrl+s")
        raised = [("budget.raise", {"scope": "agent:composer", "per": "day", "calls": 20})]
        assert session.changed == raised
        await press(pilot, "j", "b")
        assert "stands in quarterdeck.toml" in painted(app)[-2]
        assert session.changed == raised


async def test_models_say_whether_texts_leave_the_house_and_what_is_missing() -> None:
    app, _, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "4", "shift+tab", "j")
        said = "\n".join(painted(app))
    assert "leaves house" in said
    assert "fix      quarterdeck config set models.cloud-small.key NAME" in said
