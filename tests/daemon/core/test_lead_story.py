"""One lead from mail to sent reply, through the pure core alone."""

from __future__ import annotations

from typing import cast

import pytest

from quarterdeck_daemon.core.commands import (
    Choice,
    DecideApprovals,
    DocumentAnswered,
    EffectAnswered,
    EffectStarted,
    EngageStop,
    ReleaseStop,
    StepAnswered,
    Undo,
)
from quarterdeck_daemon.core.entities import Action, DeadLetter, Plain, Run
from quarterdeck_daemon.core.orders import (
    EffectAbsent,
    EffectDone,
    Failed,
    Failure,
    Outcome,
    Parsed,
    ParsedChunk,
    ProposedAction,
    StepDone,
)
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import Bench, rebuilt

ADDRESS = "ines@northwind.test"
TEXT = "We look for a designer."


def parsed() -> Parsed:
    return Parsed(
        title="Onboarding",
        text=TEXT,
        meta={"auto": "", "from_address": ADDRESS},
        chunks=(ParsedChunk(text=TEXT, span=(0, len(TEXT))),),
    )


def answer_step(bench: Bench, output: Plain, actions: tuple[ProposedAction, ...] = ()) -> Plain:
    return answer_with(bench, StepDone(output=output, actions=actions))


def answer_with(bench: Bench, outcome: Outcome) -> Plain:
    (need,) = bench.needs("step")
    return bench.do(
        StepAnswered(run=need.entity, step=need.step, attempt=need.attempt, outcome=outcome), actor="worker"
    )


def mail_to(address: str) -> ProposedAction:
    args: Plain = {
        "to": [address],
        "cc": [],
        "subject": "Re: Onboarding",
        "body": "Dear Ines, …",
        "in_reply_to": "<1@northwind.test>",
        "references": ["<1@northwind.test>"],
    }
    return ProposedAction(
        connector="mail",
        verb="send",
        args=args,
        targets=(address,),
        summary="Reply to Ines",
        why="she asked",
        confidence=0.9,
    )


def bench_with_proposal(name: str = "one.eml", bench: Bench | None = None) -> tuple[Bench, Action]:
    bench = bench or Bench()
    document = bench.receive_mail(name)
    bench.do(DocumentAnswered(document=document, outcome=parsed()), actor="worker")
    answer_step(bench, {"lead": True, "person": "Ines"})
    answer_step(bench, {"text": "Dear Ines, …"})
    answer_step(bench, {}, (mail_to(ADDRESS),))
    action = list(bench.store.live(Action))[-1]
    return bench, action


def approve(bench: Bench, action: Action, **edits: object) -> Plain:
    command = DecideApprovals(
        items=(Choice(id=action.id, shown_hash=action.shown_hash),), decision="approve", edits=edits
    )
    items = bench.do(command)["items"]
    assert isinstance(items, list)
    return dict(items[0])


def test_an_approved_reply_waits_its_hold_then_is_intended_once_and_ends_the_run() -> None:
    bench, action = bench_with_proposal()
    assert (action.status, action.verdict.rule, action.verdict.risk) == (
        "proposed",
        "R2",
        "low",
    ) or action.verdict.verdict == "ask"
    assert approve(bench, action)["ok"] is True
    assert bench.needs("effect") == []
    bench.pass_time(8_000_000)
    (need,) = bench.needs("effect")
    assert need.entity == action.id
    bench.do(EffectStarted(action=action.id), actor="effector")
    bench.do(EffectAnswered(action=action.id, outcome=EffectDone(result={"message_id": "<x@y>"})), actor="effector")
    run = bench.store.get(Run, action.run)
    assert run is not None
    assert run.status == "succeeded"
    assert bench.needs("effect") == []
    assert bench.kinds().count("effect.intended") == 1


def test_a_mail_that_is_no_lead_ends_its_run_as_no_op() -> None:
    bench = Bench()
    bench.do(DocumentAnswered(document=bench.receive_mail(), outcome=parsed()))
    answer_step(bench, {"lead": False})
    (run,) = bench.store.scan(Run)
    assert run.status == "no_op"
    assert {id: step.status for id, step in run.steps.items()} == {
        "extract": "succeeded",
        "draft": "skipped",
        "send": "skipped",
    }


def test_the_same_mail_offered_twice_is_taken_in_once() -> None:
    bench = Bench()
    assert bench.receive_mail() == bench.receive_mail()
    assert bench.kinds().count("document.received") == 1


def test_undo_inside_the_hold_means_never_sent() -> None:
    bench, action = bench_with_proposal()
    approve(bench, action)
    bench.pass_time(7_000_000)
    (item,) = cast(list[Plain], bench.do(Undo(scope=f"action:{action.id}"))["items"])
    assert (item["state"], item["says"]) == ("withdrawn", "it never left")
    bench.pass_time(60_000_000)
    assert bench.needs("effect") == []
    assert "effect.intended" not in bench.kinds()


def test_undo_after_sending_proposes_a_correction_in_the_same_thread() -> None:
    bench, action = bench_with_proposal()
    approve(bench, action)
    bench.pass_time(8_000_000)
    bench.do(EffectAnswered(action=action.id, outcome=EffectDone(result={"message_id": "<x@y>"})))
    bench.do(Undo(scope=f"action:{action.id}"))
    correction = next(one for one in bench.store.live(Action) if one.compensates == action.id)
    assert (correction.status, correction.args["in_reply_to"]) == ("proposed", "<x@y>")
    assert correction.targets == (ADDRESS,)
    approve(bench, correction)
    bench.pass_time(8_000_000)
    bench.do(EffectAnswered(action=correction.id, outcome=EffectDone(result={})))
    first = bench.store.get(Action, action.id)
    assert first is not None
    assert (first.status, first.compensated_by) == ("compensated", correction.id)


def test_a_stale_hash_is_a_conflict_and_changes_nothing() -> None:
    bench, action = bench_with_proposal()
    before = bench.store.head
    command = DecideApprovals(items=(Choice(id=action.id, shown_hash="0" * 64),), decision="approve")
    items = bench.do(command)["items"]
    assert isinstance(items, list)
    assert items[0]["error"]["code"] == "conflict"
    assert bench.store.head == before


def test_an_edit_binds_the_approval_to_the_edited_text() -> None:
    bench, action = bench_with_proposal()
    approve(bench, action, body="Better words.")
    edited = bench.store.get(Action, action.id)
    assert edited is not None
    assert (edited.args["body"], edited.proposed_args["body"]) == ("Better words.", "Dear Ines, …")
    assert edited.approval is not None
    assert edited.approval.edited
    bench.pass_time(8_000_000)
    assert len(bench.needs("effect")) == 1


def test_a_crashing_agent_is_tried_again_and_then_becomes_a_dead_letter() -> None:
    bench = Bench()
    bench.do(DocumentAnswered(document=bench.receive_mail(), outcome=parsed()))
    answer_step(bench, {"lead": True, "person": "Ines"})
    crash = Failed(failure=Failure(failure="crash", code="unavailable", message="signal 11"))
    for _ in range(2):
        answer_with(bench, crash)
        assert bench.needs("step") == []
        bench.pass_time(10_000_000)
    answer_with(bench, crash)
    (letter,) = bench.store.live(DeadLetter)
    (run,) = bench.store.scan(Run)
    assert (letter.step, letter.attempts, run.status) == ("draft", 3, "exhausted")


def test_nothing_outward_is_needed_while_stopped_and_old_intents_are_reconciled_after() -> None:
    bench, action = bench_with_proposal()
    approve(bench, action)
    bench.pass_time(8_000_000)
    assert len(bench.needs("effect")) == 1
    bench.do(EngageStop(epoch=1, reason="enough"))
    assert bench.needs("effect") == []
    bench.do(ReleaseStop(epoch=2, reason="fine"))
    assert bench.needs("effect") == []
    assert [need.entity for need in bench.needs("reconcile")] == [action.id]
    bench.do(EffectAnswered(action=action.id, outcome=EffectAbsent()))
    bench.pass_time(0)
    assert [need.entity for need in bench.needs("effect")] == [action.id]


def test_releasing_what_is_not_stopped_is_a_conflict() -> None:
    with pytest.raises(QuarterdeckError, match="nothing is stopped"):
        Bench().do(ReleaseStop(epoch=0, reason="again"))


def test_approving_while_stopped_is_refused_with_its_code() -> None:
    bench, action = bench_with_proposal()
    bench.do(EngageStop(epoch=1, reason="enough"))
    error = approve(bench, action)["error"]
    assert isinstance(error, dict)
    assert error["code"] == "stopped"


def test_a_request_repeated_gets_its_first_answer_and_no_second_effect() -> None:
    bench, action = bench_with_proposal()
    command = Undo(scope=f"action:{action.id}")
    first = bench.do(command, request_id="q1")
    head = bench.store.head
    assert bench.do(command, request_id="q1") == first
    assert bench.store.head == head
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(Undo(scope="action:a999"), request_id="q1")
    assert refused.value.code == "id_conflict"


def test_the_state_folded_from_the_log_alone_equals_the_state_that_was_kept() -> None:
    bench, action = bench_with_proposal()
    approve(bench, action, body="Other words.")
    bench.pass_time(8_000_000)
    bench.do(EffectAnswered(action=action.id, outcome=EffectDone(result={})), request_id="r")
    folded = rebuilt(bench.store)
    for (kind, id), entity in folded.puts.items():
        kept = bench.store.get(type(entity), id)
        assert kept == entity, f"{kind}/{id}"
