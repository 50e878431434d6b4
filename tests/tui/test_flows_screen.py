"""Flows: the daily jobs on runs, the graph, and what happens while somebody looks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.tui import company
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from tests.tui.studio import APPROVALS, MORNING
from textual.pilot import Pilot
from textual.widgets import TextArea

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.screens.run import RunScreen
from quarterdeck_tui.screens.why import WhyScreen
from quarterdeck_tui.views import BenchView
from quarterdeck_tui.wire import Plain

QUESTION = replace(APPROVALS[1], id="r2221/duplicate", summary="Is 2026-114 a duplicate?", gate=True, run="r2221")
ASKING = replace(MORNING, approvals=(*APPROVALS, QUESTION))
TO_DUPLICATE = ("j", "j", "j", "j")


def house(view: BenchView = ASKING) -> tuple[QuarterdeckApp, FakeSession, StillClock]:
    app, session, clock = fake_app(view)
    session.answers |= company.FLOWS
    return app, session, clock


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


@pytest.mark.parametrize(
    ("keys", "method", "params"),
    [
        (("5", "p"), "run.pause", {"id": "r2221"}),
        (("5", "j", "j", "p"), "run.resume", {"id": "r2214"}),
        (("5", "c", *"mine", "enter"), "run.cancel", {"id": "r2221", "reason": "mine"}),
        (("5", "enter", "R"), "run.retry_step", {"id": "r2221", "step": "fetch-mails"}),
        (("5", "enter", *TO_DUPLICATE, "s", "enter"), "run.skip_step", {"id": "r2221", "step": "duplicate", "reason": ""}),
        (
            ("5", "enter", "j", "m", *"composer", "enter"),
            "run.reassign", {"id": "r2221", "step": "read-invoices", "agent": "composer"},
        ),
    ],
)  # fmt: skip
async def test_a_verb_on_a_run_or_step_is_one_change(keys: tuple[str, ...], method: str, params: Plain) -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, *keys)
        assert session.changed == [(method, params)]


async def test_escape_from_the_sheet_of_a_verb_changes_nothing() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5", "c", *"no", "escape", "enter", "s", "escape", "e", "escape", "m", "escape")
        assert session.changed == []


async def test_a_question_is_answered_where_it_can_be_read() -> None:
    """`a` opens it; the yes is a second key, and names what was painted."""
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5", "a")
        assert isinstance(app.screen, WhyScreen)
        assert app.screen.item.id == "r2221/duplicate"
        assert session.decided == []
        clock.pass_ms(1_000)
        await press(pilot, "a")
        assert [one.items[0].id for one in session.decided] == ["r2221/duplicate"]


async def test_enter_on_a_step_that_asks_opens_its_question() -> None:
    app, _, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5", "enter", *TO_DUPLICATE, "enter")
        assert isinstance(app.screen, WhyScreen)


async def test_only_fields_that_were_changed_are_sent_as_new_input() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5", "enter", "j", "j", "j", "e")
        area = app.screen.query_one(TextArea)
        area.text = '{"month": "2026-11", "tolerance": }'
        await press(pilot, "ctrl+s")
        assert "Not saved: line 1" in "\n".join(painted(app))
        area.text = '{"month": "2026-11", "tolerance": 0.05}'
        await pilot.pause()
        assert "tolerance = 0.05" in "\n".join(painted(app))
        await press(pilot, "ctrl+s")
        params = {"id": "r2221", "step": "match", "input": {"tolerance": 0.05}, "rerun_after": False}
        assert session.changed == [("run.edit_step", params)]


async def test_the_graph_shows_where_each_step_stands() -> None:
    app, _, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5")
        lines = painted(app)
    assert any(line.startswith("@─┴─┤") and "match" in line and "at work" in line for line in lines)
    assert any(line.startswith("│   ?") and "asks you" in line for line in lines)
    assert any("2 > 4 > 7 > 8, 3 to go" in line for line in lines)


async def test_the_cursor_stays_with_its_run_when_others_begin_above_it() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5", "j")
        fresh = [company.run(f"r{number}", "watch", "running", 0, 1, 1) for number in range(2300, 2303)]
        session.answers["run.list"] = lambda params: {"items": [*fresh, *company.LIVE]}
        session.push(replace(ASKING, status=replace(ASKING.status, seq=99_999)))
        await pilot.pause(0.4)
        lines = painted(app)
        assert any(line.startswith("> r2219") for line in lines)
        await press(pilot, "p")
        assert session.changed == [("run.pause", {"id": "r2219"})]


async def test_what_happens_in_the_house_is_read_again_and_nothing_else_is() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5")
        before = len(session.asked)
        session.push(replace(ASKING))
        await pilot.pause(0.4)
        assert len(session.asked) == before, "nothing has happened"
        session.push(replace(ASKING, status=replace(ASKING.status, seq=99_999)))
        await pilot.pause(0.4)
        assert len(session.asked) > before


async def test_without_a_connection_what_was_read_stays_and_nothing_is_said_to_be_done() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5")
        session.push(replace(ASKING, link="lost", note="gone"))
        await press(pilot, "p")
        lines = "\n".join(painted(app))
        assert "Connection lost" in lines
        assert "r2221" in lines
        assert "does not answer" in lines
        assert "begins no further step" not in lines


async def test_a_refusal_is_said_with_the_next_step() -> None:
    app, session, clock = house()
    session.answers["run.pause"] = lambda params: QuarterdeckError("conflict", "it has ended", hint="Look again.")
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5", "p")
        assert "it has ended. Look again." in painted(app)[-2]


async def test_hostile_text_of_a_run_is_drawn_as_what_it_is() -> None:
    app, session, clock = house()
    evil = {**company.LIVE[1], "reason": "\x1b[2J[red]gone[/red]\u202e", "waits_for": []}
    session.answers["run.list"] = lambda params: {"items": [evil]}
    session.answers["run.get"] = lambda params: {**evil, "steps": []}
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot, clock)
        await press(pilot, "5")
        assert "\\x1b[2J[red]gone[/red]\\u202e" in "\n".join(painted(app))


async def test_a_run_that_cannot_be_read_does_not_hide_the_others() -> None:
    app, session, clock = house()
    session.answers["run.list"] = lambda params: {"items": [{"id": 7, "steps": "?"}, company.LIVE[1]]}
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5")
        lines = "\n".join(painted(app))
        assert "r2219" in lines
        assert "1 could not be read" in lines


async def test_tab_shows_runs_that_have_ended_and_the_mouse_does_the_same() -> None:
    app, _, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5")
        assert "r2206" not in "\n".join(painted(app))
        await pilot.click("Tabs", offset=(11, 0))
        await pilot.pause(0.3)
        assert "send: 550 mailbox" in "\n".join(painted(app))
        await press(pilot, "tab")
        await pilot.pause(0.3)
        assert "r2206" not in "\n".join(painted(app))


async def test_a_click_chooses_a_step() -> None:
    app, _, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "5", "enter")
        assert isinstance(app.screen, RunScreen)
        await pilot.click("#steps", offset=(10, 3))
        await pilot.pause()
        step = app.screen.current_step()
        assert step is not None
        assert step.id == "bank-statement"
