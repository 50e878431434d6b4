"""Groups, lessons and questions of runs on the Bench, with the number of keys that they may cost."""

from __future__ import annotations

from tests.tui.fake import Decided, fake_app, painted, settle
from tests.tui.studio import ALIKE, ASKED, QUIET, TOGETHER

from quarterdeck_tui import replies
from quarterdeck_tui.screens.group import GroupScreen
from quarterdeck_tui.views import BenchView, LessonView, Shown

ANA, BO, CY = (Shown(item.id, item.shown_hash) for item in ALIKE)
GROUP = BenchView("live", "", TOGETHER.status, ALIKE)


async def test_a_group_is_approved_with_two_keys_and_its_outlier_stays() -> None:
    app, session, clock = fake_app(GROUP)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("A", "a")
        await pilot.pause()
        assert session.decided == [Decided((ANA, BO), "approve")]


async def test_the_sheet_shows_each_tick_and_why_one_is_off() -> None:
    app, _, clock = fake_app(GROUP)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, clock)
        await pilot.press("A")
        await pilot.pause()
        assert isinstance(app.screen, GroupScreen)
        lines = painted(app)
        (off,) = (line for line in lines if "a33" in line)
        assert ("[ ]" in off, "! new recipient: cy@shop.test" in off) == (True, True)
        assert any("2 of 3 ticked" in line for line in lines)


async def test_one_is_left_out_with_two_more_keys() -> None:
    app, session, clock = fake_app(GROUP)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("A", "j", "x", "a")
        await pilot.pause()
        assert session.decided == [Decided((ANA,), "approve")]


async def test_without_a_tick_nothing_is_sent_and_it_is_said() -> None:
    app, session, clock = fake_app(GROUP)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("A", "x", "x", "a")
        await pilot.pause()
        assert session.decided == []
        assert any("No tick is on." in line for line in painted(app))


async def test_a_group_is_rejected_for_one_reason_that_its_agent_learns() -> None:
    app, session, clock = fake_app(GROUP)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("A", "r", "ctrl+l", "2", "enter")
        await pilot.pause()
        assert session.decided == [Decided((ANA, BO), "reject", reason="wrong tone", lesson=LessonView())]


async def test_a_lesson_is_about_one_recipient_or_for_everybody_and_at_first_for_nobody() -> None:
    found = []
    for presses in range(5):
        app, session, clock = fake_app(QUIET)
        async with app.run_test() as pilot:
            await settle(pilot, clock)
            await pilot.press("r", *("ctrl+l",) * presses, "1", "enter")
            await pilot.pause()
            found.append(session.decided[0].lesson)
    to = QUIET.approvals[0].targets[0]
    assert found == [None, LessonView(), LessonView(to=to), LessonView(everybody=True), None]


async def test_a_question_of_a_run_is_answered_with_one_key_and_has_no_text_to_edit() -> None:
    app, session, clock = fake_app(BenchView("live", "", TOGETHER.status, (ASKED,)))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot, clock)
        assert any("draft.text" in line and "Hello, all" in line for line in painted(app))
        await pilot.press("A")
        await pilot.pause()
        assert any("decided by itself" in line for line in painted(app))
        await pilot.press("e")
        await pilot.pause()
        assert any("no text to edit" in line for line in painted(app))
        await pilot.press("a")
        await pilot.pause()
        assert session.decided == [Decided((Shown("r7/review", "hash-review"),), "approve")]


def test_a_question_of_a_run_is_read_with_what_the_steps_before_it_gave() -> None:
    args = {"question": "Go on?", "after": {"draft": {"text": "Hello", "words": 1}}}
    item = {
        "id": "r7/ask", "shown_hash": "h", "summary": "Go on?", "risk": "medium", "gate": True,
        "action": {"connector": "run", "verb": "go_on", "args": args, "targets": []},
    }  # fmt: skip
    (view,), bad = replies.approvals({"items": [item]})
    assert (view.gate, view.args, bad) == (True, {"question": "Go on?", "draft.text": "Hello", "draft.words": 1}, 0)


def test_a_run_that_waits_for_an_answer_does_not_move() -> None:
    row = {
        "run_id": "r7",
        "playbook": "launch",
        "status": "running",
        "gates": [{"id": "r7/ask", "step": "ask", "text": "?"}],
    }
    (run,) = replies.runs({"items": [row]})
    assert (run.waits_for, run.moving) == (("r7/ask",), False)
