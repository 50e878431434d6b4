"""Taking back: one action, a whole run in reverse order, an agent, a stretch of time, and the undo of the undo."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import (
    EffectAnswered,
    SettleAction,
    Undo,
)
from quarterdeck_daemon.core.entities import Action, Plain, Run, Undoing
from quarterdeck_daemon.core.orders import EffectDone, Failed, Failure
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import rebuilt
from .undo_bench import (
    ASK_REFUNDS,
    BOOK,
    PAY,
    PLAYBOOK,
    POST,
    RESULTS,
    SECOND,
    WRITE,
    approve,
    carry_out,
    get,
    house,
    rows,
    send,
    states,
    undoing,
    wanted,
)


def test_a_run_is_rolled_back_newest_first_each_by_its_compensation() -> None:
    bench = house(PAY, BOOK, WRITE)
    carry_out(bench)
    assert get(bench, "a3").left_seq < get(bench, "a1").left_seq < get(bench, "a2").left_seq, "no hold inside"
    reply = bench.do(Undo(scope="run:q", reason="wrong client"))
    assert [row["action"] for row in rows(reply)] == ["a2", "a1", "a3"]
    assert carry_out(bench) == ["practice.cancel", "practice.refund", "files.restore"]
    assert (undoing(bench).status, states(bench)) == (
        "compensated",
        {"a1": "compensated", "a2": "compensated", "a3": "compensated"},
    )
    assert get(bench, "a4").args == {"room": "big", "booking": "b-1"}
    assert rebuilt(bench.store).get(Undoing, "u1") == undoing(bench)


def test_a_compensation_waits_for_the_one_before_it_even_when_it_is_allowed_at_once() -> None:
    """The refund of the newer payment waits for a yes; so the older booking stays until that is decided."""
    bench = house(BOOK, PAY, policy=ASK_REFUNDS)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    assert carry_out(bench, but="practice.refund") == []
    assert (get(bench, "a3").status, get(bench, "a4").status) == ("proposed", "held")
    approve(bench, "a3")
    assert carry_out(bench) == ["practice.refund", "practice.cancel"]


def test_a_refused_compensation_is_told_and_does_not_keep_the_rest_standing() -> None:
    bench = house(BOOK, PAY, policy=ASK_REFUNDS)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    approve(bench, "a3", "reject")
    assert carry_out(bench) == ["practice.cancel"]
    assert states(bench) == {"a2": "compensation_failed", "a1": "compensated"}
    assert (undoing(bench).status, get(bench, "a2").status) == ("compensation_failed", "succeeded")


def test_a_compensation_that_fails_has_a_state_of_its_own_and_can_be_tried_again() -> None:
    bench = house(BOOK)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    carry_out(bench, fail=("practice.cancel",))
    assert (get(bench, "a1").status, undoing(bench).status) == ("compensation_failed", "compensation_failed")
    assert "says no" in undoing(bench).items[0].note
    bench.do(Undo(scope="run:q"))
    assert carry_out(bench) == ["practice.cancel"]
    assert (get(bench, "a1").status, undoing(bench, "u2").status) == ("compensated", "compensated")


def test_a_dry_run_says_what_can_be_taken_back_and_changes_nothing() -> None:
    bench = house(PAY, POST)
    carry_out(bench)
    head = bench.store.head.seq
    plan = bench.do(Undo(scope="run:q", dry_run=True))
    assert [(row["action"], row["way"]) for row in rows(plan)] == [("a2", "correct"), ("a1", "compensate")]
    assert "cannot be taken down" in str(rows(plan)[0]["says"])
    assert (bench.store.head.seq, plan["id"]) == (head, "")


def test_what_cannot_be_taken_down_is_corrected_and_said_to_stay() -> None:
    bench = house(POST)
    carry_out(bench)
    bench.do(Undo(scope="action:a1"))
    assert carry_out(bench) == ["practice.post"]
    assert "We are open on Sunday" in str(get(bench, "a2").args["text"])
    assert states(bench) == {"a1": "corrected"}
    assert "stays in the world" in undoing(bench).items[0].note


def test_what_has_not_left_is_withdrawn() -> None:
    bench = house(PAY)
    bench.do(Undo(scope="run:q"))
    assert (states(bench), get(bench, "a1").status, undoing(bench).status) == (
        {"a1": "withdrawn"},
        "withdrawn",
        "compensated",
    )


def test_what_is_on_the_wire_is_waited_for_and_then_taken_back_if_it_happened() -> None:
    bench = house(BOOK, PAY)
    send(bench)
    bench.do(Undo(scope="run:q"))
    assert states(bench) == {"a1": "waiting", "a2": "waiting"}
    bench.do(EffectAnswered(action="a1", outcome=EffectDone(result=RESULTS["practice.book"])))
    failed = Failed(failure=Failure(failure="permanent", code="refused", message="no"))
    bench.do(EffectAnswered(action="a2", outcome=failed))
    assert states(bench) == {"a1": "compensating", "a2": "not_needed"}
    carry_out(bench)
    assert undoing(bench).status == "compensated"


def test_what_is_older_waits_for_the_outcome_of_what_is_newer() -> None:
    """The booking is done, the payment is on the wire: its refund comes before the cancellation, however late."""
    bench = house(BOOK, PAY)
    send(bench)
    bench.do(EffectAnswered(action="a1", outcome=EffectDone(result=RESULTS["practice.book"])))
    bench.do(Undo(scope="run:q"))
    assert states(bench) == {"a1": "compensating", "a2": "waiting"}
    for action in list(bench.store.live(Action)):
        if action.compensates:
            approve(bench, action.id)
    bench.pass_time(60 * SECOND)
    assert get(bench, "a3").status == "held"
    bench.do(EffectAnswered(action="a2", outcome=EffectDone(result={})))
    assert carry_out(bench) == ["practice.refund", "practice.cancel"]


def test_an_unknown_outcome_is_settled_first_and_then_taken_back() -> None:
    bench = house(POST)
    send(bench)
    lost = Failed(failure=Failure(failure="uncertain", code="cut", message="no answer"))
    bench.do(EffectAnswered(action="a1", outcome=lost))
    bench.do(Undo(scope="action:a1"))
    assert states(bench) == {"a1": "waiting"}
    bench.do(SettleAction(id="a1", happened=True))
    assert states(bench) == {"a1": "compensating"}


def test_an_undo_is_undone_and_that_again() -> None:
    """What was booked, cancelled and booked anew stands; rolling the run back cancels the booking that stands now."""
    bench = house(BOOK)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    carry_out(bench)
    bench.do(Undo(scope="undoing:u1"))
    assert carry_out(bench) == ["practice.book"]
    assert (get(bench, "a1").status, get(bench, "a2").status, get(bench, "a3").status) == (
        "compensated",
        "compensated",
        "succeeded",
    )
    plan = bench.do(Undo(scope="run:q", dry_run=True))
    assert [row["action"] for row in rows(plan)] == ["a3"]


def test_after_a_rollback_there_is_nothing_left_to_roll_back() -> None:
    bench = house(BOOK)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    carry_out(bench)
    with pytest.raises(QuarterdeckError, match="it left nothing behind"):
        bench.do(Undo(scope="run:q"))


def test_what_is_being_taken_back_is_not_taken_back_twice() -> None:
    bench = house(BOOK)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    with pytest.raises(QuarterdeckError, match="u1 is taking it back already"):
        bench.do(Undo(scope="action:a1"))


def test_an_agent_and_a_stretch_of_time_are_scopes() -> None:
    bench = house(BOOK, PAY)
    carry_out(bench)
    later = bench.now_us
    assert len(rows(bench.do(Undo(scope="agent:x", dry_run=True)))) == 2
    assert rows(bench.do(Undo(scope="agent:other", dry_run=True))) == []
    assert rows(bench.do(Undo(scope="everything", since_us=later + 1, dry_run=True))) == []
    assert len(rows(bench.do(Undo(scope="everything", since_us=1, until_us=later, dry_run=True)))) == 2
    with pytest.raises(QuarterdeckError, match="since"):
        bench.do(Undo(scope="everything"))


@pytest.mark.parametrize("scope", ["", "a17", "run:", "run:nobody", "action:a99", "planet:mars", "everything:else"])
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    bench = house(BOOK)
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(Undo(scope=scope, since_us=1))
    assert refused.value.code in ("bad_value", "not_found")


def test_a_plan_that_has_changed_since_it_was_seen_is_a_conflict() -> None:
    bench = house(BOOK, PAY)
    seen = str(bench.do(Undo(scope="run:q", dry_run=True))["plan_hash"])
    carry_out(bench)
    with pytest.raises(QuarterdeckError, match="no longer the one"):
        bench.do(Undo(scope="run:q", plan_hash=seen))


def test_rolling_back_a_run_that_lives_ends_it_first() -> None:
    bench = house(BOOK)
    bench.do(Undo(scope="run:q", reason="wrong client"))
    run = bench.store.get(Run, "q")
    assert run is not None
    assert (run.status, states(bench)) == ("cancelled", {"a1": "withdrawn"})


def test_the_compensation_of_the_step_comes_before_that_of_the_verb_and_the_actions_own_before_both() -> None:
    step = PLAYBOOK.replace(
        "agent: x",
        "agent: x, compensate: {connector: practice, verb: post, args: {channel: '${run.id}', text: 'sorry'}}",
    )
    bench = house(PAY, playbook=step)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    assert get(bench, "a2").args == {"channel": "q", "text": "sorry"}
    own: Plain = {
        "verb": "refund",
        "args": {"to": "${args.to}", "amount": 1, "currency": "EUR", "payment": "${result.ok}"},
    }
    bench = house(wanted("practice.pay", PAY.args, compensation=own), playbook=step)
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    assert get(bench, "a2").args == {"to": "printer", "amount": 1, "currency": "EUR", "payment": True}


def test_undo_of_one_action_proposes_its_compensation() -> None:
    bench = house(WRITE)
    carry_out(bench)
    reply = bench.do(Undo(scope="action:a1"))
    assert (reply["id"], rows(reply)[0]["by"], rows(reply)[0]["state"]) == ("u1", "a2", "compensating")
    assert get(bench, "a2").args == {"path": "notes/a.md", "content": "old", "expected": "new"}
