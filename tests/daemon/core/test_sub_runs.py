"""Runs within runs: outcome and outputs come up, what the operator does goes down."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import StartRun, SteerRun, SteerStep
from quarterdeck_daemon.core.entities import DeadLetter, Run
from quarterdeck_daemon.core.playbook_form import DEPTH_MAX
from quarterdeck_protocol.labels import Labels

from .run_bench import RunBench, failed, playbook

INNER = playbook(
    "{id: work, agent: x}",
    name="inner",
    inputs="{who: {type: string, required: true}}",
    outputs='{made: "${steps.work.output.made}", for: "${inputs.who}"}',
)
OUTER = playbook(
    '{id: call, playbook: inner, in: {who: "${inputs.who}"}}',
    '{id: after, agent: y, needs: [call], in: {got: "${steps.call.output.outputs.made}"}}',
    inputs="{who: {type: string}}",
)


def nested(outer: str = OUTER, inner: str = INNER) -> RunBench:
    bench = RunBench(outer, inner)
    bench.start(who="ada")
    return bench


def test_outcome_and_outputs_of_the_child_are_the_output_of_the_step() -> None:
    bench = nested()
    child = bench.step("call").child
    assert (bench.run(child).parent, bench.run(child).parent_step, bench.run(child).depth) == ("q", "call", 1)
    bench.answer("work", run=child, made=42)
    assert bench.step("call").output == {
        "run": child, "outcome": "succeeded", "outputs": {"made": 42, "for": "ada"}, "reason": "",
    }  # fmt: skip
    assert bench.input_of("after") == {"got": 42}
    bench.answer("after")
    assert bench.states()["run"] == "succeeded"
    bench.check_refold()


def test_namespace_and_labels_are_inherited() -> None:
    bench = RunBench(OUTER, INNER)
    labels = Labels(integrity="external", sensitivity="private", sources=("doc1",))
    bench.do(StartRun(playbook="lead", run_id="q", inputs={"who": "a"}, namespace="acme", labels=labels))
    child = bench.run(bench.step("call").child)
    assert (child.namespace, child.labels) == ("acme", labels)


@pytest.mark.parametrize(("verb", "status"), [("pause", "paused"), ("cancel", "cancelled"), ("kill", "cancelled")])
def test_pause_cancel_and_kill_travel_down(verb: str, status: str) -> None:
    bench = nested()
    child = bench.step("call").child
    bench.do(SteerRun(id="q", verb=verb))
    assert (bench.run().status, bench.run(child).status) == (status, status)
    assert bench.needs("step") == []


def test_resume_goes_down_to_what_was_paused_with_it_and_no_further() -> None:
    bench = nested()
    child = bench.step("call").child
    bench.do(SteerRun(id="q", verb="pause"))
    bench.do(SteerRun(id="q", verb="resume"))
    assert bench.run(child).status == "running"
    bench.do(SteerRun(id=child, verb="pause"))
    bench.do(SteerRun(id="q", verb="pause"))
    bench.do(SteerRun(id="q", verb="resume"))
    assert (bench.run().status, bench.run(child).status) == ("running", "paused")


def test_a_child_that_fails_fails_the_step_and_a_retry_inside_opens_both_again() -> None:
    bench = nested()
    child = bench.step("call").child
    bench.answer("work", failed(), run=child)
    assert (bench.run(child).status, bench.run().status, bench.states()["call"]) == ("failed", "failed", "failed")
    assert sorted(letter.run for letter in bench.store.live(DeadLetter)) == ["q", child]
    bench.do(SteerStep(id=child, step="work", verb="retry"))
    assert (bench.run(child).status, bench.run().status, bench.states()["call"]) == ("running", "running", "waiting")
    assert list(bench.store.live(DeadLetter)) == []
    bench.answer("work", run=child, made=1)
    bench.answer("after")
    assert bench.run().status == "succeeded"
    bench.check_refold()


def test_a_retried_call_is_a_new_run() -> None:
    bench = nested()
    first = bench.step("call").child
    bench.answer("work", failed(), run=first)
    bench.do(SteerStep(id="q", step="call", verb="retry"))
    second = bench.step("call").child
    assert second != first
    assert bench.run(second).status == "running"


def test_how_a_child_ended_decides_how_the_run_ends() -> None:
    bench = nested()
    child = bench.step("call").child
    for _ in range(4):
        bench.answer("work", failed("crash"), run=child)
        bench.pass_time(3_600_000_000)
    assert (bench.run(child).status, bench.run().status) == ("exhausted", "exhausted")


def test_a_playbook_that_calls_itself_ends_at_the_stated_depth() -> None:
    bench = RunBench(playbook("{id: again, playbook: lead}"))
    bench.start()
    runs = list(bench.store.scan(Run))
    assert sorted(run.depth for run in runs) == list(range(DEPTH_MAX + 1))
    assert {run.status for run in runs} == {"failed"}
    assert f"at most {DEPTH_MAX} deep" in str(max(runs, key=lambda run: run.depth).steps["again"].error["message"])


def test_a_playbook_that_is_not_there_or_inputs_that_do_not_fit_fail_the_step() -> None:
    for inner, code in (("{id: call, playbook: nowhere}", "not_found"), ("{id: call, playbook: inner}", "schema")):
        bench = RunBench(playbook(inner), INNER)
        bench.start()
        assert bench.run().status == "failed"
        assert bench.step("call").error["code"] == code


def test_a_fan_out_of_runs_is_a_run_for_each_item() -> None:
    outer = playbook(
        "{id: call, playbook: inner, each: \"['ada', 'bob']\", as: who, in: {who: \"${who}\"}}", name="lead"
    )
    bench = RunBench(outer, INNER)
    bench.start()
    children = [bench.step(f"call[{index}]").child for index in range(2)]
    assert [bench.run(child).inputs for child in children] == [{"who": "ada"}, {"who": "bob"}]
    for child in children:
        bench.answer("work", run=child, made=child)
    assert bench.run().status == "succeeded"
    bench.check_refold()
