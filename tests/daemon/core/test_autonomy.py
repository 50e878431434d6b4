"""Progressive autonomy: the record is counted, a step up is proposed and decided, a step down happens at once."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.alerts import open_alert
from quarterdeck_daemon.core.autonomy import PROMOTIONS, anomaly_in
from quarterdeck_daemon.core.commands import SetAutonomy
from quarterdeck_daemon.core.entities import Autonomy, Reached, Record, Tally
from quarterdeck_daemon.core.track import confidence_of, reached_id
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL

from .core_bench import rebuilt
from .trust_bench import ASK, ID, Trust


def approvals(trust: Trust, count: int) -> None:
    for _ in range(count):
        trust.send(trust.approve())


# --- the record -----------------------------------------------------------------------------------


def test_every_end_is_counted_and_the_record_is_a_fold_of_the_log() -> None:
    trust = Trust()
    trust.send(trust.approve())
    trust.send(trust.approve(edits={"body": "better"}))
    trust.reject()
    trust.fail(trust.approve())
    trust.undo(trust.approve())
    trust.undo(trust.send(trust.approve()))
    expected = Tally(unchanged=4, edited=1, rejected=1, failed=1, undone=2)
    assert (trust.record.tally, trust.record.recent) == (expected, "uerufuxux")
    assert rebuilt(trust.store).get(Record, ID) == trust.record


def test_what_was_allowed_and_done_counts_as_done_and_what_its_run_cancelled_as_nothing() -> None:
    trust = Trust(ASK.replace('"ask"', '"allow"'))
    trust.send(trust.propose())
    assert trust.record.tally == Tally(done=1, streak=1)


def test_where_something_went_is_kept_as_a_hash_that_nobody_can_list() -> None:
    trust = Trust()
    assert trust.propose().seen["new"] == ["boss@x.test"]
    trust.send(trust.approve())
    reached = trust.store.get(Reached, reached_id("mail.send", "BOSS@x.test"))
    assert reached is not None
    assert (reached.count, "boss" in reached.id) == (1, False)
    assert "new" not in trust.propose().seen


def test_confidence_is_counted_never_claimed() -> None:
    trust = Trust()
    action = trust.propose()
    assert (action.confidence, action.basis) == (None, "not enough data (0 of 10 decisions)")
    assert confidence_of(Record(id=ID, recent="u" * 9)) == (None, "not enough data (9 of 10 decisions)")
    assert confidence_of(Record(id=ID, recent="u" * 10)) == (1.0, "10 of the last 10 stood as proposed")
    assert confidence_of(Record(id=ID, recent="u" * 8 + "er")) == (0.8, "8 of the last 10 stood as proposed")
    assert confidence_of(Record(id=ID, recent="u" * 10 + "fx"))[0] == 0.8
    assert confidence_of(Record(id=ID, recent="r" * 10 + "xx"))[0] == 0.0


def test_a_condition_on_confidence_asks_until_there_is_enough_data() -> None:
    trust = Trust('[[rule]]\nid = "good"\nmatch = "*"\nverdict = "allow"\nwhen = "confidence >= 0.9"\nhold = "8s"\n')
    approvals(trust, 10)
    assert trust.propose().status == "held"
    assert [event.kind for event in trust.store.events()].count("approval.given") == 10


# --- levels ---------------------------------------------------------------------------------------

SAID = [
    ("", "ask", "ask", "held"),
    ("observe", "ask", "deny", "denied"),
    ("observe", "allow", "deny", "denied"),
    ("suggest", "allow", "ask", "proposed"),
    ("act_with_approval", "allow", "ask", "proposed"),
    ("act_and_report", "ask", "allow", "held"),
    ("autonomous", "ask", "allow", "held"),
    ("autonomous", "deny", "deny", "denied"),
]


@pytest.mark.parametrize(("level", "rule", "word", "status"), SAID[1:])
def test_a_level_holds_back_or_widens_what_a_rule_says(level: str, rule: str, word: str, status: str) -> None:
    trust = Trust(ASK.replace('"ask"', f'"{rule}"'))
    trust.level(level)
    action = trust.propose()
    assert (action.verdict.verdict, action.status, action.verdict.level) == (word, status, level)
    assert action.verdict.report is (level == "act_and_report")


def test_no_level_widens_what_text_from_outside_shaped_or_a_firm_rule_asks() -> None:
    trust = Trust()
    trust.level("autonomous")
    assert trust.propose(labels=EXTERNAL).status == "proposed"
    trust.load(ASK + "firm = true\n")
    assert trust.propose().status == "proposed"


def test_a_permission_counts_at_act_with_approval_but_not_for_who_may_only_suggest() -> None:
    trust = Trust()
    trust.give()
    trust.level("act_with_approval")
    assert trust.propose().status == "held"
    trust.level("suggest")
    assert trust.propose().status == "proposed"


@pytest.mark.parametrize("action", ["practice.pay", "practice.refund"])
@pytest.mark.parametrize("level", ["act_and_report", "autonomous"])
def test_money_and_what_is_past_mending_never_widen(action: str, level: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        Trust().level(level, action)
    assert refused.value.code == "policy_denied"


@pytest.mark.parametrize("actor", ["agent:composer", "editor", "kernel"])
def test_only_the_operator_decides(actor: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        Trust().do(SetAutonomy(agent="composer", action="mail.send", level="autonomous"), actor=actor)
    assert refused.value.code == "forbidden"


# --- up -------------------------------------------------------------------------------------------


def test_twenty_approvals_in_a_row_are_proposed_and_nothing_changes_before_the_operator_says_so() -> None:
    trust = Trust()
    approvals(trust, 19)
    assert trust.autonomy.proposed == ""
    approvals(trust, 1)
    assert (trust.autonomy.proposed, trust.autonomy.level) == ("act_and_report", "")
    alert = open_alert(trust.store, f"autonomy.proposed/{ID}")
    assert alert is not None
    assert alert.text == (
        "composer could act and report on mail.send: 20 approvals in a row without an edit, an undo or a failure."
    )
    assert trust.propose().status == "proposed"
    trust.level("act_and_report")
    assert (trust.propose().status, trust.autonomy.proposed, trust.record.tally.streak) == ("held", "", 0)
    assert open_alert(trust.store, f"autonomy.proposed/{ID}") is None
    assert rebuilt(trust.store).get(Autonomy, ID) == trust.autonomy


@pytest.mark.parametrize("spoil", ["edit", "reject", "undo", "fail"])
def test_one_slip_among_them_starts_the_count_anew(spoil: str) -> None:
    trust = Trust()
    approvals(trust, 15)
    action = trust.propose()
    if spoil == "edit":
        trust.send(trust.approve(action, edits={"body": "better"}))
    elif spoil == "reject":
        trust.reject(action)
    elif spoil == "undo":
        trust.undo(trust.approve(action))
    else:
        trust.fail(trust.approve(action))
    approvals(trust, 19)
    before = trust.autonomy
    approvals(trust, 1)
    assert (before.proposed, trust.autonomy.proposed) == ("", "act_and_report")


def test_a_declined_proposal_comes_again_only_after_as_many_more() -> None:
    trust = Trust()
    approvals(trust, 20)
    trust.do(SetAutonomy(agent="composer", action="mail.send", decline=True))
    approvals(trust, 19)
    before = trust.autonomy
    approvals(trust, 1)
    assert (before.proposed, trust.autonomy.proposed) == ("", "act_and_report")


def test_declining_what_nobody_proposed_is_a_conflict() -> None:
    with pytest.raises(QuarterdeckError) as refused:
        Trust().do(SetAutonomy(agent="composer", action="mail.send", decline=True))
    assert refused.value.code == "conflict"


def test_whoever_is_only_watched_is_proposed_after_twenty() -> None:
    trust = Trust()
    trust.level("observe")
    for _ in range(PROMOTIONS["observe"][1]):
        trust.propose()
    assert (trust.autonomy.proposed, trust.record.tally.observed) == ("suggest", 20)


# --- down -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["act_and_report", "autonomous"])
@pytest.mark.parametrize("anomaly", ["undo", "fail"])
def test_an_undo_or_a_failure_takes_the_level_back_at_once(level: str, anomaly: str) -> None:
    trust = Trust()
    trust.level(level)
    action = trust.propose()
    if anomaly == "undo":
        trust.undo(action)
    else:
        trust.fail(action)
    assert trust.autonomy.level == "act_with_approval"
    alert = open_alert(trust.store, f"autonomy.demoted/{ID}")
    assert alert is not None
    assert alert.level == "warning"
    assert trust.propose().status == "proposed"


def test_what_was_allowed_before_a_demotion_and_is_still_held_does_not_leave() -> None:
    trust = Trust()
    trust.level("autonomous")
    first, second = trust.propose(), trust.propose()
    trust.undo(first)
    trust.pass_time(60_000_000)
    assert trust.action(second.id).status == "withdrawn"


def test_without_a_level_a_slip_changes_no_rule_of_the_operator() -> None:
    trust = Trust(ASK.replace('"ask"', '"allow"'))
    trust.undo(trust.propose())
    assert (trust.autonomy.level, trust.propose().status) == ("", "held")


def test_what_counts_as_an_anomaly() -> None:
    assert anomaly_in("uuuu") == ""
    assert anomaly_in("urr") == ""
    assert "rejected" in anomaly_in("urrr")
    assert "failed" in anomaly_in("uf")
    assert "undone" in anomaly_in("ux")
    assert "unlike before" in anomaly_in("u" * 25 + "eueueueuee")
    assert anomaly_in("ue" * 15 + "eueueueuee") == "", "it was never any better"
