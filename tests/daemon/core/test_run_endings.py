"""The eight ways in which a run ends; each is reached here, and there is no ninth."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quarterdeck_daemon.core.commands import Configure, SteerRun
from quarterdeck_daemon.core.entities import RUN_ENDED, Alert
from quarterdeck_daemon.core.run_endings import status_after

from .run_bench import DAY, HOUR, RunBench, failed, playbook

ONE = "{id: a, agent: x, retry: {times: 0}}"


def begun(*steps: str, **top: str) -> RunBench:
    bench = RunBench(playbook(*steps, **top))
    bench.start()
    return bench


def succeeded() -> RunBench:
    bench = begun(ONE)
    bench.answer("a")
    return bench


def fell() -> RunBench:
    bench = begun(ONE)
    bench.answer("a", failed("permanent"))
    return bench


def cancelled() -> RunBench:
    bench = begun(ONE)
    bench.do(SteerRun(id="q", verb="cancel"))
    return bench


def timed_out() -> RunBench:
    bench = begun(ONE, deadline="2h")
    bench.pass_time(2 * HOUR)
    return bench


def blocked() -> RunBench:
    bench = begun(
        "{id: a, agent: x, on_failure: continue}", "{id: b, agent: x}", "{id: c, agent: y, needs: [a, b], join: 2}"
    )
    bench.answer("a", failed("permanent"))
    bench.answer("b")
    return bench


def no_op() -> RunBench:
    return begun('{id: a, agent: x, when: "false"}')


def exhausted() -> RunBench:
    bench = begun(ONE)
    bench.answer("a", failed("transient"))
    return bench


def stalled() -> RunBench:
    bench = begun("{id: a, wait: {signal: never}}", stalls_after="5d")
    bench.pass_time(5 * DAY)
    return bench


ENDS: dict[str, Callable[[], RunBench]] = {
    "succeeded": succeeded,
    "failed": fell,
    "cancelled": cancelled,
    "timed_out": timed_out,
    "blocked": blocked,
    "no_op": no_op,
    "exhausted": exhausted,
    "stalled": stalled,
}


@pytest.mark.parametrize("status", ENDS)
def test_every_end_is_reached_and_is_final(status: str) -> None:
    bench = ENDS[status]()
    run = bench.run()
    assert (run.status, run.live, run.ended_us) == (status, False, bench.now_us)
    assert bench.needs("step") == []
    assert not [need for need in bench.needs("wake") if need.entity.startswith("run:")]
    bench.pass_time(100 * DAY)
    assert bench.run() == run
    bench.check_refold()


def test_these_are_all_the_ends_there_are() -> None:
    assert set(ENDS) == RUN_ENDED


def test_how_a_step_failed_decides_how_the_run_ended() -> None:
    errors = {
        "transient": {"failure": "transient", "code": "busy"},
        "crash": {"failure": "crash", "code": "unavailable"},
        "timeout": {"failure": "timeout", "code": "deadline"},
        "contract": {"failure": "contract", "code": "schema"},
        "permanent": {"failure": "permanent", "code": "internal"},
        "budget": {"failure": "permanent", "code": "budget_exceeded"},
        "blocked": {"failure": "permanent", "code": "blocked"},
    }
    assert {name: status_after(dict(error)) for name, error in errors.items()} == {
        "transient": "exhausted", "crash": "exhausted", "timeout": "exhausted", "contract": "failed",
        "permanent": "failed", "budget": "exhausted", "blocked": "blocked",
    }  # fmt: skip


@pytest.mark.parametrize("status", ["timed_out", "stalled", "blocked", "exhausted"])
def test_what_ended_for_want_of_time_or_tries_can_be_resumed(status: str) -> None:
    bench = ENDS[status]()
    bench.do(SteerRun(id="q", verb="resume"))
    run = bench.run()
    assert (run.status, run.reason, run.deadline_us) == ("running", "", None)
    assert "started" in bench.states().values() or "waiting" in bench.states().values()


# --- clocks ---------------------------------------------------------------------------------------


def test_a_late_run_goes_on_and_is_told_once() -> None:
    bench = begun(ONE, sla="1h")
    bench.pass_time(HOUR)
    (alert,) = bench.store.live(Alert)
    assert (bench.run().status, alert.topic, bench.kinds().count("run.late")) == ("running", "run.late/q", 1)
    bench.pass_time(10 * HOUR)
    assert bench.kinds().count("run.late") == 1
    bench.answer("a")
    assert list(bench.store.live(Alert)) == []


def test_a_run_in_time_is_never_late() -> None:
    bench = begun(ONE, sla="1h")
    bench.answer("a")
    bench.pass_time(2 * HOUR)
    assert "run.late" not in bench.kinds()


def test_a_pause_does_not_use_up_the_deadline() -> None:
    bench = begun(ONE, deadline="2h")
    bench.pass_time(HOUR)
    bench.do(SteerRun(id="q", verb="pause"))
    bench.pass_time(10 * HOUR)
    bench.do(SteerRun(id="q", verb="resume"))
    bench.pass_time(HOUR - 1)
    assert bench.run().status == "running"
    bench.pass_time(1)
    assert bench.run().status == "timed_out"


def test_a_move_starts_the_clock_of_a_stall_again() -> None:
    bench = begun("{id: a, wait: {signal: never}}", "{id: b, wait: {signal: go}}", stalls_after="5d")
    bench.pass_time(4 * DAY)
    bench.do(SteerRun(id="q", verb="pause"))
    bench.do(SteerRun(id="q", verb="resume"))
    bench.pass_time(4 * DAY)
    assert bench.run().status == "running"
    bench.pass_time(2 * DAY)
    assert (bench.run().status, bench.run().reason) == ("stalled", "nothing moved for 5d; a, b waits")


def test_a_busy_run_sets_one_timer_for_its_stall_and_not_one_for_each_event() -> None:
    bench = begun(*(f"{{id: s{n}, agent: x}}" for n in range(9)), stalls_after="5d")
    seen = set()
    for n in range(9):
        seen |= {need.at_us for need in bench.needs("wake")}
        bench.pass_time(HOUR)
        bench.answer(f"s{n}")
    assert len(seen) <= 2


# --- windows --------------------------------------------------------------------------------------


def configured(bench: RunBench, zone: str) -> None:
    bench.do(
        Configure(
            name="h", operator="o", timezone=zone, hold_us=8_000_000, expires_us=7 * DAY, step_deadline_ms=30_000
        )
    )


def test_steps_of_a_batch_begin_only_inside_their_window() -> None:
    bench = RunBench(playbook(ONE, "{id: b, agent: x, needs: [a]}", window="22:00-06:00"))
    configured(bench, "Europe/Berlin")
    noon = 1_790_071_200_000_000  # 2026-09-22 10:00 UTC, noon in Berlin.
    bench.now_us = noon
    bench.start()
    assert bench.states() == {"run": "running", "a": "pending", "b": "pending"}
    assert bench.run().opens_us == noon + 10 * HOUR
    bench.store = bench.store.crashed()
    bench.pass_time(10 * HOUR - 1)
    assert bench.states()["a"] == "pending"
    bench.pass_time(1)
    assert bench.states()["a"] == "started"
    bench.pass_time(9 * HOUR)
    bench.answer("a")
    assert bench.states() == {"run": "running", "a": "succeeded", "b": "pending"}
    bench.pass_time(15 * HOUR)
    assert bench.states()["b"] == "started"
    bench.check_refold()


def test_inside_the_window_nothing_waits() -> None:
    bench = RunBench(playbook(ONE, window="22:00-06:00"))
    configured(bench, "Europe/Berlin")
    bench.now_us = 1_790_071_200_000_000 + 11 * HOUR
    bench.start()
    assert bench.states()["a"] == "started"


# --- outputs --------------------------------------------------------------------------------------


def test_a_run_gives_back_its_outputs_and_says_which_have_no_answer() -> None:
    bench = begun(
        ONE, outputs='{n: "${steps.a.output.n}", text: "n is ${steps.a.output.n}", gone: "${steps.a.output.gone}"}'
    )
    bench.answer("a", n=3)
    run = bench.run()
    assert run.outputs == {"n": 3, "text": "n is 3", "gone": None}
    assert (run.status, run.reason) == ("succeeded", "the output gone has no answer")
