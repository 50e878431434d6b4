"""A yes to a high risk is typed, only so many are given in a minute, and what deciding costs is counted."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core import approvals
from quarterdeck_daemon.core.attention import ESTIMATE_MS, spent_ms
from quarterdeck_daemon.core.confirming import check_word, confirmations
from quarterdeck_daemon.core.entities import Attention

from .approval_desk import MINUTE, RULES, SECOND, Desk
from .core_bench import rebuilt

RISKY = RULES.replace('risk = "low"', 'risk = "high"')


def test_the_word_is_the_amount_or_where_it_goes() -> None:
    pay = {"to": "hostcom", "amount": 31_250, "currency": "EUR"}
    assert confirmations("practice", "pay", pay, ("hostcom",))[0] == "312.50"
    assert confirmations("mail", "send", {}, ("ana@rosewood.test",)) == ("rosewood.test", "ana@rosewood.test", "ana")
    assert confirmations("mail", "send", {}, ("a@x.test", "b@x.test"))[0] == "2"
    assert confirmations("practice", "post", {}, ()) == ("post",)


@pytest.mark.parametrize("typed", ["312.50", " 312.50 EUR", "eur 312.50", "31250"])
def test_a_payment_is_approved_by_its_amount(typed: str) -> None:
    desk = Desk()
    assert desk.error(desk.pay(31_250), confirm=typed) == ""


@pytest.mark.parametrize("typed", ["", "y", "yes", "312", "312.5"])
def test_anything_else_approves_nothing_and_says_what_to_type(typed: str) -> None:
    desk = Desk()
    id = desk.pay(31_250)
    (item,) = desk.decided(id, confirm=typed)
    error = item["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["details"], error["hint"]) == (
        "needs_approval", {"confirm": "312.50"}, "Send it as `confirm`: 312.50",
    )  # fmt: skip
    assert desk.action(id).status == "proposed"


def test_the_twin_without_the_word_pays_by_a_key_press(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "check_word", lambda *_: None)
    desk = Desk()
    assert desk.error(desk.pay(), confirm="") == ""


def test_the_word_is_that_of_the_edited_amount() -> None:
    desk = Desk()
    id = desk.pay(31_250)
    assert desk.error(id, edits={"amount": 99_900}, confirm="312.50") == "needs_approval"
    assert desk.error(id, edits={"amount": 99_900}, confirm="999.00") == ""


def test_a_low_risk_asks_for_no_word() -> None:
    desk = Desk()
    assert desk.error(desk.propose(), confirm="") == ""


def test_what_became_a_high_risk_since_is_typed() -> None:
    """Rules of now count as well as those of then."""
    desk = Desk()
    action = desk.action(desk.propose())
    check_word(action, action.args, action.targets, "")
    risky = Desk(RISKY)
    assert risky.error(risky.propose(), confirm="") == "needs_approval"


def test_only_so_many_high_risks_are_approved_in_a_minute() -> None:
    desk = Desk(RISKY, per_minute=3)
    ids = [desk.propose() for _ in range(5)]
    for id in ids[:3]:
        assert desk.error(id, confirm="x.test") == ""
        desk.now_us += SECOND
    assert desk.error(ids[3], confirm="x.test") == "busy"
    assert desk.error(ids[3], decision="reject", reason="no") == "", "a no is never too fast"
    desk.now_us += MINUTE
    assert desk.error(ids[4], confirm="x.test") == ""


def test_the_twin_without_a_limit_lets_all_of_them_through() -> None:
    desk = Desk(RISKY, per_minute=0)
    found = desk.decided(*(desk.propose() for _ in range(9)), confirm="x.test")
    assert all(item["ok"] for item in found)


def test_the_pace_is_kept_across_midnight() -> None:
    desk = Desk(RISKY, per_minute=1)
    first, second = desk.propose(), desk.propose()
    day_us = 86_400 * SECOND
    desk.now_us += day_us - (desk.now_us + 2 * 3_600 * SECOND) % day_us - SECOND  # A second to midnight in Berlin.
    assert desk.error(first, confirm="x.test") == ""
    desk.now_us += 2 * SECOND
    assert desk.error(second, confirm="x.test") == "busy"
    assert len(list(desk.store.scan(Attention))) == 1


def test_attention_is_measured_where_a_face_tells_and_estimated_elsewhere() -> None:
    desk = Desk()
    first, second, third = (desk.propose() for _ in range(3))
    desk.now_us += 90 * SECOND
    desk.decided(first, shown_us=desk.now_us - 12 * SECOND)
    desk.decided(second, decision="reject", reason="no", shown_us=desk.now_us - 24 * 3_600 * SECOND)
    desk.decided(third, edits={"body": "Hi."}, shown_us=desk.now_us + SECOND)
    (day,) = desk.store.scan(Attention)
    assert (day.decided, day.measured, day.measured_ms) == (3, 2, 12_000 + 600_000)
    assert spent_ms(day) == 612_000 + ESTIMATE_MS
    assert day.counts == {"approved": 1, "rejected": 1, "edited": 1}
    assert rebuilt(desk.store).get(Attention, day.id) == day


def test_an_edit_is_kept_with_its_difference() -> None:
    desk = Desk()
    id = desk.propose(body="Hello Ana,\nthe price is 10.\nMara")
    desk.decided(id, edits={"body": "Hello Ana,\nthe price is 12.\nMara"})
    (given,) = [event for event in desk.store.events_of(f"action:{id}") if event.kind == "approval.given"]
    changed = [row for row in str(given.body["diff"]).split("\n")[2:] if row[:1] in "+-"]
    assert changed == ["-body: the price is 10.", "+body: the price is 12."]
    assert desk.action(id).proposed_args["body"] == "Hello Ana,\nthe price is 10.\nMara"
