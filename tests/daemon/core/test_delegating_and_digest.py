"""What the operator is shown: lists with groups, the preview of a rule and its file, the digest of the day."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from quarterdeck_daemon.core.commands import PutFact
from quarterdeck_daemon.core.delegation import FILE
from quarterdeck_daemon.core.rules import parse_policy
from quarterdeck_daemon.service.delegating import add_rule, draft_of
from quarterdeck_daemon.service.digests import digest
from quarterdeck_daemon.service.house import House
from quarterdeck_daemon.service.waiting import approval_views
from quarterdeck_protocol.approval_messages import Digest
from quarterdeck_protocol.codes import QuarterdeckError

from .approval_desk import DAY, HOLD, Desk

NAMES = ("ana@x.test", "bo@x.test", "cy@x.test")
RULE = '[[rule]]\nid = "delegated-1"\nmatch = "mail.send"\nverdict = "allow"\n'


def house_of(desk: Desk, workspace: Path = Path()) -> House:
    """What lists, previews and digests need of a house: store, clock, folder."""
    engine = SimpleNamespace(now_us=lambda: desk.now_us)
    return cast(House, SimpleNamespace(store=desk.store, engine=engine, workspace=workspace))


def known_desk() -> Desk:
    desk = Desk()
    for name in NAMES:
        desk.send(desk.propose(name))
    return desk


def test_the_list_tells_group_ticks_outliers_and_the_word_to_type() -> None:
    desk = known_desk()
    mails = [desk.propose(name) for name in (*NAMES, "new@y.test")]
    pay = desk.pay(31_250)
    views = {str(one["id"]): one for one in approval_views(house_of(desk))}
    assert next(iter(views)) == pay
    assert (views[pay]["confirm"], views[pay]["group_items"], views[pay]["cools_ms"]) == ("312.50", [], 600_000)
    group = views[mails[0]]["group"]
    assert {views[id]["group"] for id in mails} == {group}
    assert [views[id]["ticked"] for id in mails] == [True, True, True, False]
    assert views[mails[3]]["outlier"] == "new recipient: new@y.test"


def test_a_preview_tells_what_the_rule_would_have_let_go_and_what_was_said_then() -> None:
    desk = known_desk()
    rejected = desk.propose("ana@x.test")
    desk.decided(rejected, decision="reject", reason="no")
    draft = draft_of(house_of(desk), desk.action(desk.propose("ana@x.test")), amount_max=None)
    view = draft.view("rule")
    assert (view["refused"], view["matched"], view["against"]) == ([], 3, 1)
    items = view["items"]
    assert isinstance(items, list)
    assert items[0]["id"] == rejected
    assert parse_policy(draft.text).rule[0].verdict == "allow"


def test_what_cannot_be_delegated_has_no_hash_to_confirm() -> None:
    desk = known_desk()
    view = draft_of(house_of(desk), desk.action(desk.pay()), amount_max=None).view("rule")
    assert (bool(view["refused"]), view["text"], view["plan_hash"]) == (True, "", "")


def test_rules_are_added_to_the_file_and_it_always_parses(tmp_path: Path) -> None:
    add_rule(tmp_path, RULE)
    add_rule(tmp_path, RULE.replace("-1", "-2"))
    text = (tmp_path / FILE).read_text("utf-8")
    assert [rule.id for rule in parse_policy(text).rule] == ["delegated-1", "delegated-2"]
    with pytest.raises(QuarterdeckError):
        add_rule(tmp_path, "[[rule]\n")
    assert (tmp_path / FILE).read_text("utf-8") == text


def test_a_link_out_of_the_workspace_is_not_written_through(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside.toml", tmp_path / "w"
    (inside / "policies").mkdir(parents=True)
    outside.write_text("")
    (inside / FILE).symlink_to(outside)
    with pytest.raises(QuarterdeckError) as caught:
        add_rule(inside, RULE)
    assert (caught.value.code, outside.read_text()) == ("forbidden", "")


def told(desk: Desk, span: str) -> Digest:
    found = asyncio.run(digest(house_of(desk), span, desk.now_us, None))
    return msgspec.convert(found, Digest)


def test_the_day_begins_with_what_waits_by_risk_and_what_became_of_the_rest() -> None:
    desk = known_desk()
    low, high = desk.propose("ana@x.test"), desk.pay()
    cools = desk.pay()
    desk.decided(cools)
    desk.decided(desk.propose("bo@x.test"), decision="reject", reason="no", shown_us=desk.now_us - 30_000_000)
    found = told(desk, "day")
    assert [line.id for line in found.waiting] == [high, low]
    assert found.waiting_counts == {"high": 1, "low": 1}
    assert [line.id for line in found.cooling] == [cools]
    assert [line.what for line in found.went_out] == ["went out"] * 3
    assert found.counts == {"approved": 4, "rejected": 1, "done": 3}
    attention = found.attention
    assert (attention.decisions, attention.measured, attention.estimated) == (5, 1, 4)
    assert attention.minutes == round((4 * 20 + 30) / 60, 1)


def test_what_expires_within_a_day_is_named_as_late() -> None:
    desk = known_desk()
    id = desk.propose()
    desk.pass_time(6 * DAY + DAY // 2)
    assert [(line.id, line.what) for line in told(desk, "day").late] == [(id, "expires soon")]


def test_the_evening_reconciles_what_was_approved() -> None:
    desk = known_desk()
    held = desk.propose("ana@x.test")
    desk.decided(held)
    found = told(desk, "evening")
    assert found.reconciled[0].id == held
    assert [line.what for line in found.reconciled] == ["held", "succeeded", "succeeded", "succeeded"]


def test_the_week_counts_for_each_agent_what_was_done_and_what_was_wrong() -> None:
    desk = known_desk()
    desk.decided(desk.propose("ana@x.test"), edits={"body": "Hi."})
    desk.pass_time(HOLD)
    desk.decided(desk.propose("ana@x.test"), decision="reject", reason="no")
    (agent,) = [one for one in told(desk, "week").agents if one.id == "x"]
    assert (agent.done, agent.approved, agent.edited, agent.rejected, agent.wrong) == (3, 3, 1, 1, 2)


def test_a_payment_counts_for_the_agents_of_the_run_that_made_its_invoice() -> None:
    desk = known_desk()
    run = desk.action("a1").run
    desk.do(PutFact(fact_kind="invoice", key="1041", value={"number": "1041"}, source=f"run:{run}"))
    desk.put("payment", "p1", invoice="invoice/1041", amount=250, currency="EUR", direction="in")
    (agent,) = [one for one in told(desk, "week").agents if one.id == "x"]
    assert agent.earned == {"EUR": "250"}
