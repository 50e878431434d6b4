"""Circuit breakers: what keeps failing is given no work for a while, and then one try."""

from __future__ import annotations

from quarterdeck_daemon.core import breakers
from quarterdeck_daemon.core.commands import ConfigureLimits, ResetBreaker, StartRun, SteerRun, StepAnswered
from quarterdeck_daemon.core.entities import Alert, Breaker, Meter, Run
from quarterdeck_daemon.core.orders import Failed, Failure, FailureClass, Outcome, StepDone

from .core_bench import Bench, rebuilt

SECOND = 1_000_000
ONCE = "name: lead\nsteps:\n  - {id: a, agent: x, retry: {times: 0}}\n"
OTHER = "name: lead\nsteps:\n  - {id: a, agent: x, retry: {times: 0}, on_failure: {reroute: y}}\n"


def answer(bench: Bench, run: str, outcome: Outcome | None = None) -> None:
    (need,) = [need for need in bench.needs("step") if need.entity == run]
    command = StepAnswered(run=run, step="a", attempt=need.attempt, outcome=outcome or StepDone(output={}))
    bench.do(command, actor="worker")


def broken(failure: FailureClass = "crash") -> Failed:
    return Failed(failure=Failure(failure=failure, code="unavailable", message="died"))


def begin(bench: Bench, *ids: str) -> None:
    for id in ids:
        bench.do(StartRun(playbook="lead", run_id=id))


def fail_times(bench: Bench, times: int, failure: FailureClass = "crash", first: int = 0) -> None:
    for n in range(first, first + times):
        begin(bench, f"f{n}")
        answer(bench, f"f{n}", broken(failure))


def state(bench: Bench, id: str = "agent:x") -> str:
    breaker = bench.store.get(Breaker, id)
    return breaker.state if breaker is not None else "closed"


def step_status(bench: Bench, run: str) -> str:
    found = bench.store.get(Run, run)
    assert found is not None
    return found.steps["a"].status


def alerts(bench: Bench) -> list[tuple[str, str]]:
    return [(one.topic, one.runbook) for one in bench.store.live(Alert) if one.topic.startswith("breaker/")]


def test_five_crashes_in_a_minute_open_it_and_the_next_work_waits() -> None:
    bench = Bench(playbook=ONCE)
    fail_times(bench, 5)
    assert state(bench) == "open"
    assert alerts(bench) == [("breaker/agent:x", "breaker-open")]
    begin(bench, "q")
    assert step_status(bench, "q") == "queued"
    assert [need.entity for need in bench.needs("wake") if need.entity.startswith("meter:")] == ["meter:agent:x"]
    assert bench.needs("step") == []


def test_twin_without_a_breaker_the_next_work_goes_the_same_way() -> None:
    bench = Bench(playbook=ONCE)
    bench.do(ConfigureLimits(breaker_failures=0))
    fail_times(bench, 5)
    begin(bench, "q")
    assert step_status(bench, "q") == "started"


def test_failures_that_lie_apart_or_are_the_inputs_fault_open_nothing() -> None:
    bench = Bench(playbook=ONCE)
    for n in range(12):
        fail_times(bench, 1, first=n)
        bench.pass_time(20 * SECOND)
    fail_times(bench, 12, "permanent", first=20)
    assert state(bench) == "closed"


def test_each_success_takes_a_failure_away_so_what_mostly_works_stays_closed() -> None:
    bench = Bench(playbook=ONCE)
    for n in range(20):
        fail_times(bench, 1, first=n)
        begin(bench, f"g{n}")
        answer(bench, f"g{n}")
    assert state(bench) == "closed"


def test_after_its_time_one_try_is_let_through_and_its_success_calls_the_others() -> None:
    bench = Bench(playbook=ONCE)
    fail_times(bench, 5)
    begin(bench, "q1", "q2", "q3")
    bench.pass_time(30 * SECOND)
    assert [step_status(bench, id) for id in ("q1", "q2", "q3")] == ["started", "queued", "queued"]
    assert state(bench) == "half_open"
    answer(bench, "q1")
    assert [step_status(bench, id) for id in ("q1", "q2", "q3")] == ["succeeded", "started", "started"]
    assert (state(bench), alerts(bench)) == ("closed", [])


def test_a_failed_try_keeps_it_open_twice_as_long() -> None:
    bench = Bench(playbook=ONCE)
    fail_times(bench, 5)
    begin(bench, "q1", "q2")
    waits: list[int] = []
    for run in ("q1", "q2"):
        before = bench.now_us
        while step_status(bench, run) != "started":
            bench.pass_time(SECOND)
        waits.append((bench.now_us - before) // SECOND)
        answer(bench, run, broken("timeout"))
    assert waits == [30, 60]
    assert state(bench) == "open"


def test_a_try_that_is_taken_back_leaves_its_place_to_the_next() -> None:
    bench = Bench(playbook=ONCE)
    fail_times(bench, 5)
    begin(bench, "q1", "q2")
    bench.pass_time(30 * SECOND)
    bench.do(SteerRun(id="q1", verb="cancel"))
    assert [step_status(bench, id) for id in ("q1", "q2")] == ["pending", "started"]
    assert state(bench) == "half_open"


def test_closed_by_hand_it_gives_work_at_once() -> None:
    bench = Bench(playbook=ONCE)
    fail_times(bench, 5)
    begin(bench, "q")
    bench.do(ResetBreaker(id="agent:x", reason="mended"))
    assert (state(bench), step_status(bench, "q"), alerts(bench)) == ("closed", "started", [])


def test_a_step_that_names_another_agent_goes_there_instead_of_waiting() -> None:
    bench = Bench(playbook=OTHER)
    for n in range(5):
        begin(bench, f"f{n}")
        answer(bench, f"f{n}", broken())
        answer(bench, f"f{n}")  # By the other one.
    assert state(bench) == "open"
    begin(bench, "q")
    run = bench.store.get(Run, "q")
    assert run is not None
    assert (run.steps["a"].agent, run.steps["a"].status) == ("y", "started")


def test_a_paused_run_does_not_take_the_turn_of_others() -> None:
    bench = Bench(playbook=ONCE)
    fail_times(bench, 5)
    begin(bench, "q1", "q2")
    bench.do(SteerRun(id="q1", verb="pause"))
    bench.pass_time(30 * SECOND)
    assert [step_status(bench, id) for id in ("q1", "q2")] == ["pending", "started"]
    answer(bench, "q2")
    bench.do(SteerRun(id="q1", verb="resume"))
    assert step_status(bench, "q1") == "started"


def test_what_is_open_and_who_waits_follows_from_the_log_alone() -> None:
    bench = Bench(playbook=ONCE)
    fail_times(bench, 5)
    begin(bench, "q1", "q2")
    again = rebuilt(bench.store)
    for cls, id in ((Breaker, "agent:x"), (Meter, "agent:x"), (Run, "q1")):
        assert again.get(cls, id) == bench.store.get(cls, id)


def test_every_class_that_counts_is_one_that_speaks_against_who_did_the_work() -> None:
    assert {"transient", "crash", "timeout", "contract", "uncertain"} == breakers.COUNTS
