"""Policies: why, what if, and permissions that end."""

from __future__ import annotations

from pathlib import Path

from tests.tui import company
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from textual.pilot import Pilot
from textual.widgets import TextArea

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_tui.app import QuarterdeckApp


def house() -> tuple[QuarterdeckApp, FakeSession, StillClock]:
    app, session, clock = fake_app()
    session.answers |= company.ANSWERS
    return app, session, clock


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


async def test_rules_stand_in_the_order_in_which_they_are_tried_with_what_is_wrong() -> None:
    app, _, clock = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot, clock)
        await press(pilot, "7")
        lines = painted(app)
    at = [
        next(place for place, line in enumerate(lines) if f" {name} " in line)
        for name in ("mail.answer", "mail.external")
    ]
    assert at == sorted(at)
    assert any("! there is no term recipents" in line for line in lines)
    assert any("everything asks: line 3" in line for line in lines)
    assert any("because  A single answer" in line for line in lines)


async def test_an_action_is_explained_with_the_values_of_every_term() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "7", "x", "enter")
        await pilot.pause(0.1)
        said = "\n".join(painted(app))
        assert session.asked[-1] == ("policy.explain", {"id": "a18"})
        assert "guard R2" in said
        assert "recipients.unknown is 0" in said
        assert "48 of 51" in said


async def test_a_verb_that_is_only_thought_of_is_explained_too() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "7", "x", "ctrl+u", *"mail.send", "enter")
        assert session.asked[-1] == ("policy.explain", {"connector": "mail", "verb": "send"})


async def test_other_rules_are_tested_on_the_past_and_nothing_changes(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[[rule]]\n")
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "7", "t", *"balanced", "enter")
        await pilot.pause(0.1)
        said = "\n".join(painted(app))
        assert "231 actions of the past; nothing was done" in said
        assert "you had rejected or changed 1" in said
        await press(pilot, "escape", "t")
        app.screen.query_one("#words").value = str(file)  # type: ignore[attr-defined]  # The sheet has one field.
        await press(pilot, "enter")
        assert session.asked[-1] == ("policy.test", {"text": "[[rule]]\n", "limit": 500})
        assert session.changed == []


async def test_a_file_that_cannot_be_read_is_said() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        before = [one for one in session.asked if one[0] == "policy.test"]
        await press(pilot, "7", "t", *"/nowhere/x.toml", "enter")
        assert "cannot be read" in painted(app)[-2]
        assert [one for one in session.asked if one[0] == "policy.test"] == before


async def test_a_permission_always_has_an_end_and_a_number() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "7", "n")
        area = app.screen.query_one(TextArea)
        area.text = area.text.replace('"agent": ""', '"agent": "composer"')
        await press(pilot, "ctrl+s")
        ((method, params),) = session.changed
        assert method == "policy.grant"
        assert {name: params[name] for name in ("agent", "action", "to", "max", "per_day")} == {
            "agent": "composer", "action": "mail.send", "to": ["known"], "max": 20, "per_day": 5,
        }  # fmt: skip
        assert str(params["until"]).startswith("20")


async def test_a_permission_is_revoked_and_one_that_ended_is_not() -> None:
    app, session, clock = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "7", "D")
        assert "No permission in force" in painted(app)[-2]
        await press(pilot, "tab", "D", "enter")
        assert session.changed == [("policy.revoke", {"id": "g2", "reason": ""})]
        await press(pilot, "G", "D")
        assert "g1 has ended" in painted(app)[-2]
        assert len(session.changed) == 1


async def test_what_the_daemon_refuses_is_said_with_the_next_step() -> None:
    app, session, clock = house()
    session.answers["policy.explain"] = lambda params: QuarterdeckError(
        "not_found", "no action 'a18'", hint="Look at 1."
    )
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await press(pilot, "7", "x", "enter")
        await pilot.pause(0.1)
        assert "no action 'a18'. Look at 1." in painted(app)[-2]
