"""Groups, typed yes, lessons, rules and the digest on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conftest import approval

if TYPE_CHECKING:
    from quarterdeck_protocol.frames import Plain

    from .conftest import House, Shell

GROUP = "mail.send-3f2a9c"


def member(id: str, *, outlier: str = "") -> Plain:
    found: Plain = {"group": GROUP, "group_items": ["a1", "a2", "a3"], "ticked": not outlier, "outlier": outlier}
    return approval(id) | found


def with_group(house: House) -> None:
    items = [member("a1"), member("a2"), member("a3", outlier="new recipient: max@x.test")]
    house.answers["approval.list"] = {"items": items, "next": None}


def decided(house: House) -> list[object]:
    return [one.params["items"] for one in house.asked if one.method == "approval.decide"]


def ids(items: object) -> list[str]:
    assert isinstance(items, list)
    return [one["id"] for one in items]


def test_a_group_is_a_sheet_with_ticks_and_why_one_is_off(with_approvals: House, shell: Shell) -> None:
    with_group(with_approvals)
    out = shell("approvals", "--groups").out
    assert f"group {GROUP}: 3 x mail.send by composer, low risk" in out
    assert [row.split("]")[0] for row in out.splitlines() if row.startswith("  [")] == ["  [x", "  [x", "  [ "]
    assert "! new recipient: max@x.test" in out
    assert "2 of 3 ticked" in out


def test_approve_takes_what_is_ticked_and_leaves_out_what_is_named(with_approvals: House, shell: Shell) -> None:
    with_group(with_approvals)
    ran = shell("approve", GROUP, "--except", "a2", "--yes")
    assert ran.status == 0
    assert [ids(one) for one in decided(with_approvals)] == [["a1"]]


def test_a_group_asks_before_it_is_approved(with_approvals: House, shell: Shell) -> None:
    with_group(with_approvals)
    assert shell("approve", GROUP, "--no-input").status == 2
    assert shell("approve", GROUP, stdin="n\n").status == 0
    assert decided(with_approvals) == []


def test_a_group_that_changed_is_a_conflict_and_approves_nothing(with_approvals: House, shell: Shell) -> None:
    with_group(with_approvals)
    ran = shell("approve", "mail.send-000000", "--yes")
    assert (ran.status, decided(with_approvals)) == (8, [])
    assert f"Now there is: {GROUP}." in ran.err


def test_a_review_takes_ticks_by_number_and_then_the_rest_one_by_one(with_approvals: House, shell: Shell) -> None:
    with_group(with_approvals)
    ran = shell("review", stdin="1 3\na\nn\n")
    assert ran.status == 0, ran.err
    assert [ids(one) for one in decided(with_approvals)] == [["a2", "a3"]]
    assert "2 decided, 1 left waiting." in ran.out
    assert "\x1b" not in ran.out + ran.err


def test_a_high_risk_is_typed(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["approval.list"] = {"items": [approval("a9") | {"confirm": "312.50"}], "next": None}
    assert shell("approve", "a9", "--no-input").status == 5
    assert decided(with_approvals) == []
    assert shell("approve", "a9", stdin="312.50\n").status == 0
    assert shell("approve", "a9", "--confirm", "312.50").status == 0
    choice = {"id": "a9", "shown_hash": "hash-a9", "confirm": "312.50"}
    assert decided(with_approvals) == [[choice], [choice]]


def test_a_reason_becomes_a_lesson(with_approvals: House, shell: Shell) -> None:
    shell("reject", "a17", "--reason", "no discounts", "--lesson", "--lesson-to", "ana@x.test")
    shell("review", stdin="r\nlesson: no discounts\nq\n")
    asked = [one.params.get("lesson") for one in with_approvals.asked if one.method == "approval.decide"]
    assert asked == [{"text": "no discounts", "to": "ana@x.test"}, {"text": "no discounts"}]
    assert shell("reject", "a17", "--reason", "r", "--lesson-all").status == 2


def test_snooze_takes_what_happens_as_well(with_approvals: House, shell: Shell) -> None:
    assert shell("snooze", "a17", "--until", "reply").status == 0
    (asked,) = [one.params for one in with_approvals.asked if one.method == "approval.decide"]
    assert asked["until_event"] == "reply"


def test_always_shows_the_rule_against_the_past_and_writes_it_after_a_yes(
    with_approvals: House, shell: Shell
) -> None:
    preview: Plain = {
        "id": "a17", "form": "rule", "text": '[[rule]]\nid = "delegated-1"\n', "refused": [], "compared": 9, "matched": 2,
        "against": 1, "plan_hash": "p1", "items": [{"id": "a3", "decided": "rejected", "summary": "Ask Bo"}],
    }  # fmt: skip
    with_approvals.answers["approval.delegate"] = lambda params: (
        preview | ({"written": "policies/delegated.toml"} if params.get("plan_hash") == "p1" else {})
    )
    assert shell("approve", "a17", "--always", stdin="n\n").status == 0
    assert decided(with_approvals) == []
    ran = shell("approve", "a17", "--always", "--yes")
    assert ran.status == 0, ran.err
    assert '  | id = "delegated-1"' in ran.out
    assert (
        "Of 9 earlier ones of this agent and kind it would have let 2 go unasked; 1 of these you rejected" in ran.out
    )
    assert [ids(one) for one in decided(with_approvals)] == [["a17"]]


def test_what_cannot_be_delegated_says_why_and_approves_nothing(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["approval.delegate"] = {"id": "a17", "form": "rule", "refused": ["it spends money"]}
    ran = shell("approve", "a17", "--always", "--yes")
    assert (ran.status, decided(with_approvals)) == (4, [])
    assert "it spends money" in ran.out


def test_a_digest_names_the_waiting_first_and_the_attention_last(with_approvals: House, shell: Shell) -> None:
    line: Plain = {"id": "a1", "what": "waits", "text": "Pay Hostcom", "at": None, "risk": "high"}
    attention: Plain = {
        "decisions": 3, "minutes": 1.5, "measured": 2, "estimated": 1, "estimate_s": 20, "decisions_target": 15,
        "minutes_target": 10,
    }  # fmt: skip
    with_approvals.answers["digest.get"] = {
        "span": "day", "since": "2026-11-20T00:00:00Z", "waiting": [line], "waiting_counts": {"high": 1},
        "attention": attention,
    }  # fmt: skip
    rows = shell("digest").out.splitlines()
    assert rows[1] == "waits: 1 high; happened: nothing; cost: 0"
    assert rows[4].split() == ["a1", "high", "waits", "Pay", "Hostcom"]
    assert rows[-1] == (
        "Your attention: 3 decisions, 1.5 min, 1 of them estimated at 20 s each; the aim is at most 15 and 10 min."
    )
    assert shell("digest", "--evening", "--week").status == 2
