"""Models are held against what the operator decided: which questions count, what agrees, and what a trial may do."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from quarterdeck_daemon.core.commands import Choice, DecideApprovals, StepAnswered, TryModel
from quarterdeck_daemon.core.entities import Action, ModelCall, Plain, Plan
from quarterdeck_daemon.core.judging import Case, Mark, agreement, cases_of, marked, told
from quarterdeck_daemon.core.orders import ModelReply, ModelRequest, ProposedAction, StepDone
from quarterdeck_daemon.core.subjects import subject_of
from quarterdeck_daemon.service.forget_plan import Wanted, make_plan
from quarterdeck_daemon.service.model_calls import recorded_reply, recorded_request
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import OPERATOR

from .core_bench import rebuilt
from .model_bench import BIG, SECRET, SMALL, ModelBench, asks, reply

LETTER = "Dear Ana, thank you for your mail. We can begin in January, and send you a quote this week."
BETTER = "Dear Ana, thank you for your mail. We can begin in February, and send you a quote this week."
OTHER = "Nothing of the kind is known to us, so please leave us alone from now on."


def drafted(bench: ModelBench, run: str, *, said: str = LETTER, purpose: str = "draft", **asked: object) -> Action:
    """A run whose model says this, which is then proposed as a mail."""
    bench.start(run)
    bench.tell(asks(f"answer {run}", purpose=purpose, **asked), run)
    call = bench.calls()[-1]
    if call.live:
        choices = {"yes": 0.9, "no": 0.1} if "choices" in asked else {}
        bench.answer(call.id, ModelReply(model="small-1f0c", text=said, scores=choices, ms=1.0))
    args: Plain = {"to": ["ana@x.test"], "subject": "Re: a quote", "body": said}
    action = ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="", why="")
    step = bench.step(run)
    done = StepDone(output={}, actions=(action,))
    bench.do(StepAnswered(run=run, step="a", attempt=step.attempts, outcome=done, replies=1), actor="worker")
    return max(bench.store.scan(Action), key=lambda one: one.seq)


def decide(bench: ModelBench, action: Action, decision: str = "approve", **edits: object) -> None:
    items = (Choice(id=action.id, shown_hash=action.shown_hash, confirm=None),)
    bench.do(
        DecideApprovals(items=items, decision=decision, edits=edits, reason="no" if decision == "reject" else "")
    )


def cases(bench: ModelBench, most: int = 50, plans: Iterable[Plan] = ()) -> list[Case]:
    calls = [call for call in bench.calls() if not call.only]
    return cases_of(calls, bench.store.scan(Action), plans, lambda call: recorded_reply(bench.store, call), most)


def try_out(bench: ModelBench, call: str, model: str) -> ModelCall:
    first = bench.call(call)
    request = recorded_request(bench.store, first)
    assert request is not None
    return bench.call(str(bench.do(TryModel(call=call, request=request, model=model))["call"]))


# --- which questions count ------------------------------------------------------------------------


def test_what_was_approved_is_the_right_answer_as_it_was_edited_and_what_was_rejected_is_a_wrong_one() -> None:
    bench = ModelBench(SMALL)
    decide(bench, drafted(bench, "q"))
    decide(bench, drafted(bench, "r"), body=BETTER)
    decide(bench, drafted(bench, "s"), "reject")
    drafted(bench, "t")  # Nobody has decided it.
    found = {case.call: (case.stood, case.wanted) for case in cases(bench)}
    assert found == {"c3": ("rejected", LETTER), "c2": ("edited", BETTER), "c1": ("unchanged", LETTER)}


def test_an_edit_of_another_argument_leaves_the_text_as_it_stood() -> None:
    bench = ModelBench(SMALL)
    decide(bench, drafted(bench, "q"), subject="Your quote for the redesign")
    assert [(case.stood, case.wanted) for case in cases(bench)] == [("unchanged", LETTER)]


def test_what_was_done_with_something_else_than_the_answer_says_nothing_of_it() -> None:
    bench = ModelBench(SMALL)
    action = drafted(bench, "q")
    decide(bench, action)
    call = bench.call("c1")
    foreign = ModelReply(model="small-1f0c", text=OTHER)
    assert cases_of([call], bench.store.scan(Action), (), lambda one: foreign, 50) == []


def test_a_choice_stood_when_all_that_came_of_it_was_approved_as_it_was() -> None:
    bench = ModelBench(SMALL)
    decide(bench, drafted(bench, "q", purpose="classify", choices=("yes", "no")))
    decide(bench, drafted(bench, "r", purpose="classify", choices=("yes", "no")), body=BETTER)
    assert [(case.call, case.kind, case.wanted) for case in cases(bench)] == [("c1", "choice", "yes")]


@pytest.mark.parametrize(
    ("plan", "stood"),
    [
        ({"status": "approved", "playbook": "yes", "why": {"name": "yes"}}, ("yes", "unchanged")),
        ({"status": "approved", "playbook": "no", "edited": True, "why": {"name": "yes"}}, ("no", "edited")),
        ({"status": "approved", "playbook": "made", "why": {"name": "no"}}, ("no", "unchanged")),
        ({"status": "rejected", "playbook": "yes"}, ("yes", "rejected")),
        ({"status": "approved", "playbook": "made", "edited": True, "why": {"name": "no"}}, None),
        ({"status": "ready", "playbook": "yes"}, None),
    ],
)
def test_the_plan_that_was_approved_says_which_choice_was_right(
    plan: dict[str, object], stood: tuple[str, str] | None
) -> None:
    bench = ModelBench(SMALL)
    drafted(bench, "q", purpose="route", choices=("yes", "no"))
    made = msgspec.convert({"id": "plan1", "seq": 1, "intent": "i", "at_us": 1, "working": "q", **plan}, Plan)
    found = [(case.wanted, case.stood) for case in cases(bench, plans=[made])]
    assert found == ([stood] if stood else [])


def test_one_question_counts_once_and_the_latest_first() -> None:
    bench = ModelBench(SMALL)
    for run in ("q", "r", "s"):
        bench.start(run)
    for run in ("q", "r", "s"):
        decide(bench, _again(bench, run))
    assert [case.call for case in cases(bench)] == ["c3"]
    decide(bench, drafted(bench, "t"))
    assert [case.call for case in cases(bench, most=1)] == ["c4"]


def _again(bench: ModelBench, run: str) -> Action:
    """The same question as in the runs before."""
    bench.tell(asks("the same"), run)
    if bench.calls()[-1].live:
        bench.answer(bench.calls()[-1].id, reply(LETTER))
    args: Plain = {"to": ["ana@x.test"], "subject": "Re: a quote", "body": LETTER}
    action = ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="", why="")
    bench.tell(StepDone(output={}, actions=(action,)), run)
    return max(bench.store.scan(Action), key=lambda one: one.seq)


# --- what agrees ----------------------------------------------------------------------------------


def case(**more: object) -> Case:
    plain = {"call": "c1", "purpose": "draft", "kind": "text", "wanted": LETTER, "stood": "unchanged"}
    return msgspec.convert({**plain, "labels": msgspec.to_builtins(OPERATOR), "model": "small-1", **more}, Case)


def test_agreement_is_what_two_texts_have_in_common_in_order() -> None:
    assert agreement([LETTER], LETTER) == 1.0
    assert 0.9 < agreement([BETTER], LETTER) < 1.0
    assert agreement([OTHER, LETTER], LETTER) == 1.0, "the nearest counts"
    assert agreement([OTHER], LETTER) < 0.4
    assert agreement([], LETTER) == agreement([""], LETTER) == 0.0
    assert agreement([" ".join(reversed(LETTER.split()))], LETTER) < 0.4, "the order counts"


def test_no_answer_agrees_with_nothing_and_an_own_answer_is_told_apart() -> None:
    mark = marked(Mark(), case(), ModelReply(model="small-1", text=LETTER))
    mark = marked(mark, case(), ModelReply(model="big-1", text=LETTER))
    mark = marked(mark, case(), None)
    assert (mark.n, mark.agreed, mark.own, mark.failed) == (3, 2.0, 1, 1)


def test_what_was_rejected_counts_only_when_it_comes_again() -> None:
    mark = marked(Mark(), case(stood="rejected"), ModelReply(text=LETTER))
    mark = marked(mark, case(stood="rejected"), ModelReply(text=OTHER))
    assert (mark.n, mark.rejected, mark.repeated) == (0, 2, 1)


def test_nothing_is_said_below_ten_decisions_and_an_interval_from_there() -> None:
    few = told(Mark(n=9, agreed=9.0))
    assert (few["agreement"], few["says"]) == (None, "not enough data (9 of 10 decisions)")
    many = told(Mark(n=10, agreed=8.5))
    assert many["agreement"] == 0.85
    assert many["says"] == "85 % of 10 (54 % to 96 %)"


def test_an_answer_under_a_schema_is_compared_by_its_texts() -> None:
    value = {"actions": [{"do": "mail.send", "args": {"to": ["a@x.test"], "body": LETTER}}]}
    assert marked(Mark(), case(), ModelReply(value=value, text="{…}")).agreed == 1.0


# --- trials ---------------------------------------------------------------------------------------


def test_a_trial_asks_that_model_alone_on_its_own_account_and_nothing_waits_for_it() -> None:
    bench = ModelBench(SMALL, BIG, routes={"draft": "small"})
    drafted(bench, "q")
    call = try_out(bench, "c1", "big")
    assert (call.status, call.model, call.purpose, call.run, call.only) == ("asked", "big", "trial", "", "big")
    bench.answer(call.id, reply(BETTER, model="big-1"))
    assert bench.call(call.id).status == "answered"
    assert len(list(bench.store.scan(Action))) == 1
    days = {key: one for key, one in rebuilt(bench.store).puts.items() if key[0] == "model_call"}
    assert days == {("model_call", one.id): one for one in bench.calls()}, "the log alone leads there"


def test_what_it_has_answered_already_costs_nothing_again() -> None:
    bench = ModelBench(SMALL)
    drafted(bench, "q")
    call = try_out(bench, "c1", "small")
    assert (call.status, call.reused) == ("answered", "c1")


def test_what_is_secret_is_tried_on_no_model_elsewhere() -> None:
    bench = ModelBench(SMALL, BIG)
    drafted(bench, "q", labels=SECRET)
    call = try_out(bench, "c1", "big")
    assert call.status == "refused"
    assert "secret" in call.why
    assert try_out(bench, "c1", "small").status == "answered"


def test_a_trial_is_no_way_to_ask_something_else_under_the_labels_of_another_question() -> None:
    """Nor is a label of the request taken: those that the first question had count."""
    bench = ModelBench(SMALL, BIG)
    drafted(bench, "q", labels=SECRET)
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(TryModel(call="c1", request=ModelRequest(purpose="draft", prompt="else"), model="big"))
    assert refused.value.code == "bad_value"
    request = recorded_request(bench.store, bench.call("c1"))
    assert request is not None
    open_label = msgspec.structs.replace(request, labels=OPERATOR)
    made = bench.do(TryModel(call="c1", request=open_label, model="big"))
    assert made["status"] == "refused"


async def test_a_trial_is_forgotten_with_whom_its_question_is_about() -> None:
    bench = ModelBench(SMALL, BIG)
    drafted(bench, "q", said="Dear Ines Moreau, thank you for your mail.")
    bench.answer(try_out(bench, "c1", "big").id, reply("Hello", model="big-1"))
    plan = await make_plan(bench.store, Wanted(identifiers=("Ines Moreau",)))
    assert {"run:q", "model_call:c2"} <= set(plan.removal.entities)
    told_of = [event for event in bench.store.events() if event.body.get("call") == "c2"]
    assert {subject_of(event) for event in told_of} == {"model_call:c2"}
