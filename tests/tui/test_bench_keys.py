"""The daily jobs, with the number of keys that they may cost. A change that adds a key changes this file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.tui.fake import Decided, fake_app, painted, settle
from tests.tui.studio import APPROVALS, INES, MORNING, NOW_US, QUIET, STATUS
from textual.widgets import Input, TextArea

from quarterdeck_tui.__main__ import run
from quarterdeck_tui.screens.edit import EditScreen, diff_lines
from quarterdeck_tui.screens.evidence import EvidenceScreen
from quarterdeck_tui.screens.why import WhyScreen
from quarterdeck_tui.views import ApprovalView, BenchView, DeedView, Shown, SourceView, to_take_back

INES_SHOWN = Shown("a17", "hash-17")
PAY = APPROVALS[0]


def bench(*items: ApprovalView) -> BenchView:
    return BenchView("live", "", STATUS, items)


async def test_approve_costs_one_key() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("a")
        await pilot.pause()
        assert session.decided == [Decided((INES_SHOWN,), "approve")]
        assert "leaves in 7s   z undo" in painted(app)[-3]


async def test_a_high_risk_costs_the_shown_word_and_enter() -> None:
    app, session, clock = fake_app(bench(PAY, INES))
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("a", *"312", "enter")
        await pilot.pause()
        assert session.decided == [], "half of the amount is not the amount"
        await pilot.press(*".50", "enter")
        await pilot.pause()
        assert session.decided == [Decided((Shown("a18", "hash-18"),), "approve")]


async def test_reject_costs_three_keys_with_a_usual_reason() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("r", "3", "enter")
        await pilot.pause()
        assert session.decided == [Decided((INES_SHOWN,), "reject", reason="not now")]


async def test_reject_takes_words_and_never_an_empty_reason() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("r", "enter")
        await pilot.pause()
        assert session.decided == []
        await pilot.press(*"too dear", "enter")
        await pilot.pause()
        assert session.decided == [Decided((INES_SHOWN,), "reject", reason="too dear")]


async def test_snooze_to_tomorrow_costs_two_keys() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("s", "t")
        await pilot.pause()
        (decided,) = session.decided
        assert (decided.items, decided.decision) == ((INES_SHOWN,), "snooze")
        assert "T08:00:00" in decided.until


async def test_undo_costs_one_key() -> None:
    app, session, clock = fake_app()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("z")
        await pilot.pause()
        assert session.undone == 1
        assert "never will be" in painted(app)[-2]


async def test_why_and_its_first_evidence_cost_two_keys() -> None:
    app, session, clock = fake_app(QUIET)
    session.sources["doc17"] = SourceView("doc17", "New packaging", "We have 12 SKUs, print-ready by mid January.")
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("w")
        assert isinstance(app.screen, WhyScreen)
        await pilot.press("1")
        await pilot.pause()
        assert isinstance(app.screen, EvidenceScreen)
        assert "SKUs, print-ready by mid January<<" in "\n".join(painted(app))
        await pilot.press("escape", "escape")
        assert app.screen_stack[-1] == app.bench


async def test_edit_then_approve_costs_two_keys_and_sends_what_the_diff_showed() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("e")
        app.screen.query_one(TextArea).insert("Dear Ines, and ", (0, 0))
        await pilot.pause()
        shown = "\n".join(painted(app))
        assert "-Hello Ines," in shown
        assert "+Dear Ines, and Hello Ines," in shown
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert session.decided == [Decided((INES_SHOWN,), "approve", edits={"body": f"Dear Ines, and {INES.body}"})]


async def test_an_edited_high_risk_is_confirmed_over_the_edited_text() -> None:
    app, session, clock = fake_app(bench(replace(INES, risk="high")))
    async with app.run_test(size=(100, 50)) as pilot:
        await settle(pilot, clock)
        await pilot.press("e")
        app.screen.query_one(TextArea).text = "Dear Ines, EUR 5,000."
        await pilot.press("ctrl+s")
        await pilot.pause()
        shown = "\n".join(painted(app))
        assert "To approve, type  northwind.test" in shown
        assert "EUR 5,000." in shown
        assert session.decided == []
        await pilot.press(*"northwind.test", "enter")
        await pilot.pause()
        assert session.decided == [Decided((INES_SHOWN,), "approve", edits={"body": "Dear Ines, EUR 5,000."})]


async def test_an_edit_of_nothing_is_not_sent() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("e", "ctrl+s")
        await pilot.pause()
        assert isinstance(app.screen, EditScreen)
        assert session.decided == []


async def test_a_draft_outlives_escape_and_a_lost_connection() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("e")
        app.screen.query_one(TextArea).text = "my words"
        await pilot.pause()
        session.push(replace(QUIET, link="lost", note="gone"))
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(app.screen, EditScreen), "a refused sheet stays open"
        await pilot.press("escape")
        session.push(QUIET)
        await pilot.press("e")
        await pilot.pause()
        assert app.screen.query_one(TextArea).text == "my words"
        assert session.decided == []


async def test_marks_approve_several_but_never_a_high_risk() -> None:
    app, session, clock = fake_app()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("x", "x", "x")  # HIGH, medium, medium
        await pilot.pause()
        clock.pass_ms(1_000)
        await pilot.press("a")
        await pilot.pause()
        assert session.decided == [Decided((Shown("a20", "hash-20"), Shown("a21", "hash-21")), "approve")]
        assert "1 HIGH left out" in painted(app)[-2]


async def test_a_changed_item_is_a_conflict_that_is_said_and_redrawn() -> None:
    """The daemon's item moved on after the row was painted, and before the yes arrived."""
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        changed = replace(INES, shown_hash="hash-new", summary="Answer Northwind: EUR 9,999")
        session.view = replace(QUIET, approvals=(changed,))  # The daemon knows; the screen not yet.
        await pilot.press("a")
        await pilot.pause()
        assert "a17 has changed and was not touched" in painted(app)[-2]
        session.push(session.view)
        await pilot.pause()
        assert "EUR 9,999" in "\n".join(painted(app))
        await pilot.press("a")
        assert len(session.decided) == 1, "the new version has not been on the screen for long enough"


async def test_tabs_and_filter_narrow_the_list() -> None:
    app, _, clock = fake_app()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("tab", "tab")
        assert [row.id for row in app.bench.list.rows] == ["a22"]
        await pilot.press("tab", "slash", *"agent:finance", "enter")
        assert [row.id for row in app.bench.list.rows] == ["a18", "a20"]
        assert "2 of 9" in painted(app)[1]
        await pilot.press("escape")
        assert len(app.bench.list.rows) == 9


async def test_new_items_are_counted_and_taken_in_by_ctrl_r() -> None:
    app, session, clock = fake_app(bench(INES))
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot, clock)
        session.push(bench(PAY, APPROVALS[3], INES))
        await pilot.pause()
        assert [row.id for row in app.bench.list.rows] == ["a17", "a18", "a20"]
        assert "2 new, 1 HIGH: ^r sorts" in painted(app)[1]
        await pilot.press("ctrl+r")
        assert [row.id for row in app.bench.list.rows] == ["a18", "a20", "a17"]
        assert app.bench.list.current == INES, "the cursor stays with its item"


async def test_without_a_connection_every_change_is_refused_in_words() -> None:
    app, session, clock = fake_app(replace(QUIET, link="lost", note="the daemon is gone"))
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        for key in ("a", "r", "s", "z"):
            clock.pass_ms(500)
            await pilot.press(key)
            await pilot.pause()
            assert "does not answer" in painted(app)[-2]
        assert "Connection lost" in painted(app)[0]
        assert (session.decided, session.undone) == ([], 0)


async def test_help_lists_every_binding_that_has_an_id() -> None:
    app, _, clock = fake_app()
    async with app.run_test(size=(100, 60)) as pilot:
        await settle(pilot, clock)
        wanted = {
            one.tooltip or one.binding.description for one in app.screen.active_bindings.values() if one.binding.id
        }
        await pilot.press("question_mark")
        await pilot.pause()
        shown = "\n".join(painted(app))
        assert [words for words in wanted if words not in shown] == []


async def test_the_palette_finds_the_actions_with_their_keys() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("ctrl+p", *"snooze")
        await pilot.pause(0.3)
        assert "Ask me again later" in "\n".join(painted(app))
        await pilot.press("enter")
        await pilot.pause(0.2)
        await pilot.press("t")
        await pilot.pause()
        assert [one.decision for one in session.decided] == ["snooze"]


async def test_a_click_selects_and_a_hint_acts() -> None:
    app, session, clock = fake_app(bench(INES, APPROVALS[3]))
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.click("#list", offset=(10, 2))
        await pilot.pause()
        assert app.bench.list.current is not None
        assert app.bench.list.current.id == "a17"
        clock.pass_ms(1_000)
        await pilot.click("KeyLine", offset=(2, 0))
        await pilot.pause()
        assert session.decided == [Decided((INES_SHOWN,), "approve")]


async def test_fields_of_a_sheet_take_letters_as_letters() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("slash", *"zaq")
        assert app.screen.query_one("#filter", Input).value == "zaq"
        assert (session.decided, session.undone) == ([], 0)


def test_the_diff_is_unified_and_shows_hidden_characters() -> None:
    assert diff_lines("a\nb\nc", "a\nB\nc") == ["@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"]
    assert diff_lines("a\u202e", "a") == ["@@ -1 +1 @@", "-a\\u202e", "+a"]
    assert diff_lines("same", "same") == []


async def test_ages_and_the_countdown_follow_the_clock() -> None:
    app, _, clock = fake_app(MORNING)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        clock.us = NOW_US + 3_000_000
        app.tick()
        await pilot.pause()
        assert "leaves in 2s" in painted(app)[-3]
        clock.us = NOW_US + 6_000_000
        app.tick()
        await pilot.pause()
        assert "leaving now" in painted(app)[-3]


async def test_every_hold_counts_down_and_alerts_name_their_next_step() -> None:
    app, _, clock = fake_app()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        shown = painted(app)
        assert "leaves in 5s   +1: 22s   z undo" in shown[-3]
        assert "paused, quarterdeck runs resume r2214" in shown[-4]
        assert "nobody knows whether a11 left the house" in shown[-5]
        assert shown[-5].rstrip().endswith("quarterdeck why a11  +1")
    app, _, clock = fake_app()
    async with app.run_test(size=(160, 48)) as pilot:
        await settle(pilot, clock)
        assert [line.split()[-3:] for line in painted(app)[-6:-4]] == [["5s", "z", "undo"], ["leaves", "in", "22s"]]


async def test_escape_and_digits_inside_why_do_what_the_footer_says() -> None:
    app, session, clock = fake_app(QUIET)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("w", "a")
        await pilot.pause()
        assert app.screen is app.bench
        assert [one.items for one in session.decided] == [(INES_SHOWN,)]


def test_z_takes_what_is_held_before_what_was_decided_later() -> None:
    held = DeedView("a1", "one", "approved", NOW_US + 9, "held", 1, "mail.send")
    left = DeedView("a2", "two", "approved", None, "succeeded", 2, "mail.send")
    snoozed = DeedView("a3", "three", "snoozed", None, "proposed", 3)
    assert to_take_back((left, held, snoozed)) == held
    assert to_take_back((left, snoozed)) == snoozed
    assert to_take_back((left,)) == left
    assert to_take_back((DeedView("a4", "", "rejected", None, "rejected", 4),)) is None


def test_without_a_workspace_the_first_sentence_says_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 6
    said = capsys.readouterr().err
    assert f"There is no workspace in {tmp_path}." in said
    assert f"quarterdeck init {tmp_path}" in said
    assert "quarterdeck demo" in said
    (tmp_path / "quarterdeck.toml").touch()
    assert run(tmp_path) == 6
    assert f"quarterdeck -w {tmp_path} up" in capsys.readouterr().err
