"""Limits: reserved before anything is dispatched, waited for in order, never overrun."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core import limits, room
from quarterdeck_daemon.core.commands import (
    AssetFile,
    Choice,
    ConfigureLimits,
    DecideApprovals,
    EditStep,
    EffectAnswered,
    LoadAssets,
    RaiseBudget,
    StartRun,
    SteerRun,
    SteerStep,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import (
    Action,
    Alert,
    Amounts,
    Cap,
    Limit,
    Meter,
    Over,
    Per,
    Plain,
    Reservation,
    Run,
    Span,
)
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.limits import began, ends
from quarterdeck_daemon.core.lines import LAST_TURN, SECOND_TURNS, TURNS, next_of
from quarterdeck_daemon.core.orders import EffectDone, Failed, Failure, Outcome, ProposedAction, StepDone

from .core_bench import Bench, rebuilt

SECOND = 1_000_000
MINUTE = 60 * SECOND
ONE = "name: lead\nsteps:\n  - {id: a, agent: x, timeout: 10s}\n"


def limited(*rules: Limit, playbook: str = ONE) -> Bench:
    bench = Bench(playbook=playbook)
    bench.pass_time(-bench.now_us % limits.SPAN_US["day"])  # A span of time begins.
    bench.do(ConfigureLimits(rules=rules))
    return bench


def cap(per: Per, over: Over = "throttle", **most: int) -> Cap:
    return Cap(per=per, most=Amounts(**most), over=over)


def begin(bench: Bench, *ids: str) -> None:
    for id in ids:
        bench.do(StartRun(playbook="lead", run_id=id))


def run_of(bench: Bench, id: str) -> Run:
    run = bench.store.get(Run, id)
    assert run is not None
    return run


def statuses(bench: Bench, *ids: str) -> list[str]:
    return [run_of(bench, id).steps["a"].status for id in ids]


def answer(bench: Bench, run: str, outcome: Outcome | None = None, step: str = "a") -> None:
    attempt = run_of(bench, run).steps[step].attempts
    outcome = outcome or StepDone(output={})
    bench.do(StepAnswered(run=run, step=step, attempt=attempt, outcome=outcome), actor="worker")


def meter(bench: Bench, scope: str) -> Meter:
    found = bench.store.get(Meter, scope)
    assert found is not None
    return found


def budget_alerts(bench: Bench) -> list[tuple[str, str]]:
    return [(one.topic, one.runbook) for one in bench.store.live(Alert)]


# --- at once and rates ----------------------------------------------------------------------------


def test_no_more_than_so_many_at_once_and_each_end_calls_the_next_in_order() -> None:
    bench = limited(Limit(of="agent:*", at_once=2))
    begin(bench, "q1", "q2", "q3", "q4")
    assert statuses(bench, "q1", "q2", "q3", "q4") == ["started", "started", "queued", "queued"]
    answer(bench, "q2")
    assert statuses(bench, "q3", "q4") == ["started", "queued"]
    answer(bench, "q1", Failed(failure=Failure(failure="crash", code="unavailable", message="died")))
    assert statuses(bench, "q1", "q4") == ["backoff", "started"]


def test_twin_without_limits_all_begin_at_once_and_nothing_is_reserved() -> None:
    bench = limited()
    begin(bench, "q1", "q2", "q3")
    assert statuses(bench, "q1", "q2", "q3") == ["started"] * 3
    assert list(bench.store.scan(Reservation)) == []


def test_a_rate_holds_for_each_minute_of_the_clock_and_waits_for_the_next() -> None:
    bench = limited(Limit(of="agent:x", caps=(cap("minute", calls=2),)))
    begin(bench, "q1", "q2", "q3")
    for run in ("q1", "q2"):
        answer(bench, run)
    assert statuses(bench, "q3") == ["queued"]
    bench.pass_time(MINUTE - 1)
    assert statuses(bench, "q3") == ["queued"]
    bench.pass_time(1)
    assert statuses(bench, "q3") == ["started"]


def test_a_run_that_is_cancelled_gives_its_place_back() -> None:
    bench = limited(Limit(of="workspace", at_once=1))
    begin(bench, "q1", "q2", "q3")
    bench.do(SteerRun(id="q2", verb="cancel"))
    bench.do(SteerRun(id="q1", verb="cancel"))
    assert statuses(bench, "q3") == ["started"]
    assert meter(bench, "workspace").in_use == 1


def test_a_step_that_is_skipped_in_its_line_bars_nobody_behind_it() -> None:
    bench = limited(Limit(of="agent:x", at_once=1))
    begin(bench, "q1", "q2", "q3")
    bench.do(SteerStep(id="q2", step="a", verb="skip"))
    answer(bench, "q1")
    assert statuses(bench, "q2", "q3") == ["skipped", "started"]
    assert meter(bench, "agent:x").waiting == 0


def test_a_limit_that_is_lifted_lets_those_go_who_wait_for_it() -> None:
    bench = limited(Limit(of="agent:x", at_once=1))
    begin(bench, "q1", "q2", "q3")
    bench.do(ConfigureLimits())
    assert statuses(bench, "q1", "q2", "q3") == ["started"] * 3


def test_who_waits_and_what_is_reserved_follows_from_the_log_alone() -> None:
    bench = limited(Limit(of="agent:x", at_once=1, caps=(cap("day", tokens=9),)))
    begin(bench, "q1", "q2")
    again = rebuilt(bench.store)
    assert again.get(Meter, "agent:x") == meter(bench, "agent:x")
    assert [again.get(Run, id) for id in ("q1", "q2")] == [run_of(bench, id) for id in ("q1", "q2")]


def test_effects_wait_for_their_connector_too_and_are_called_one_after_the_other() -> None:
    bench = limited(Limit(of="connector:mail", at_once=1))
    args: Plain = {"to": ["a@example.test"], "subject": "s", "body": "b"}
    mail = ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="", why="")
    for run in ("q1", "q2"):
        begin(bench, run)
        answer(bench, run, StepDone(output={}, actions=(mail,)))
    for action in list(bench.store.scan(Action)):
        item = Choice(id=action.id, shown_hash=action.shown_hash)
        bench.do(DecideApprovals(items=(item,), decision="approve"))
    bench.pass_time(8 * SECOND)
    assert [one.status for one in bench.store.scan(Action)] == ["intent", "held"]
    bench.do(EffectAnswered(action="a1", outcome=EffectDone(result={})))
    assert [one.status for one in bench.store.scan(Action)] == ["succeeded", "intent"]


# --- budgets --------------------------------------------------------------------------------------


USES = "name: lead\nbudget: {tokens: 100, over: %s}\nsteps:\n" + "".join(
    f"  - {{id: {id}, agent: x, needs: [{need}], uses: {{tokens: 40}}}}\n"
    for id, need in (("a", ""), ("b", "a"), ("c", "b"))
)


def test_over_its_budget_a_run_waits_for_the_operator_and_goes_on_when_he_gives_more() -> None:
    bench = limited(playbook=USES % "escalate")
    begin(bench, "q")
    answer(bench, "q")
    answer(bench, "q", step="b")
    assert run_of(bench, "q").steps["c"].status == "queued"
    assert budget_alerts(bench) == [("budget/run:q/ever", "over-budget")]
    bench.do(RaiseBudget(scope="run:q", per="ever", more=Amounts(tokens=20)))
    assert run_of(bench, "q").steps["c"].status == "started"
    assert budget_alerts(bench) == []
    answer(bench, "q", step="c")
    assert run_of(bench, "q").status == "succeeded"
    assert meter(bench, "run:q").spans["ever"].used.tokens == 120


def test_over_its_budget_a_run_ends_as_exhausted_when_its_playbook_says_stop() -> None:
    bench = limited(playbook=USES % "stop")
    begin(bench, "q")
    answer(bench, "q")
    answer(bench, "q", step="b")
    assert run_of(bench, "q").status == "exhausted"
    assert "tokens" in run_of(bench, "q").reason


def test_the_budget_that_a_start_said_takes_the_place_of_the_playbooks() -> None:
    bench = limited(playbook=USES % "escalate")
    bench.do(StartRun(playbook="lead", run_id="q", caps=(cap("ever", "stop", tokens=40),)))
    answer(bench, "q")
    assert run_of(bench, "q").status == "exhausted"


def test_what_a_try_did_not_use_is_given_back_and_what_nobody_knows_counts_in_full() -> None:
    bench = limited(playbook=USES % "stop")
    begin(bench, "q")
    answer(bench, "q", StepDone(output={}, used=Amounts(tokens=5)))
    assert meter(bench, "run:q").spans["ever"].used == Amounts(calls=1, tokens=5)
    answer(bench, "q", Failed(failure=Failure(failure="crash", code="unavailable", message="")), step="b")
    assert meter(bench, "run:q").spans["ever"].used == Amounts(calls=2, tokens=45)


def test_work_that_never_began_used_nothing() -> None:
    read = "name: lead\nsteps:\n  - {id: a, agent: x, reads: {r: {document: '${inputs.gone}'}}, uses: {tokens: 40}}\n"
    bench = limited(Limit(of="agent:x", caps=(cap("day", tokens=100),)), playbook=read)
    begin(bench, "q")
    assert run_of(bench, "q").status == "failed"
    span = meter(bench, "agent:x").spans["day"]
    assert (span.used, span.reserved) == (Amounts(), Amounts())


def test_work_larger_than_a_whole_limit_fails_instead_of_barring_the_way() -> None:
    bench = limited(Limit(of="agent:x", caps=(cap("day", tokens=39),)), playbook=USES % "stop")
    begin(bench, "q")
    run = run_of(bench, "q")
    assert (run.status, run.steps["a"].error["code"]) == ("exhausted", "budget_exceeded")
    assert meter_waiting(bench, "agent:x") == 0


def meter_waiting(bench: Bench, scope: str) -> int:
    found = bench.store.get(Meter, scope)
    return found.waiting if found is not None else 0


@pytest.mark.parametrize(
    ("per", "at", "since", "until"),
    [
        ("minute", 1_796_128_475_000_000, 1_796_128_440_000_000, 1_796_128_500_000_000),
        ("day", 1_796_128_475_000_000, 1_796_083_200_000_000, 1_796_169_600_000_000),
        ("month", 1_796_128_475_000_000, 1_796_083_200_000_000, 1_798_761_600_000_000),
        ("ever", 5, 0, None),
    ],
)
def test_spans_of_time_are_those_of_the_calendar(per: Per, at: int, since: int, until: int | None) -> None:
    assert (began(per, at), ends(per, at)) == (since, until)


CHILD = "name: child\nsteps:\n  - {id: a, agent: x, uses: {tokens: 40}}\n"
PARENT = """
name: lead
budget: {tokens: 100, over: stop}
steps:
  - {id: one, playbook: child}
  - {id: two, playbook: child}
  - {id: three, playbook: child}
"""


def test_runs_within_a_run_spend_what_it_has_and_none_of_them_more() -> None:
    """Three children want 40 of 100 each, at the same time: when two have used theirs, the third finds too little."""
    bench = limited(playbook=PARENT)
    files = (
        AssetFile(asset_kind="playbook", name="child", path="c", text=CHILD, hash=text_hash(CHILD)),
        AssetFile(asset_kind="playbook", name="lead", path="p", text=PARENT, hash=text_hash(PARENT)),
    )
    bench.do(LoadAssets(files=files))
    begin(bench, "q")
    children = [run.id for run in bench.store.scan(Run) if run.parent == "q"]
    assert sorted(statuses(bench, *children)) == ["queued", "started", "started"]
    for id in children:
        if statuses(bench, id) == ["started"]:
            answer(bench, id)
    assert [run_of(bench, id).status for id in children].count("exhausted") == 1
    span = meter(bench, "run:q").spans["ever"]
    assert span.used.tokens + span.reserved.tokens <= 100
    assert run_of(bench, "q").status != "running"


PARALLEL = "name: lead\nbudget: {tokens: 50, over: stop}\nsteps:\n" + "".join(
    f"  - {{id: {id}, agent: x, uses: {{tokens: 40}}}}\n" for id in "abc"
)


def test_no_run_ends_over_its_budget_before_what_is_under_way_has_told_what_it_used() -> None:
    """Each might use 40 of 50 and uses 10: they go one after the other. When one uses all, the next ends the run."""
    bench = limited(Limit(of="agent:x", at_once=2), playbook=PARALLEL)
    begin(bench, "q")
    for step in ("a", "b"):
        assert run_of(bench, "q").steps[step].status == "started"
        answer(bench, "q", StepDone(output={}, used=Amounts(tokens=5 if step == "a" else 10)), step=step)
    assert (run_of(bench, "q").status, run_of(bench, "q").steps["c"].status) == ("exhausted", "pending")


def test_a_try_that_uses_more_than_it_said_is_counted_in_full_and_stops_the_next() -> None:
    """What was billed was billed; the cap is overrun by that one try, and by nothing after it."""
    bench = limited(playbook=USES % "stop")
    begin(bench, "q")
    answer(bench, "q", StepDone(output={}, used=Amounts(tokens=5_000)))
    assert run_of(bench, "q").status == "exhausted"
    assert meter(bench, "run:q").spans["ever"].used == Amounts(calls=1, tokens=5_000)


FAN = """
name: lead
steps:
  - {id: list, agent: z}
  - {id: each, needs: [list], each: "steps.list.output.of", agent: x}
"""


def test_a_fan_out_that_is_done_anew_gives_back_what_its_children_had() -> None:
    bench = limited(Limit(of="agent:x", at_once=3), playbook=FAN)
    begin(bench, "q")
    answer(bench, "q", StepDone(output={"of": ["a", "b", "c"]}), step="list")
    assert meter(bench, "agent:x").in_use == 3
    edit = EditStep(id="q", step="list", output={"of": ["d"]}, rerun_after=True)
    bench.do(edit)
    assert set(run_of(bench, "q").steps) == {"list", "each", "each[0]"}
    assert meter(bench, "agent:x").in_use == 1


# --- fairness -------------------------------------------------------------------------------------


def test_batch_is_called_at_least_once_in_every_eight_calls_and_interactive_most() -> None:
    called = [next_of(["interactive", "normal", "batch"], turn) for turn in range(TURNS)]
    assert called.count("batch") == 1
    assert called.count("normal") == len(SECOND_TURNS)
    assert called[LAST_TURN] == "batch"
    assert [next_of(["batch"], turn) for turn in range(TURNS)] == ["batch"] * TURNS


# --- never overrun --------------------------------------------------------------------------------

MANY = "name: lead\nbudget: {tokens: 60, over: escalate}\nsteps:\n" + "".join(
    f"  - {{id: s{n}, agent: x, uses: {{tokens: {n + 3}}}, retry: {{times: 2, backoff: 1s}}}}\n" for n in range(6)
)
CAPS = {"agent:x": 40, "workspace": 70}


def overrun(bench: Bench) -> str:
    """What is used and reserved beyond a limit, as far as single tries told the truth about what they need."""
    for scope, tokens in CAPS.items():
        found = bench.store.get(Meter, scope)
        span = found.spans.get("day") if found is not None else None
        if span is not None and span.used.tokens + span.reserved.tokens > tokens + span.more.tokens:
            return f"{scope}: {span}"
    for found in bench.store.scan(Meter, prefix="run:"):
        span = found.spans.get("ever")
        if span is not None and span.used.tokens + span.reserved.tokens > 60 + span.more.tokens:
            return f"{found.id}: {span}"
    return ""


def live_a_day(dice: list[int]) -> str:
    """Runs begin, steps end well and badly, time passes, runs are cancelled: the first overrun that is seen."""
    rules = tuple(Limit(of=scope, at_once=3, caps=(cap("day", tokens=most),)) for scope, most in CAPS.items())
    bench = limited(*rules, playbook=MANY)
    runs = 0
    for die in dice:
        under_way = bench.needs("step")
        if die % 5 == 0 and runs < 4:
            runs += 1
            begin(bench, f"q{runs}")
        elif die % 5 == 1 and runs:
            run = run_of(bench, f"q{die % runs + 1}")
            if run.live:
                bench.do(SteerRun(id=run.id, verb={0: "cancel", 1: "pause", 2: "resume"}[die % 3])) if _fits(
                    run, die
                ) else None
        elif die % 5 == 2:
            bench.pass_time(die * SECOND * 60)
        elif under_way:
            need = under_way[die % len(under_way)]
            used = StepDone(output={}, used=Amounts(tokens=die % 3))
            bad = Failed(failure=Failure(failure="crash", code="unavailable", message=""))
            answer(bench, need.entity, bad if die % 7 == 0 else used if die % 2 else None, step=need.step)
        if said := overrun(bench):
            return said
    return ""


def _fits(run: Run, die: int) -> bool:
    return run.status == {0: run.status, 1: "running", 2: "paused"}[die % 3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=60))
def test_no_order_of_work_overruns_a_budget(dice: list[int]) -> None:
    assert live_a_day(dice) == ""


def test_twin_work_that_is_not_reserved_overruns_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting only what has ended lets everything begin that is asked for at the same time."""
    monkeypatch.setattr(room, "span_of", lambda meter, per, at: _without_reserved(meter, per, at))
    assert live_a_day([0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3] * 3) != ""


def _without_reserved(meter: Meter | None, per: Per, at: int) -> Span:
    return Span(used=limits.span_of(meter, per, at).used)
