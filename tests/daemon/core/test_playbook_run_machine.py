"""Any order of steering, answers, edits, signals, time and restarts of a run with everything in it keeps its promises.

The playbook has a fan-out with a limit, joins, a wait for a signal, a gate, a run within the run and a failure that is
borne. After each move:

    no step that is recorded as done is started again, unless the operator had it done again
    the run is in one of its states, and when it has ended in one of the eight
    what is needed is what is under way
    the state is the fold of the log, also after the process died
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quarterdeck_daemon.core import fan_out
from quarterdeck_daemon.core.commands import (
    Command,
    EditStep,
    ExamineRuns,
    ReassignStep,
    SignalRun,
    SteerRun,
    SteerStep,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import RUN_ENDED, DeadLetter, Plain, Run
from quarterdeck_daemon.core.orders import StepDone
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import rebuilt
from .run_bench import HOUR, RunBench, failed, playbook

OUTER = playbook(
    '{id: each, agent: x, each: "inputs.items", as: it, at_most: 2, in: {it: "${it}"}, retry: {times: 1, backoff: 1s}}',
    "{id: ask, needs: [each], join: 2, wait: {approval: 'Go on?', for: 30h}}",
    "{id: hear, needs: [ask], wait: {signal: go}}",
    "{id: call, playbook: inner, needs: [each], on_failure: continue}",
    "{id: frail, agent: y, on_failure: continue, retry: {times: 0}}",
    '{id: last, agent: y, needs: [hear, call, frail], in: {n: "${size(steps.each.output.items)}"}}',
    inputs="{items: {type: list}}",
    outputs='{n: "${steps.each.output.count}"}',
    deadline="400h",
    stalls_after="100h",
)
INNER = playbook("{id: work, agent: x, retry: {times: 1, backoff: 1s}}", name="inner")
STEPS = ("each", "each[0]", "each[1]", "each[2]", "ask", "hear", "call", "frail", "last", "work")
STATES = {"running", "paused", "quarantined"} | RUN_ENDED
DONE_AGAIN = ("step.retried", "step.rerouted", "step.edited")
step_names = st.sampled_from(STEPS)


class PlaybookRun(RuleBasedStateMachine):
    @initialize(count=st.integers(0, 3))
    def begin(self, count: int) -> None:
        self.bench = RunBench(OUTER, INNER)
        self.bench.start(items=list(range(count)))
        self.signals = 0

    def give(self, command: Command) -> bool:
        """Whether it was taken. Nothing but a refusal that says why is ever raised."""
        try:
            return "ignored" not in self.bench.do(command)
        except QuarterdeckError as error:
            if error.code not in ("conflict", "not_found", "busy", "bad_value"):
                raise
            return False

    def place(self, step: str) -> tuple[str, str] | None:
        """The run and the step of this name, `work` being that of the newest child."""
        if step == "work":
            child = self.bench.step("call").child
            return (child, step) if child else None
        return ("q", step) if step in self.bench.run().steps else None

    @rule(
        step=step_names, how=st.sampled_from(["done", "done", "done", "crash", "permanent"]), shift=st.integers(0, 3)
    )
    def answer(self, step: str, how: str, shift: int) -> None:
        if (found := self.place(step)) is None:
            return
        run, id = found
        before = self.bench.step(id, run)
        outcome = (
            StepDone(output={"n": shift}) if how == "done" else failed("crash" if how == "crash" else "permanent")
        )
        attempt = before.attempts + (shift == 3)
        taken = self.give(StepAnswered(run=run, step=id, attempt=attempt, outcome=outcome))
        live = self.bench.run(run).live or taken
        assert not taken or (before.status == "started" and attempt == before.attempts and live)

    @rule(verb=st.sampled_from(["pause", "resume", "resume", "cancel", "kill"]), inner=st.booleans())
    def steer(self, verb: str, inner: bool) -> None:
        child = self.bench.step("call").child
        id = child if inner and child else "q"
        before = self.bench.run(id).status
        if self.give(SteerRun(id=id, verb=verb)):
            wanted = {"pause": {"paused"}, "cancel": {"cancelled"}, "kill": {"cancelled"}}
            assert self.bench.run(id).status in wanted.get(verb, STATES - {"paused", "quarantined"})
        else:
            assert self.bench.run(id).status == before

    @rule(step=step_names, verb=st.sampled_from(["retry", "retry", "skip"]))
    def steer_step(self, step: str, verb: str) -> None:
        if (found := self.place(step)) is not None:
            self.give(SteerStep(id=found[0], step=found[1], verb=verb))

    @rule(step=step_names, output=st.booleans(), again=st.booleans())
    def edit(self, step: str, output: bool, again: bool) -> None:
        if (found := self.place(step)) is not None:
            values: Plain = {"n": 9, "approved": True}
            given = EditStep(id=found[0], step=found[1], output=values, rerun_after=again)
            self.give(given if output else EditStep(id=found[0], step=found[1], input=values, rerun_after=again))

    @rule(step=step_names)
    def reassign(self, step: str) -> None:
        if (found := self.place(step)) is not None:
            self.give(ReassignStep(id=found[0], step=found[1], agent="z"))

    @rule()
    def signal(self) -> None:
        self.signals += self.give(SignalRun(id="q", signal="go", payload={"n": self.signals}))

    @rule(yes=st.booleans())
    def decide(self, yes: bool) -> None:
        waits = self.bench.step("ask").status == "waiting"
        assert self.bench.word("ask", "approve" if yes else "reject")["ok"] is waits

    @rule(hours=st.sampled_from([1, 1, 29, 101]))
    def pass_time(self, hours: int) -> None:
        self.bench.pass_time(hours * HOUR)

    @rule()
    def die_and_start_again(self) -> None:
        self.bench.store = self.bench.store.crashed()
        assert self.bench.do(ExamineRuns()) == {"quarantined": []}

    @invariant()
    def it_is_in_one_of_its_states(self) -> None:
        for run in self.bench.store.scan(Run):
            assert run.status in STATES
            assert run.live == (run.status not in RUN_ENDED) == (run.ended_us is None)
            if not run.live:
                under_way = ("started", "recalling", "queued", "backoff")
                assert not [step.id for step in run.steps.values() if step.status in under_way]

    @invariant()
    def what_is_needed_is_what_is_under_way(self) -> None:
        started = {
            (run.id, step.id)
            for run in self.bench.store.live(Run)
            for step in run.steps.values()
            if step.status == "started" and run.status == "running"
        }
        assert {(need.entity, need.step) for need in self.bench.needs("step")} == started

    @invariant()
    def no_more_children_work_than_allowed(self) -> None:
        steps = self.bench.run().steps.values()
        busy = [step for step in steps if step.parent and step.status in ("started", "backoff", "recalling")]
        assert len(busy) <= 2, "too many children work"

    @invariant()
    def nothing_done_is_done_again_unasked(self) -> None:
        done: set[tuple[str | None, object]] = set()
        for event in self.bench.store.events():
            key = (event.run, event.body.get("step"))
            if event.kind in ("step.succeeded", "step.skipped"):
                done.add(key)
            elif event.kind in DONE_AGAIN:
                done.discard(key)
                if event.kind == "step.retried":  # A fan-out that is done anew has new children.
                    done = {one for one in done if not str(one[1]).startswith(f"{key[1]}[") or one[0] != key[0]}
                if event.kind == "step.edited" and "output" in event.body:
                    done.add(key)
            elif event.kind in ("step.started", "step.waiting", "step.called", "step.fanned_out"):
                assert key not in done, f"{key} was done already"

    @invariant()
    def a_running_run_has_something_to_come(self) -> None:
        """Nothing hangs: whatever runs has work under way, a wait, or a clock that ends it."""
        for run in self.bench.store.live(Run):
            if run.status == "running":
                moving = [
                    step for step in run.steps.values() if step.status not in ("pending", "succeeded", "skipped")
                ]
                assert [step for step in moving if step.status != "failed"], f"{run.id} hangs: {run.steps}"

    @invariant()
    def every_step_that_failed_for_good_has_a_dead_letter(self) -> None:
        letters = {(letter.run, letter.step) for letter in self.bench.store.scan(DeadLetter)}
        for run in self.bench.store.scan(Run):
            assert {(run.id, step.id) for step in run.steps.values() if step.status == "failed"} <= letters

    def teardown(self) -> None:
        folded = rebuilt(self.bench.store)
        assert {key: self.bench.store.get(type(one), one.id) for key, one in folded.puts.items()} == folded.puts


def test_any_history_of_a_run_keeps_its_promises() -> None:
    run_state_machine_as_test(
        PlaybookRun,
        settings=settings(
            derandomize="QD_SEEDS" not in os.environ,
            max_examples=int(os.environ.get("QD_SEEDS", "60")),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_machine_sees_a_kernel_that_lets_too_many_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without the limit of a fan-out its children all work at once, and the machine says so."""
    monkeypatch.setattr(fan_out, "has_room", lambda run, spec, child: True)
    with pytest.raises(AssertionError, match="too many"):
        run_state_machine_as_test(
            PlaybookRun,
            settings=settings(
                derandomize=True,
                max_examples=60,
                stateful_step_count=40,
                deadline=None,
                database=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
