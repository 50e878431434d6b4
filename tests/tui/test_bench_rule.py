"""`p` on the Bench: a habit becomes a rule, after its text and its past were read."""

from __future__ import annotations

import pytest
from tests.tui.fake import Decided, FakeSession, fake_app, painted, settle
from tests.tui.studio import ALIKE, ASKED, TOGETHER
from tests.tui.test_tui_snapshots import SIZES, Compare, keys

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_tui.screens.rule import RuleScreen
from quarterdeck_tui.views import BenchView, Shown
from quarterdeck_tui.wire import Plain

ANA = Shown(ALIKE[0].id, ALIKE[0].shown_hash)
GROUP = BenchView("live", "", TOGETHER.status, ALIKE)
ASK: Plain = {"id": ANA.id, "shown_hash": ANA.shown_hash}
DRAFT: Plain = {
    "id": ANA.id, "form": "rule", "text": '[[rule]]\nid = "delegated-1"\nmatch = "mail.send"\nverdict = "allow"\n',
    "refused": [], "compared": 30, "matched": 22, "against": 1, "plan_hash": "abc",
    "items": [
        {"id": "a2", "summary": "Reply to Ana", "targets": ["ana@shop.test"], "decided": "approved", "status": "succeeded"},
        {"id": "a1", "summary": "Offer to Ana", "targets": ["ana@shop.test"], "decided": "rejected", "status": "rejected"},
    ],
}  # fmt: skip


def drafting(session: FakeSession, draft: Plain = DRAFT) -> None:
    session.answers["approval.delegate"] = lambda params: (
        {**draft, "written": "policies/delegated.toml"} if "plan_hash" in params else draft
    )


async def test_two_keys_write_the_rule_that_was_read_and_approve_the_item() -> None:
    app, session, clock = fake_app(GROUP)
    drafting(session)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("p")
        await pilot.pause()
        assert isinstance(app.screen, RuleScreen)
        assert (session.changed, session.decided) == ([], [])
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert session.asked[-1] == ("approval.delegate", ASK)
        assert session.changed == [("approval.delegate", {**ASK, "plan_hash": "abc"})]
        assert session.decided == [Decided((ANA,), "approve")]
        assert any("policies/delegated.toml" in line for line in painted(app))


async def test_the_sheet_shows_the_rule_and_what_it_would_have_let_go_and_escape_changes_nothing() -> None:
    app, session, clock = fake_app(GROUP)
    drafting(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, clock)
        await pilot.press("p")
        await pilot.pause()
        shown = "\n".join(painted(app))
        for words in (
            'id = "delegated-1"',
            "let 22 go unasked",
            "you rejected or changed.",
            "a1     rejected",
            "and 20 more",
        ):
            assert words in " ".join(shown.split()) or words in shown
        await pilot.press("escape")
        await pilot.pause()
        assert (session.changed, session.decided) == ([], [])


async def test_what_cannot_become_a_rule_is_told_with_its_reason() -> None:
    app, session, clock = fake_app(GROUP)
    drafting(session, {**DRAFT, "refused": ["it spends money"], "plan_hash": ""})
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("p")
        await pilot.pause()
        assert any("it spends money" in line for line in painted(app))
        assert (session.changed, isinstance(app.screen, RuleScreen)) == ([], False)


async def test_when_the_past_has_changed_meanwhile_nothing_is_written_and_nothing_is_approved() -> None:
    app, session, clock = fake_app(GROUP)
    changed = QuarterdeckError("conflict", "the draft is another one by now", hint="Look at it again.")
    session.answers["approval.delegate"] = lambda params: changed if "plan_hash" in params else DRAFT
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("p", "enter")
        await pilot.pause()
        await pilot.pause()
        assert session.decided == []
        assert any("the draft is another one by now" in line for line in painted(app))


async def test_of_a_question_of_a_run_there_is_no_rule() -> None:
    app, session, clock = fake_app(BenchView("live", "", TOGETHER.status, (ASKED,)))
    drafting(session)
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("p")
        await pilot.pause()
        assert session.asked == []
        assert any("no rule can answer it" in line for line in painted(app))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_sheet_looks_as_accepted(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, session, _ = fake_app(GROUP)
    drafting(session)
    assert snap_compare(app, terminal_size=size, run_before=keys(("p",)))
