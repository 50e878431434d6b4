"""Actions: what is asked for, what is decided about it, and what can no longer be changed."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.actions import EFFECT_TRIES_MAX
from quarterdeck_daemon.core.commands import (
    AssetFile,
    Choice,
    Configure,
    DecideApprovals,
    EffectAnswered,
    EffectStarted,
    EngageStop,
    LoadAssets,
    ReleaseStop,
    SettleAction,
    StartRun,
    StepAnswered,
    Undo,
)
from quarterdeck_daemon.core.entities import Action, Plain, Run
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import (
    EffectAbsent,
    EffectDone,
    Failed,
    Failure,
    FailureClass,
    ProposedAction,
    StepDone,
)
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .core_bench import Bench

SECOND = 1_000_000
DAY = 86_400 * SECOND
PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: x}\n"


def rule(verdict: str, hold: str = "8s") -> str:
    return f'[[rule]]\nid = "mine"\nmatch = "mail.send"\nverdict = "{verdict}"\nhold = "{hold}"\n'


def mail(**changed: object) -> ProposedAction:
    args: Plain = {"to": ["a@example.test"], "subject": "s", "body": "b", **changed}
    return ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="m", why="w")


def bench_with(*proposed: ProposedAction, policy: str = "", labels: Labels = OPERATOR) -> Bench:
    bench = Bench(playbook=PLAYBOOK, policy=policy or rule("ask"))
    bench.do(StartRun(playbook="lead", run_id="q", labels=labels))
    bench.do(StepAnswered(run="q", step="a", attempt=1, outcome=StepDone(output={}, actions=proposed or (mail(),))))
    return bench


def action_of(bench: Bench, id: str = "a1") -> Action:
    action = bench.store.get(Action, id)
    assert action is not None
    return action


def decide(
    bench: Bench, decision: str = "approve", id: str = "a1", edits: Plain | None = None, until_us: int | None = None
) -> Plain:
    choice = Choice(id=id, shown_hash=action_of(bench, id).shown_hash)
    command = DecideApprovals(items=(choice,), decision=decision, edits=edits or {}, until_us=until_us)
    items = bench.do(command)["items"]
    assert isinstance(items, list)
    return dict(items[0])


def code(item: Plain) -> object:
    error = item["error"]
    assert isinstance(error, dict)
    return error["code"]


def set_policy(bench: Bench, policy: str) -> None:
    files = (
        AssetFile(asset_kind="playbook", name="lead", path="p", text=PLAYBOOK, hash=text_hash(PLAYBOOK)),
        AssetFile(asset_kind="policy", name="mail", path="policies/mail.toml", text=policy, hash=text_hash(policy)),
    )
    bench.do(LoadAssets(files=files))


def failure(name: FailureClass) -> Failed:
    return Failed(failure=Failure(failure=name, code="c", message="m"))


def sent(bench: Bench, id: str = "a1") -> None:
    decide(bench, id=id)
    bench.pass_time(8 * SECOND)
    bench.do(EffectAnswered(action=id, outcome=EffectDone(result={"message_id": "<1@x>"})))


# --- proposing ------------------------------------------------------------------------------------


def test_an_action_that_no_connector_offers_is_denied_and_its_step_ends() -> None:
    """The whole answer of the agent is kept; nothing of it is lost because one verb is unknown."""
    pay = ProposedAction(connector="bank", verb="pay", args={"iban": "x"}, targets=("x",), summary="", why="")
    bench = bench_with(pay)
    action = action_of(bench)
    run = bench.store.get(Run, "q")
    assert run is not None
    assert (action.status, action.verdict.rule, action.verdict.hold_us, run.status) == ("denied", "R0", 0, "no_op")


def test_a_secret_is_denied_whatever_the_rules_say() -> None:
    bench = bench_with(policy=rule("allow"), labels=Labels(sensitivity="secret"))
    assert (action_of(bench).status, action_of(bench).verdict.rule) == ("denied", "R1")


def test_what_the_policy_allows_waits_its_hold_and_goes_without_asking() -> None:
    bench = bench_with(policy=rule("allow", "3s"))
    assert action_of(bench).status == "held"
    bench.pass_time(3 * SECOND - 1)
    assert bench.needs("effect") == []
    bench.pass_time(1)
    assert [need.entity for need in bench.needs("effect")] == ["a1"]


def test_a_step_with_several_actions_ends_when_the_last_of_them_has_ended() -> None:
    bench = bench_with(mail(), mail(subject="t"))
    decide(bench, "reject", "a1")
    run = bench.store.get(Run, "q")
    assert run is not None
    assert run.steps["a"].status == "waiting"
    sent(bench, "a2")
    run = bench.store.get(Run, "q")
    assert run is not None
    ends = run.steps["a"].output["actions"]
    assert isinstance(ends, list)
    assert (run.status, [end["status"] for end in ends]) == ("succeeded", ["rejected", "succeeded"])


# --- deciding -------------------------------------------------------------------------------------


def test_each_item_of_a_decision_stands_for_itself() -> None:
    bench = bench_with(mail(), mail(subject="t"), mail(subject="u"))
    choices = (
        Choice(id="a1", shown_hash=action_of(bench, "a1").shown_hash),
        Choice(id="a2", shown_hash="0" * 64),
        Choice(id="a1", shown_hash=action_of(bench, "a1").shown_hash),
        Choice(id="a99", shown_hash=""),
        Choice(id="a3", shown_hash=action_of(bench, "a3").shown_hash),
    )
    items = bench.do(DecideApprovals(items=choices, decision="approve"))["items"]
    assert isinstance(items, list)
    told = [item["status"] if item["ok"] else item["error"]["code"] for item in items]
    assert told == ["held", "conflict", "conflict", "not_found", "held"]


@pytest.mark.parametrize("edits", [{"unknown": "x"}, {"to": "a@example.test"}, {"body": None}, {"subject": 7}])
def test_an_edit_that_changes_the_shape_of_an_action_is_refused(edits: Plain) -> None:
    bench = bench_with()
    assert code(decide(bench, edits=edits)) == "schema"
    assert action_of(bench).status == "proposed"


def test_the_hash_of_the_text_before_an_edit_is_stale_for_everyone_else() -> None:
    bench = bench_with()
    old = Choice(id="a1", shown_hash=action_of(bench).shown_hash)
    decide(bench, edits={"body": "c"})
    for decision in ("approve", "reject"):
        items = bench.do(DecideApprovals(items=(old,), decision=decision))["items"]
        assert isinstance(items, list)
        assert code(items[0]) == "conflict"
    assert (action_of(bench).status, action_of(bench).args["body"]) == ("held", "c")


def test_silence_is_not_done() -> None:
    bench = bench_with()
    bench.pass_time(7 * DAY)
    assert action_of(bench).status == "expired"
    assert code(decide(bench)) == "conflict"


def test_an_approval_after_its_time_is_refused_even_before_the_clock_has_told() -> None:
    """The timer does not run while a machine sleeps, so the decision looks at the time itself."""
    bench = bench_with()
    bench.now_us += 7 * DAY
    for decision in ("approve", "reject"):
        assert code(decide(bench, decision)) == "conflict"
    assert action_of(bench).status == "proposed"


def test_a_snooze_is_a_time_that_is_still_to_come_and_outlives_no_expiry() -> None:
    bench = bench_with()
    assert code(decide(bench, "snooze")) == "bad_value"
    assert code(decide(bench, "snooze", until_us=bench.now_us)) == "bad_value"
    assert code(decide(bench, "snooze", until_us=bench.now_us + 30 * DAY)) == "out_of_range"
    assert decide(bench, "snooze", until_us=bench.now_us + 2 * DAY)["status"] == "proposed"
    bench.pass_time(7 * DAY)
    assert action_of(bench).status == "expired"


# --- rules that changed meanwhile -----------------------------------------------------------------


def test_what_the_policy_denies_by_now_cannot_be_approved() -> None:
    bench = bench_with()
    set_policy(bench, rule("deny"))
    assert code(decide(bench)) == "policy_denied"
    assert decide(bench, "reject")["status"] == "rejected"


def test_an_edit_is_judged_as_what_it_becomes() -> None:
    not_them = '[[rule]]\nid = "no"\nmatch = "mail.*"\nverdict = "deny"\nwhen = "\'x@example.test\' in targets"\n'
    bench = bench_with(policy=not_them + rule("ask"))
    assert code(decide(bench, edits={"to": ["x@example.test"]})) == "policy_denied"
    assert decide(bench, edits={"to": ["y@example.test"]})["status"] == "held"


@pytest.mark.parametrize("verdict", ["ask", "deny"])
def test_what_was_allowed_under_older_rules_does_not_leave_under_stricter_ones(verdict: str) -> None:
    """Stop, tighten the rules, go on: what waited under the old rules must not go out."""
    bench = bench_with(policy=rule("allow"))
    bench.do(EngageStop(epoch=1, reason="enough"))
    bench.pass_time(DAY)
    set_policy(bench, rule(verdict))
    bench.do(ReleaseStop(epoch=2, reason="better rules"))
    bench.pass_time(0)
    assert (action_of(bench).status, bench.needs("effect")) == ("withdrawn", [])


def test_an_approved_action_still_goes_when_the_rules_only_ask() -> None:
    bench = bench_with(policy=rule("ask"))
    decide(bench)
    set_policy(bench, "")
    bench.pass_time(8 * SECOND)
    assert action_of(bench).status == "intent"


def test_an_approved_action_does_not_go_when_the_rules_deny_it_before_it_leaves() -> None:
    bench = bench_with(policy=rule("ask"))
    decide(bench)
    set_policy(bench, rule("deny"))
    bench.pass_time(8 * SECOND)
    assert action_of(bench).status == "withdrawn"


# --- going out ------------------------------------------------------------------------------------


def test_every_outcome_has_its_state() -> None:
    states: dict[str, tuple[str, int]] = {}
    classes: tuple[FailureClass, ...] = (
        "permanent",
        "contract",
        "transient",
        "stopped",
        "uncertain",
        "crash",
        "timeout",
    )
    for name in classes:
        bench = bench_with(policy=rule("allow"))
        bench.pass_time(8 * SECOND)
        bench.do(EffectStarted(action="a1"))
        bench.do(EffectAnswered(action="a1", outcome=failure(name)))
        action = action_of(bench)
        states[name] = (action.status, (action.release_us or bench.now_us) - bench.now_us)
    assert states == {
        "permanent": ("failed", 0),
        "contract": ("failed", 0),
        "transient": ("held", 4 * SECOND),
        "stopped": ("held", 2 * SECOND),
        "uncertain": ("unknown", 0),
        "crash": ("unknown", 0),
        "timeout": ("unknown", 0),
    }


def test_a_transient_failure_is_tried_again_a_limited_number_of_times_under_one_operation() -> None:
    bench = bench_with(policy=rule("allow"))
    operations: set[str] = set()
    tries = 0
    bench.pass_time(8 * SECOND)
    while bench.needs("effect"):
        tries += 1
        operations.add(action_of(bench).operation_id)
        bench.do(EffectAnswered(action="a1", outcome=failure("transient")))
        bench.pass_time(DAY)
    assert (tries, len(operations), action_of(bench).status) == (EFFECT_TRIES_MAX, 1, "failed")


def test_an_unknown_outcome_is_never_tried_again_by_itself_and_the_operator_settles_it() -> None:
    for happened, status in ((True, "succeeded"), (False, "failed")):
        bench = bench_with(policy=rule("allow"))
        bench.pass_time(8 * SECOND)
        bench.do(EffectAnswered(action="a1", outcome=failure("uncertain")))
        bench.pass_time(30 * DAY)
        assert (bench.needs("effect"), bench.needs("wake")) == ([], [])
        bench.do(SettleAction(id="a1", happened=happened, reason="I looked"))
        assert action_of(bench).status == status
        with pytest.raises(QuarterdeckError, match="only an unknown outcome"):
            bench.do(SettleAction(id="a1", happened=happened))


def test_an_answer_after_the_end_changes_nothing() -> None:
    bench = bench_with()
    sent(bench)
    head = bench.store.head
    for outcome in (failure("uncertain"), failure("permanent"), EffectAbsent(), EffectDone(result={})):
        assert bench.do(EffectAnswered(action="a1", outcome=outcome)) == {"ignored": True}
    assert bench.store.head == head


# --- undo -----------------------------------------------------------------------------------------


def test_undo_before_it_left_is_final() -> None:
    for approved in (False, True):
        bench = bench_with()
        if approved:
            decide(bench)
        bench.do(Undo(scope="action:a1"))
        bench.pass_time(30 * DAY)
        assert (action_of(bench).status, bench.needs("effect")) == ("withdrawn", [])


def test_a_second_undo_while_the_correction_waits_is_a_conflict() -> None:
    """Two corrections of one mail would be one mail too many."""
    bench = bench_with()
    sent(bench)
    bench.do(Undo(scope="action:a1"))
    with pytest.raises(QuarterdeckError, match="u1 is taking it back already") as refused:
        bench.do(Undo(scope="action:a1"))
    assert refused.value.code == "conflict"
    decide(bench, "reject", "a2")
    bench.do(Undo(scope="action:a1"))
    sent(bench, "a3")
    assert (action_of(bench).status, action_of(bench).compensated_by) == ("compensated", "a3")


def test_a_correction_carries_the_labels_of_what_it_corrects_and_so_waits_for_the_operator() -> None:
    """Its subject and recipients came from outside; that the operator asked for it does not wash them."""
    bench = bench_with(policy=rule("allow"), labels=EXTERNAL)
    assert action_of(bench).status == "proposed"
    sent(bench)
    bench.do(Undo(scope="action:a1"))
    correction = action_of(bench, "a2")
    assert (correction.labels.integrity, correction.status) == ("external", "proposed")


def test_a_failed_correction_is_said_plainly() -> None:
    bench = bench_with()
    sent(bench)
    bench.do(Undo(scope="action:a1"))
    decide(bench, id="a2")
    bench.pass_time(8 * SECOND)
    bench.do(EffectAnswered(action="a2", outcome=failure("permanent")))
    assert action_of(bench).status == "compensation_failed"


def test_settings_that_changed_count_from_now_on() -> None:
    bench = bench_with()
    bench.do(Configure(name="n", operator="o", timezone="UTC", hold_us=1, expires_us=5 * SECOND, step_deadline_ms=7))
    bench.do(StartRun(playbook="lead", run_id="q2"))
    (need,) = bench.needs("step")
    started = bench.store.get(Run, "q2")
    assert started is not None
    event = bench.store.event(started.steps["a"].input_seq)
    assert event is not None
    assert event.body["deadline_ms"] == 7
    bench.do(StepAnswered(run="q2", step="a", attempt=need.attempt, outcome=StepDone(output={}, actions=(mail(),))))
    second = action_of(bench, "a2")
    assert (second.expires_us or 0) - bench.now_us == 5 * SECOND
