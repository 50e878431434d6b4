"""Models are asked through the kernel: on record before they are sent, on record before they are used."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import (
    AskModelNow,
    CancelCall,
    ConfigureModels,
    ModelAnswered,
    SteerRun,
    SteerStep,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import Amounts, Breaker, Cap, Limit, Meter, ModelCall, Reservation
from quarterdeck_daemon.core.orders import ModelRequest, StepAsks, StepDone
from quarterdeck_daemon.service.model_calls import order_for, replies_for
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, Labels

from .core_bench import rebuilt
from .model_bench import BIG, SECRET, SMALL, ModelBench, asks, failed, reply

DONE = StepDone(output={})


def test_a_question_is_on_record_and_routed_before_it_is_sent_and_its_answer_before_it_is_used() -> None:
    bench = ModelBench(SMALL)
    bench.start()
    bench.tell(asks("Is it?"))
    assert bench.step().status == "asking"
    assert [need.key for need in bench.orders()] == ["ask/c1/1"]
    bench.answer("c1")
    assert bench.step().status == "started"
    kinds = [kind for kind in bench.kinds() if kind.startswith(("step.", "model."))]
    assert kinds == ["step.started", "step.asking", "model.asked", "model.routed", "model.answered", "step.replied"]


def test_the_step_is_run_again_at_the_same_attempt_with_the_replies() -> None:
    bench = ModelBench(SMALL)
    bench.start()
    before = bench.needs("step")[0].key
    bench.tell(asks("one", "two"))
    for id, text in (("c2", "second"), ("c1", "first")):
        bench.answer(id, reply(text))
    again = bench.needs("step")[0]
    assert (again.key, again.attempt) == (f"{before}/2", 1)
    replies, asked = replies_for(bench.store, bench.step())
    assert [one.text for one in replies] == ["first", "second"]
    assert list(asked) == [call.request_hash for call in bench.calls()]


def test_after_a_crash_what_was_asked_is_asked_again_and_what_was_answered_is_not() -> None:
    bench = ModelBench(SMALL)
    bench.start()
    bench.tell(asks("one", "two"))
    bench.answer("c1")
    draft = rebuilt(bench.store)
    assert [need.entity for need in bench.orders()] == ["c2"]
    assert draft.get(ModelCall, "c1") == bench.call("c1")
    assert bench.do(ModelAnswered(call="c1", attempt=1, outcome=reply("other"))) == {"ignored": True}


def test_an_answer_of_an_earlier_turn_is_not_taken() -> None:
    """A step that is run twice by mistake cannot end the turn that already knows more."""
    bench = ModelBench(SMALL)
    bench.start()
    bench.tell(asks("one"))
    bench.answer("c1")
    late = StepAnswered(run="q", step="a", attempt=1, outcome=DONE, replies=0)
    assert bench.do(late) == {"ignored": True}


def test_without_a_model_a_question_is_refused_and_the_step_goes_on_at_once() -> None:
    bench = ModelBench()
    bench.start()
    bench.tell(asks("Is it?"))
    assert (bench.call("c1").status, bench.step().status) == ("refused", "started")
    assert replies_for(bench.store, bench.step())[0][0].refused == "no model is set up"


# --- limits of asking -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        asks(),
        asks(*map(str, range(17))),
        asks("x" * 140_000),
        asks("x", purpose="Not A Purpose"),
        asks("x", tokens_max=0),
        asks("x", temperature=3.0),
    ],
    ids=["nothing", "too many", "too large", "no purpose", "no tokens", "too hot"],
)
def test_a_question_beyond_the_stated_limits_breaks_the_contract(wrong: StepAsks) -> None:
    bench = ModelBench(SMALL)
    bench.start()
    bench.tell(wrong)
    assert (bench.step().status, bench.step().error["code"]) == ("failed", "breach")
    assert bench.calls() == []


def test_the_questions_of_one_try_are_counted_together() -> None:
    bench = ModelBench(SMALL)
    bench.start()
    for n in range(16):
        bench.tell(asks(f"question {n}"))
        bench.answer(f"c{n + 1}")
    bench.tell(asks("one more"))
    assert bench.step().error["code"] == "breach"


# --- budgets --------------------------------------------------------------------------------------


def cap(**most: int) -> Cap:
    return Cap(per="day", most=Amounts(**most))


def span(bench: ModelBench, scope: str) -> tuple[Amounts, Amounts]:
    meter = bench.store.get(Meter, scope)
    assert meter is not None
    return meter.spans["day"].used, meter.spans["day"].reserved


def test_what_a_call_may_use_is_reserved_in_all_its_limits_before_it_is_sent_and_settled_after() -> None:
    scopes = ("model:big", "purpose:draft", "agent:x", "run", "workspace")
    limits = tuple(Limit(of=scope, caps=(cap(tokens=100_000, money=10_000),)) for scope in scopes)
    bench = ModelBench(BIG, routes={"draft": "big"}, limits=limits)
    bench.start()
    bench.tell(asks("word " * 100, tokens_max=1_000))
    held = bench.store.get(Reservation, "c1")
    assert held is not None
    assert set(held.scopes) == {"model:big", "purpose:draft", "agent:x", "run:q", "workspace"}
    assert held.amounts.money == 1  # 1,100 tokens at 2.00 and 8.00 a million, rounded up.
    reserved = span(bench, "workspace")[1]
    assert reserved.tokens == held.amounts.tokens >= 1_100
    bench.answer("c1", reply(model="big-1", tokens_in=110, tokens_out=40))
    for scope in ("model:big", "workspace"):
        assert span(bench, scope)[0].tokens == 150


def test_a_call_within_a_step_takes_no_second_place_and_no_second_time() -> None:
    """An agent that may do one thing at once can still ask: its question is a part of that one thing."""
    limits = (Limit(of="agent:*", at_once=1, caps=(cap(ms=60_000),)), Limit(of="workspace", at_once=1))
    bench = ModelBench(SMALL, limits=limits)
    bench.start()
    bench.tell(asks("one"))
    assert bench.call("c1").status == "asked"
    bench.answer("c1")
    bench.tell(DONE)
    meter = bench.store.get(Meter, "agent:x")
    assert meter is not None
    assert (meter.in_use, meter.spans["day"].reserved) == (0, Amounts())


def test_a_model_that_does_one_at_once_answers_in_order() -> None:
    bench = ModelBench(SMALL, limits=(Limit(of="model:*", at_once=1),))
    for run in ("q", "r"):
        bench.start(run)
        bench.tell(asks(f"from {run}"), run)
    assert [call.status for call in bench.calls()] == ["asked", "queued"]
    bench.answer("c1")
    assert bench.call("c2").status == "asked"
    bench.answer("c2")
    assert bench.step("r").status == "started"


def test_a_question_waits_for_the_next_day_when_its_budget_is_used_up() -> None:
    bench = ModelBench(SMALL, limits=(Limit(of="purpose:draft", caps=(cap(calls=1),)),))
    bench.start()
    bench.tell(asks("one"))
    bench.answer("c1")
    bench.tell(asks("two"))
    assert bench.call("c2").status == "queued"
    bench.pass_time(86_400_000_000)
    assert bench.call("c2").status == "asked"


def test_who_waits_inside_a_step_goes_before_those_who_wait_for_that_step() -> None:
    """Otherwise it would stand behind a step that waits for the very place which its own step holds."""
    limits = (Limit(of="agent:x", at_once=1, caps=(cap(calls=2),)),)
    bench = ModelBench(SMALL, limits=limits)
    bench.start("q")
    bench.start("r")
    assert bench.step("r").status == "queued"
    bench.tell(asks("one"))
    bench.answer("c1")
    bench.tell(asks("two"))
    assert bench.call("c2").status == "queued"
    bench.pass_time(86_400_000_000)
    assert bench.call("c2").status == "asked"


def test_over_a_budget_that_stops_the_run_ends_as_exhausted() -> None:
    stop = Cap(per="day", most=Amounts(calls=1), over="stop")
    bench = ModelBench(SMALL, limits=(Limit(of="purpose:draft", caps=(stop,)),))
    bench.start()
    bench.tell(asks("one"))
    bench.answer("c1")
    bench.tell(asks("two"))
    assert (bench.run().status, bench.call("c2").status) == ("exhausted", "cancelled")


def test_a_question_larger_than_its_whole_budget_is_refused_and_the_agent_goes_on_without() -> None:
    bench = ModelBench(SMALL, limits=(Limit(of="model:small", caps=(cap(tokens=100),)),))
    bench.start()
    bench.tell(asks("one", tokens_max=1_000))
    assert (bench.call("c1").status, bench.step().status) == ("refused", "started")
    assert bench.call("c1").error["code"] == "budget_exceeded"


def test_a_cancelled_run_asks_nothing_any_more() -> None:
    bench = ModelBench(SMALL, limits=(Limit(of="model:*", at_once=1),))
    bench.start()
    bench.tell(asks("one", "two"))
    bench.do(SteerRun(id="q", verb="cancel"))
    assert [call.status for call in bench.calls()] == ["cancelled", "cancelled"]
    meter = bench.store.get(Meter, "model:small")
    assert meter is not None
    assert meter.in_use == 0
    bench.start("r")
    bench.tell(asks("three"), "r")
    assert bench.call("c3").status == "asked"


def test_a_step_that_is_skipped_lets_its_questions_go() -> None:
    bench = ModelBench(SMALL)
    bench.start()
    bench.tell(asks("one"))
    bench.do(SteerStep(id="q", step="a", verb="skip"))
    assert bench.call("c1").status == "cancelled"
    assert bench.orders() == []


def test_a_paused_run_sends_nothing_and_asks_when_it_goes_on() -> None:
    bench = ModelBench(SMALL, limits=(Limit(of="model:*", at_once=1),))
    bench.start("q")
    bench.start("r")
    bench.tell(asks("one"), "q")
    bench.tell(asks("two"), "r")
    bench.do(SteerRun(id="r", verb="pause"))
    bench.answer("c1")
    assert bench.call("c2").status == "queued"
    bench.do(SteerRun(id="r", verb="resume"))
    assert bench.call("c2").status == "asked"
    bench.do(SteerRun(id="r", verb="pause"))
    need = bench.orders()[0]
    assert order_for(bench.store, need) is None


# --- failures and breakers ------------------------------------------------------------------------


def test_when_a_model_fails_another_one_is_asked() -> None:
    other = SMALL.__class__(name="other", backend="scripted")
    bench = ModelBench(SMALL, other)
    bench.start()
    bench.tell(asks("one"))
    assert bench.call("c1").model == "other"
    bench.answer("c1", failed())
    assert (bench.call("c1").status, bench.call("c1").model) == ("asked", "small")
    bench.answer("c1")
    assert bench.step().status == "started"


def test_the_only_model_is_tried_once_more_and_then_the_agent_goes_on_without() -> None:
    bench = ModelBench(SMALL)
    bench.start()
    bench.tell(asks("one"))
    bench.answer("c1", failed())
    assert bench.call("c1").status == "asked"
    bench.answer("c1", failed())
    assert (bench.call("c1").status, bench.step().status) == ("failed", "started")
    assert replies_for(bench.store, bench.step())[0][0].refused == "it died"


def test_a_model_that_keeps_failing_is_given_no_work_and_the_next_is_asked_instead() -> None:
    bench = ModelBench(SMALL, BIG, routes={"draft": "small"})
    for n in range(3):
        bench.start(f"q{n}")
        bench.tell(asks(f"question {n}", value_minor=5_000), f"q{n}")
        while bench.call(f"c{n + 1}").live:
            bench.answer(f"c{n + 1}", failed("timeout", "deadline"))
    breaker = bench.store.get(Breaker, "model:small")
    assert breaker is not None
    bench.start("last")
    for n in range(3, 9):
        if breaker.state == "open":
            break
        bench.start(f"q{n}")
        bench.tell(asks(f"question {n}"), f"q{n}")
        while bench.call(f"c{n + 1}").live:
            bench.answer(f"c{n + 1}", failed("timeout", "deadline"))
        breaker = bench.store.get(Breaker, "model:small")
        assert breaker is not None
    assert breaker.state == "open"
    bench.tell(asks("at last", value_minor=5_000), "last")
    assert bench.calls()[-1].model == "big"
    assert "small keeps failing" in bench.calls()[-1].why


# --- known answers --------------------------------------------------------------------------------


def asked_in(bench: ModelBench, run: str, **more: object) -> ModelCall:
    bench.start(run)
    bench.tell(asks("the same", **more), run)  # type: ignore[arg-type]
    return bench.calls()[-1]


def test_the_same_question_to_the_same_model_is_never_computed_twice() -> None:
    bench = ModelBench(SMALL)
    asked_in(bench, "q")
    bench.answer("c1", reply("known"))
    again = asked_in(bench, "r")
    assert (again.status, again.reused) == ("answered", "c1")
    assert again.saved == {"tokens": 15, "ms": 12.0, "money": 0}
    found = replies_for(bench.store, bench.step("r"))[0][0]
    assert (found.text, found.cached) == ("known", True)
    assert bench.step("r").status == "started"


def test_who_asks_the_same_while_it_is_under_way_waits_for_that_answer() -> None:
    bench = ModelBench(SMALL)
    asked_in(bench, "q")
    second = asked_in(bench, "r")
    assert (second.status, second.behind, len(bench.orders())) == ("queued", "c1", 1)
    bench.answer("c1")
    assert bench.call("c2").reused == "c1"
    assert bench.step("r").status == "started"


def test_who_asks_the_same_while_it_waits_for_room_waits_for_that_answer_too() -> None:
    bench = ModelBench(SMALL, limits=(Limit(of="model:*", at_once=1),))
    bench.start("first")
    bench.tell(asks("another"), "first")
    asked_in(bench, "q")
    third = asked_in(bench, "r")
    assert (bench.call("c2").status, third.behind) == ("queued", "c2")
    bench.answer("c1")
    bench.answer("c2")
    assert bench.call("c3").reused == "c2"


def test_a_question_under_way_from_before_the_model_was_known_by_its_content_is_found_by_its_name() -> None:
    bench = ModelBench(SMALL)
    bench.start("first")
    bench.tell(asks("another"), "first")
    asked_in(bench, "q")
    bench.answer("c1")
    assert asked_in(bench, "r").behind == "c2"


def test_what_a_step_needs_says_how_many_replies_it_is_given() -> None:
    """So that a step that has asked meanwhile is not run with answers that are not there yet."""
    bench = ModelBench(SMALL)
    bench.start()
    assert bench.needs("step")[0].replies == 0
    bench.tell(asks("one", "two"))
    assert bench.needs("step") == []
    for id in ("c1", "c2"):
        bench.answer(id)
    assert bench.needs("step")[0].replies == 2


def test_who_waits_for_the_same_answer_asks_itself_when_the_first_is_cancelled() -> None:
    bench = ModelBench(SMALL)
    asked_in(bench, "q")
    asked_in(bench, "r")
    bench.do(SteerRun(id="q", verb="cancel"))
    assert bench.call("c2").status == "asked"


@pytest.mark.parametrize("more", [{"temperature": 0.7}], ids=["by chance"])
def test_an_answer_by_chance_is_no_known_answer(more: dict[str, object]) -> None:
    bench = ModelBench(SMALL)
    asked_in(bench, "q", **more)
    bench.answer("c1")
    assert asked_in(bench, "r", **more).status == "asked"


def test_an_answer_by_chance_with_a_seed_is_one() -> None:
    bench = ModelBench(SMALL)
    asked_in(bench, "q", temperature=0.7, seed=3)
    bench.answer("c1")
    assert asked_in(bench, "r", temperature=0.7, seed=3).reused == "c1"


def test_another_content_under_the_same_name_knows_nothing_of_it() -> None:
    bench = ModelBench(SMALL)
    asked_in(bench, "q")
    bench.answer("c1", reply(model="small-old"))
    bench.do(ConfigureModels(specs=(SMALL.__class__(name="small", backend="scripted", id="small-new"),)))
    assert asked_in(bench, "r").status == "asked"


def test_answers_grow_old_and_only_so_many_are_known() -> None:
    bench = ModelBench(SMALL, answers_max=2)
    asked_in(bench, "q")
    bench.answer("c1")
    for n in range(2):
        bench.start(f"x{n}")
        bench.tell(asks(f"other {n}"), f"x{n}")
        bench.answer(f"c{n + 2}")
    assert asked_in(bench, "r").status == "asked"
    bench.answer("c4")
    bench.pass_time(31 * 86_400_000_000)
    assert asked_in(bench, "s").status == "asked"


# --- labels ---------------------------------------------------------------------------------------


def test_what_is_secret_goes_to_a_near_model_or_to_none() -> None:
    bench = ModelBench(SMALL, BIG, routes={"draft": "big"})
    bench.start()
    bench.tell(asks("my keys", labels=SECRET, value_minor=9_999))
    assert bench.call("c1").model == "small"
    assert "big is not on this machine, and this is secret" in bench.call("c1").why
    alone = ModelBench(BIG)
    alone.start()
    alone.tell(asks("my keys", labels=SECRET, value_minor=9_999))
    assert alone.call("c1").status == "refused"
    assert "secret" in alone.call("c1").why


def test_what_an_agent_made_of_an_answer_is_no_better_than_what_the_model_was_shown() -> None:
    bench = ModelBench(SMALL)
    bench.start()
    bench.tell(asks("from outside", labels=EXTERNAL))
    bench.answer("c1")
    assert bench.step().labels.integrity == "external"
    clean = ModelBench(SMALL)
    clean.start()
    clean.tell(asks("mine"))
    clean.answer("c1")
    assert clean.step().labels.integrity == "agent"


def test_a_question_is_as_secret_as_its_step_whatever_it_says_of_itself() -> None:
    bench = ModelBench(BIG, routes={"draft": "big"})
    bench.start(labels=SECRET)
    bench.tell(asks("it says public", labels=Labels(sensitivity="public")))
    assert bench.call("c1").status == "refused"


# --- modes ----------------------------------------------------------------------------------------


def test_a_deterministic_run_makes_no_call_and_an_agent_that_tries_breaks_its_contract() -> None:
    bench = ModelBench(SMALL)
    bench.start(mode="deterministic")
    started = bench.events("step.started")[0].body
    assert (started["mode"], "purposes" in started) == ("deterministic", False)
    bench.tell(asks("please"))
    assert (bench.step().error["code"], bench.calls()) == ("breach", [])


def test_twin_in_a_creative_run_the_same_agent_is_answered() -> None:
    bench = ModelBench(SMALL)
    bench.start(mode="creative")
    assert "draft" in bench.events("step.started")[0].body["purposes"]  # type: ignore[operator]
    bench.tell(asks("please"))
    assert bench.call("c1").status == "asked"


def test_an_exploring_run_lets_models_read_but_not_draft() -> None:
    bench = ModelBench(SMALL)
    bench.start(mode="exploratory")
    bench.tell(StepAsks(requests=(*asks("a mail").requests, *asks("which?", purpose="classify").requests)))
    assert [call.status for call in bench.calls()] == ["refused", "asked"]
    assert bench.call("c1").error["code"] == "mode"


@pytest.mark.parametrize(
    ("workspace", "playbook", "start", "step", "wanted"),
    [
        ("deterministic", "", "", "", "deterministic"),
        ("deterministic", "creative", "", "", ""),
        ("creative", "exploratory", "", "", "exploratory"),
        ("creative", "exploratory", "deterministic", "", "deterministic"),
        ("creative", "", "", "deterministic", "deterministic"),
        ("exploratory", "", "", "creative", "exploratory"),
    ],
)
def test_the_start_goes_before_the_playbook_and_that_before_the_workspace_and_a_step_is_never_freer(
    workspace: str, playbook: str, start: str, step: str, wanted: str
) -> None:
    text = f"name: lead\nmode: '{playbook}'\nsteps:\n  - {{id: a, agent: x, mode: '{step}'}}\n"
    bench = ModelBench(SMALL, playbook=text, mode=workspace)  # type: ignore[arg-type]
    bench.start(mode=start)
    assert bench.step().mode == wanted


# --- by hand --------------------------------------------------------------------------------------


def test_the_operator_asks_outside_of_any_run_and_is_told_who_answers() -> None:
    bench = ModelBench(SMALL)
    told = bench.do(AskModelNow(request=ModelRequest(purpose="draft", prompt="Hello")))
    assert (told["call"], told["status"], told["model"]) == ("c1", "asked", "small")
    order = order_for(bench.store, bench.orders()[0])
    assert order is not None
    bench.answer("c1", reply("Hi"))
    assert bench.call("c1").status == "answered"


def test_a_call_that_nobody_waits_for_is_cancelled_and_gives_its_place_back() -> None:
    bench = ModelBench(SMALL, limits=(Limit(of="model:*", at_once=1),))
    for _ in range(2):
        bench.do(AskModelNow(request=ModelRequest(purpose="draft", prompt="Hello", temperature=1.0)))
    bench.do(CancelCall(call="c1"))
    assert [call.status for call in bench.calls()] == ["cancelled", "asked"]


def test_a_route_that_leads_nowhere_is_refused() -> None:
    bench = ModelBench(SMALL)
    with pytest.raises(QuarterdeckError, match="no route"):
        bench.do(ConfigureModels(specs=(SMALL,), routes={"draft": "large"}))


def test_an_idle_workspace_asks_nothing() -> None:
    """Days pass with models set up, a budget and a run that is over: no call is made."""
    bench = ModelBench(SMALL, BIG, limits=(Limit(of="workspace", caps=(cap(money=100),)),))
    bench.start()
    bench.tell(DONE)
    before = bench.store.head.seq
    for _ in range(40):
        bench.pass_time(86_400_000_000)
    assert bench.calls() == []
    assert [event.kind for event in bench.store.events(after=before)] == []
