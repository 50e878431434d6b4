"""What is risky waits after a yes and is read again; when something changed, it comes back with what changed."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core import actions
from quarterdeck_daemon.core.commands import (
    AssetFile,
    EffectAnswered,
    EffectStarted,
    LoadAssets,
    Remember,
    SupersedeMemory,
    Undo,
)
from quarterdeck_daemon.core.entities import Action, Evidence, Verdict
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import EffectDone
from quarterdeck_daemon.core.turn import Turn

from .approval_desk import COOL, HOLD, PLAYBOOK, RULES, Desk
from .core_bench import rebuilt

FROM_INVOICE = (Evidence(claim="It is due.", source="fact:supplier/hostcom"),)


def paying_desk() -> tuple[Desk, str]:
    """A payment to a supplier whose account is known, approved and cooling off."""
    desk = Desk()
    desk.put("supplier", "hostcom", name="Hostcom", iban="DE89370400440532013000")
    id = desk.pay(to="DE89370400440532013000", evidence=FROM_INVOICE)
    assert desk.error(id) == ""
    return desk, id


def set_policy(desk: Desk, policy: str) -> None:
    texts = (("playbook", "lead", PLAYBOOK), ("policy", "mail", policy))
    files = tuple(
        AssetFile(asset_kind=kind, name=name, path=name, text=text, hash=text_hash(text))
        for kind, name, text in texts
    )
    desk.do(LoadAssets(files=files))


def test_what_is_risky_waits_longer_than_its_hold_and_then_leaves_as_it_was_approved() -> None:
    desk, id = paying_desk()
    assert desk.action(id).release_us == desk.now_us + COOL
    desk.pass_time(COOL - 1)
    assert desk.action(id).status == "held"
    desk.pass_time(1)
    assert desk.action(id).status == "intent"


def test_what_is_not_risky_waits_no_longer_than_its_hold() -> None:
    desk = Desk()
    desk.send(desk.propose())
    id = desk.propose()
    desk.decided(id)
    assert (desk.action(id).cooling, desk.action(id).release_us) == ({}, desk.now_us + HOLD)


def test_undo_is_free_until_it_leaves() -> None:
    desk, id = paying_desk()
    desk.pass_time(COOL - 1)
    desk.do(Undo(scope=f"action:{id}"))
    desk.pass_time(COOL)
    assert desk.action(id).status == "withdrawn"


def test_another_account_of_the_recipient_brings_it_back_with_what_changed() -> None:
    desk, id = paying_desk()
    before = desk.action(id)
    desk.put("supplier", "hostcom", name="Hostcom", iban="DE02120300000000202051")
    desk.pass_time(COOL)
    action = desk.action(id)
    assert (action.status, action.approval, action.returned) == (
        "proposed",
        None,
        ("supplier/hostcom changed: iban",),
    )
    assert action.shown_hash != before.shown_hash
    assert desk.error(id, shown_hash=before.shown_hash) == "conflict", "a yes to what was seen before is none to this"
    assert desk.error(id) == ""
    desk.pass_time(COOL)
    assert desk.action(id).status == "intent"


def test_the_twin_that_reads_nothing_again_pays_the_old_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(turn: Turn, action: Action, verdict: Verdict) -> bool:
        return False

    monkeypatch.setattr(actions, "reread", blind)
    desk, id = paying_desk()
    desk.put("supplier", "hostcom", name="Hostcom", iban="DE02120300000000202051")
    desk.pass_time(COOL)
    assert desk.action(id).status == "intent"


def test_a_replaced_source_brings_it_back() -> None:
    desk = Desk()
    note = str(desk.do(Remember(text="Pay Hostcom on the 24th."))["id"])
    id = desk.pay(evidence=(Evidence(claim="Due", source=f"memory:{note}"),))
    desk.decided(id)
    newer = str(desk.do(SupersedeMemory(id=note, text="Do not pay Hostcom."))["id"])
    desk.pass_time(COOL)
    assert desk.action(id).returned == (f"{note}, from which it was made, was replaced by {newer}",)


def test_stricter_rules_bring_it_back_and_a_denial_withdraws_it() -> None:
    for word, risk, status in (("ask", "high", "proposed"), ("deny", "low", "withdrawn")):
        desk = Desk(RULES + 'cool = "10m"\n')
        desk.send(desk.propose())
        desk.now_us += COOL
        id = desk.propose()
        desk.decided(id)
        set_policy(desk, RULES.replace('"ask"', f'"{word}"').replace('"low"', f'"{risk}"'))
        desk.pass_time(COOL)
        assert desk.action(id).status == status
        assert bool(desk.action(id).returned) == (status == "proposed")


def test_a_rule_says_how_long_its_kind_cools() -> None:
    for policy, wait_us in ((RULES + 'cool = "1h"\n', 6 * COOL), (RULES + 'cool = "0s"\n', HOLD)):
        desk = Desk(policy)
        id = desk.propose()
        desk.decided(id)
        assert (desk.action(id).release_us or 0) - desk.now_us == wait_us


def test_many_recipients_and_what_nothing_takes_back_cool_off() -> None:
    desk = Desk()
    many = desk.propose_action(
        "mail.send", {"to": [f"p{number}@x.test" for number in range(6)], "subject": "s", "body": "b"}
    )
    post = desk.propose_action("practice.post", {"channel": "news", "text": "t"})
    for id in (many, post):
        desk.decided(id)
        assert desk.action(id).release_us == desk.now_us + COOL


def test_cooling_survives_a_crash_and_a_replay() -> None:
    desk, id = paying_desk()
    desk.store = desk.store.crashed()
    desk.put("supplier", "hostcom", name="Hostcom Ltd", iban="DE89370400440532013000")
    desk.pass_time(COOL)
    assert desk.action(id).returned == ("supplier/hostcom changed: name",)
    folded = rebuilt(desk.store)
    assert folded.get(Action, id) == desk.action(id)


def test_what_was_kept_of_a_fact_is_not_its_content() -> None:
    desk, id = paying_desk()
    assert "DE89" not in repr(desk.action(id).cooling)


def test_it_runs_its_course_when_it_left() -> None:
    desk, id = paying_desk()
    desk.pass_time(COOL)
    desk.do(EffectStarted(action=id))
    desk.do(EffectAnswered(action=id, outcome=EffectDone(result={})))
    assert desk.action(id).status == "succeeded"
