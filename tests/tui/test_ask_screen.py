"""The ask bar: words become a plan, and nothing begins but by a key for exactly the plan that was drawn."""

from __future__ import annotations

from tests.tui import company
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.screens.run import RunScreen
from quarterdeck_tui.wire import Plain


def house(plan: Plain = company.PLAN) -> tuple[QuarterdeckApp, FakeSession, StillClock]:
    app, session, clock = fake_app()
    session.answers |= company.ANSWERS
    session.answers["intent.submit"] = lambda params: {"plan": plan}
    session.answers["plan.get"] = lambda params: plan
    return app, session, clock


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press("space" if key == " " else key)
        await pilot.pause()


async def asked(pilot: Pilot[None], clock: StillClock, words: str = "send it") -> None:
    await settle(pilot, clock)
    await press(pilot, "i", *words, "enter")
    await pilot.pause(0.2)


async def test_giving_work_costs_three_keys_and_the_words() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await asked(pilot, clock)
        assert session.changed == [("intent.submit", {"text": "send it"})]
        clock.pass_ms(1_000)
        await press(pilot, "enter")
        assert session.changed[1:] == [("plan.approve", {"id": "plan3", "shown_hash": "hash-plan3"})]


async def test_the_plan_shows_steps_effects_and_questions_before_anything_is_done() -> None:
    app, session, clock = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await asked(pilot, clock)
        said = "\n".join(painted(app))
    for words in ("send  outreach, after find", "mail.send: ASKS YOU first (medium, a correction mail)",
                  "1 question to you", "a mail cannot be called back", "month = 2026-10"):  # fmt: skip
        assert words in said, words
    assert len(session.changed) == 1


async def test_an_enter_that_was_pressed_before_the_plan_came_starts_nothing() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await asked(pilot, clock)
        await press(pilot, "enter")
        assert "has just come" in painted(app)[-2]
        assert len(session.changed) == 1


async def test_a_question_without_an_effect_is_answered_at_once_with_its_sources() -> None:
    app, session, clock = house(company.QUESTION_PLAN)
    session.answers["plan.get"] = lambda params: {**company.QUESTION_PLAN, "status": "approved", "run": "r2230"}
    session.answers["run.get"] = lambda params: company.ANSWERED
    async with app.run_test() as pilot:
        await asked(pilot, clock, "when?")
        await pilot.pause(0.3)
        said = "\n".join(painted(app))
        assert session.changed[1:] == [("plan.approve", {"id": "plan4", "shown_hash": "hash-plan4"})]
        assert "On 24 November." in said
        assert "Invoice 2026-114  doc18" in said
        await press(pilot, "enter")
        assert isinstance(app.screen, RunScreen)


async def test_what_the_plan_asks_is_answered_in_words() -> None:
    app, session, clock = house(company.ASKING_PLAN)
    async with app.run_test() as pilot:
        await asked(pilot, clock, "write to Ines")
        assert "Which Ines?" in "\n".join(painted(app))
        await press(pilot, "enter")
        assert "It cannot be started: it is asks" in painted(app)[-2]
        await press(pilot, "w", *"Okafor", "enter")
        assert session.changed[1:] == [("intent.submit", {"text": "Okafor", "plan": "plan5"})]


async def test_inputs_are_edited_against_the_version_that_was_seen() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await asked(pilot, clock)
        await press(pilot, "e")
        app.screen.query_one(TextArea).text = '{"month": "2026-09"}'
        await press(pilot, "ctrl+s")
        edited = {"id": "plan3", "inputs": {"month": "2026-09"}, "seq": 12}
        assert session.changed[1:] == [("plan.edit", edited)]


async def test_a_plan_that_changed_while_it_was_read_is_not_started_by_the_same_key() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await asked(pilot, clock)
        clock.pass_ms(1_000)
        session.answers["plan.get"] = lambda params: {**company.PLAN, "shown_hash": "another", "seq": 13}
        await press(pilot, "ctrl+r")
        await pilot.pause(0.3)
        await press(pilot, "enter")
        assert [one for one in session.changed if one[0] == "plan.approve"] == []


async def test_a_rejection_says_why_and_a_rehearsal_does_nothing() -> None:
    app, session, clock = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await asked(pilot, clock)
        session.answers["plan.get"] = company.PLANS["plan.get"]
        await press(pilot, "d")
        await pilot.pause(0.2)
        assert "mail.send: To the accountant [ASKS YOU first]" in "\n".join(painted(app))
        assert len(session.changed) == 1
        await press(pilot, "r", "enter", *"later", "enter")
        assert session.changed[1:] == [("plan.reject", {"id": "plan3", "reason": "later"})]


async def test_what_cannot_be_planned_is_said_and_stays_in_sight() -> None:
    app, session, clock = house()
    session.answers["intent.submit"] = lambda params: QuarterdeckError("stopped", "everything is stopped", hint="^g")
    async with app.run_test() as pilot:
        await asked(pilot, clock)
        assert "everything is stopped. ^g" in "\n".join(painted(app)[:6])


async def test_i_writes_an_i_where_a_field_has_the_focus() -> None:
    app, _, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "slash", "i")
        assert app.screen.query_one("#filter", Input).value == "i"
