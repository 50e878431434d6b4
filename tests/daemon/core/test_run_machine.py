"""Any order of answers, steering, signals and crashes agrees with a small model of a run."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quarterdeck_daemon.core.commands import Command, SignalRun, StartRun, SteerRun, SteerStep, StepAnswered
from quarterdeck_daemon.core.entities import RUN_ENDED, Run
from quarterdeck_daemon.core.orders import Failed, Failure, FailureClass, Outcome, StepDone
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import Bench, rebuilt

PLAYBOOK = """
name: lead
steps:
  - {id: a, agent: x, retry: {times: 1, backoff: 1s}}
  - {id: w, needs: [a], wait: {signal: go}}
  - {id: b, agent: x, needs: [w], retry: {times: 1, backoff: 1s}}
"""
NEEDS = {"a": None, "w": "a", "b": "w"}
OVER = ("succeeded", "failed", "skipped")
STEPS = st.sampled_from(["a", "w", "b"])


class Model:
    """One run: its state, its steps' states, and whether the signal has come."""

    def __init__(self) -> None:
        self.status, self.signal, self.overdue = "running", False, False
        self.steps = dict.fromkeys(NEEDS, "pending")
        self.tries = dict.fromkeys(NEEDS, 0)
        self.advance()

    @property
    def live(self) -> bool:
        return self.status in ("running", "paused")

    def advance(self) -> None:
        if self.status != "running":
            return
        for id, need in NEEDS.items():
            before = self.steps[need] if need else "succeeded"
            if self.steps[id] == "pending" and before in ("succeeded", "skipped"):
                self.steps[id] = "skipped" if before == "skipped" else "waiting" if id == "w" else "started"
                self.tries[id] += self.steps[id] == "started"
            if self.steps[id] == "waiting" and self.signal:
                self.steps[id] = "succeeded"
        if all(status in OVER for status in self.steps.values()):
            self.status = "no_op" if "skipped" in self.steps.values() else "succeeded"

    def end(self, status: str) -> None:
        self.status = status
        self.steps = {id: now if now in OVER else "pending" for id, now in self.steps.items()}

    def fail(self, id: str, again: bool) -> None:
        if again and self.tries[id] <= 1:
            self.steps[id] = "backoff"
            return
        self.steps[id] = "failed"
        self.end("failed")

    def wake(self) -> None:
        for id, now in self.steps.items():
            if now == "backoff" and self.status == "running":
                self.steps[id] = "pending"
        self.overdue = self.status == "paused"
        self.advance()


class RunMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.bench = Bench(playbook=PLAYBOOK)
        self.bench.do(StartRun(playbook="lead", run_id="q"))
        self.model = Model()

    def accepted(self, command: Command) -> bool:
        try:
            return "ignored" not in self.bench.do(command)
        except QuarterdeckError as error:
            if error.code != "conflict":
                raise
            return False

    @rule(step=st.sampled_from(["a", "b"]), outcome=st.sampled_from(["done", "done", "transient", "permanent"]))
    def answer(self, step: str, outcome: str) -> None:
        command = StepAnswered(run="q", step=step, attempt=self.run().steps[step].attempts, outcome=OUTCOMES[outcome])
        fits = self.model.live and self.model.steps[step] == "started"
        assert self.accepted(command) == fits
        if fits and outcome == "done":
            self.model.steps[step] = "succeeded"
            self.model.advance()
        elif fits:
            self.model.fail(step, outcome == "transient")

    @rule(step=st.sampled_from(["a", "b"]), attempt=st.integers(0, 9))
    def answer_to_another_try(self, step: str, attempt: int) -> None:
        if attempt != self.run().steps[step].attempts:
            assert not self.accepted(StepAnswered(run="q", step=step, attempt=attempt, outcome=OUTCOMES["done"]))

    @rule()
    def signal(self) -> None:
        assert self.accepted(SignalRun(id="q", signal="go")) == self.model.live
        if self.model.live:
            self.model.signal = True
            self.model.advance()

    @rule(verb=st.sampled_from(["pause", "resume", "resume", "cancel"]))
    def steer(self, verb: str) -> None:
        allowed = {"pause": ("running",), "resume": ("paused",), "cancel": ("running", "paused")}[verb]
        fits = self.model.status in allowed
        assert self.accepted(SteerRun(id="q", verb=verb)) == fits
        if fits and verb == "cancel":
            self.model.end("cancelled")
        elif fits:
            self.model.status = {"pause": "paused", "resume": "running"}[verb]
            self.model.advance()
        if fits and verb == "resume":
            self.bench.pass_time(0)
            if self.model.overdue:
                self.model.wake()

    @rule(step=STEPS, verb=st.sampled_from(["retry", "retry", "skip"]))
    def steer_step(self, step: str, verb: str) -> None:
        live = {"retry": ("backoff",), "skip": ("backoff", "pending", "waiting")}[verb]
        allowed = live if self.model.live else ("failed",)
        fits = self.model.steps[step] in allowed
        assert self.accepted(SteerStep(id="q", step=step, verb=verb)) == fits
        if not fits:
            return
        self.model.status = self.model.status if self.model.live else "running"
        self.model.steps[step] = "pending" if verb == "retry" else "skipped"
        self.model.tries[step] = 0 if verb == "retry" else self.model.tries[step]
        self.model.advance()

    @rule()
    def pass_time(self) -> None:
        self.bench.pass_time(3_600_000_000)
        self.model.wake()

    @rule()
    def crash(self) -> None:
        self.bench.store = self.bench.store.crashed()

    def run(self) -> Run:
        run = self.bench.store.get(Run, "q")
        assert run is not None
        return run

    @invariant()
    def the_model_agrees(self) -> None:
        run = self.run()
        kept = (run.status, {id: step.status for id, step in run.steps.items()})
        assert kept == (self.model.status, self.model.steps)

    @invariant()
    def what_is_needed_is_what_is_started(self) -> None:
        started = {id for id, status in self.model.steps.items() if status == "started"}
        assert {need.step for need in self.bench.needs("step")} == (
            started if self.model.status == "running" else set()
        )
        assert self.run().live == (self.model.status not in RUN_ENDED)

    def teardown(self) -> None:
        folded = rebuilt(self.bench.store)
        assert {key: self.bench.store.get(type(one), one.id) for key, one in folded.puts.items()} == folded.puts


def _failed(failure: FailureClass) -> Failed:
    return Failed(failure=Failure(failure=failure, code="c", message="m"))


OUTCOMES: dict[str, Outcome] = {
    "done": StepDone(output={}),
    "transient": _failed("transient"),
    "permanent": _failed("permanent"),
}


def test_any_order_of_steering_agrees_with_the_model() -> None:
    run_state_machine_as_test(
        RunMachine,
        settings=settings(
            derandomize=True,
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
