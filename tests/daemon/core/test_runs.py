"""Runs: how steps follow each other, what the operator may do to them, and how they end."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import (
    AssetFile,
    Choice,
    DecideApprovals,
    EffectAnswered,
    LoadAssets,
    RecallAnswered,
    ResolveDeadLetter,
    SignalRun,
    StartRun,
    SteerRun,
    SteerStep,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import Action, DeadLetter, Plain, Run
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import (
    EffectDone,
    Failed,
    Failure,
    FailureClass,
    Outcome,
    ProposedAction,
    StepDone,
)
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import POLICY, Bench

SECOND = 1_000_000


def playbook(*steps: str, inputs: str = "{}") -> str:
    return f"name: lead\ninputs: {inputs}\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)


def started(*steps: str, inputs: str = "{}", given: Plain | None = None) -> Bench:
    """A bench on which run `q` of these steps has begun."""
    bench = Bench(playbook=playbook(*steps, inputs=inputs))
    bench.do(StartRun(playbook="lead", run_id="q", inputs=given or {}))
    return bench


def run_of(bench: Bench) -> Run:
    run = bench.store.get(Run, "q")
    assert run is not None
    return run


def states(bench: Bench) -> dict[str, str]:
    run = run_of(bench)
    return {"run": run.status, **{id: step.status for id, step in run.steps.items()}}


def answer(bench: Bench, step: str, outcome: Outcome | None = None) -> None:
    (need,) = [need for need in bench.needs("step") if need.step == step]
    outcome = outcome or StepDone(output={})
    bench.do(StepAnswered(run="q", step=step, attempt=need.attempt, outcome=outcome), actor="worker")


def failed(failure: FailureClass = "permanent") -> Failed:
    return Failed(failure=Failure(failure=failure, code="internal", message="broken"))


def asking() -> StepDone:
    args: Plain = {"to": ["a@example.test"], "subject": "s", "body": "b"}
    action = ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="", why="")
    return StepDone(output={}, actions=(action,))


def the_action(bench: Bench) -> Action:
    (action,) = bench.store.scan(Action)
    return action


def approve_and_send(bench: Bench) -> None:
    action = the_action(bench)
    choice = Choice(id=action.id, shown_hash=action.shown_hash)
    bench.do(DecideApprovals(items=(choice,), decision="approve"))
    bench.pass_time(8 * SECOND)
    bench.do(EffectAnswered(action=action.id, outcome=EffectDone(result={})))


# --- order ----------------------------------------------------------------------------------------


def test_steps_start_as_soon_as_what_they_need_is_over_whatever_their_order_in_the_file() -> None:
    bench = started("{id: c, agent: x, needs: [a, b]}", "{id: b, agent: x}", "{id: a, agent: x}")
    assert states(bench) == {"run": "running", "c": "pending", "b": "started", "a": "started"}
    answer(bench, "a")
    assert states(bench)["c"] == "pending"
    answer(bench, "b")
    assert states(bench)["c"] == "started"
    answer(bench, "c")
    assert states(bench) == {"run": "succeeded", "c": "succeeded", "b": "succeeded", "a": "succeeded"}


def test_what_needs_a_skipped_step_is_skipped_too_whatever_their_order_in_the_file() -> None:
    bench = started(
        "{id: c, agent: x, needs: [b]}", "{id: b, agent: x, needs: [a]}", '{id: a, agent: x, when: "false"}'
    )
    assert states(bench) == {"run": "no_op", "c": "skipped", "b": "skipped", "a": "skipped"}


@pytest.mark.parametrize("when", ["inputs.missing", "steps.nobody.output.x", "1 / 0 == 1", "'yes'", "inputs.list[0]"])
def test_a_when_without_an_answer_fails_the_step_and_never_counts_as_true(when: str) -> None:
    bench = started(f'{{id: a, agent: x, when: "{when}"}}', inputs="{list: {type: list}}", given={"list": []})
    assert states(bench) == {"run": "failed", "a": "failed"}
    (letter,) = bench.store.live(DeadLetter)
    assert (letter.step, letter.attempts, letter.error["code"]) == ("a", 0, "bad_value")
    assert bench.needs("step") == []


@pytest.mark.parametrize("reads", ["{}", '{r: {recall: "hello"}}'])
def test_an_input_without_an_answer_fails_the_step_also_after_a_recall(reads: str) -> None:
    bench = started(f'{{id: a, agent: x, reads: {reads}, in: {{v: "${{inputs.missing}}"}}}}')
    for need in bench.needs("recall"):
        bench.do(RecallAnswered(run=need.entity, step=need.step, hits={"r": []}))
    assert states(bench) == {"run": "failed", "a": "failed"}


@pytest.mark.parametrize("id", ["a\0b", "x" * 5_000])
def test_a_read_of_an_id_that_nothing_can_have_fails_the_step(id: str) -> None:
    """The id may come from text from outside; it must not keep the answer of the step before out of the log."""
    read = '{id: b, agent: x, needs: [a], reads: {d: {document: "${steps.a.output.id}"}}}'
    bench = started("{id: a, agent: x}", read)
    answer(bench, "a", StepDone(output={"id": id}))
    assert states(bench) == {"run": "failed", "a": "succeeded", "b": "failed"}


@pytest.mark.parametrize(
    ("asked", "given"), [("limit: 0", 1), ("limit: -1", 1), ("limit: 9000", 100), ("limit: x", 5)]
)
def test_a_recall_asks_for_a_number_of_memories_that_an_index_can_give(asked: str, given: int) -> None:
    bench = started(f'{{id: a, agent: x, reads: {{r: {{recall: "hello", {asked}}}}}}}')
    assert run_of(bench).steps["a"].recall == {"r": {"query": "hello", "limit": given}}


# --- failures -------------------------------------------------------------------------------------


def test_only_failures_that_may_pass_are_tried_again() -> None:
    after: dict[str, str] = {}
    classes: tuple[FailureClass, ...] = (
        "transient", "crash", "timeout", "permanent", "contract", "stopped", "uncertain",
    )  # fmt: skip
    for failure in classes:
        bench = started("{id: a, agent: x}")
        answer(bench, "a", failed(failure))
        after[failure] = states(bench)["a"]
    again = dict.fromkeys(("transient", "crash", "timeout"), "backoff")
    assert after == again | dict.fromkeys(("permanent", "contract", "stopped", "uncertain"), "failed")


def test_the_back_off_doubles_and_an_answer_to_an_earlier_try_is_ignored() -> None:
    bench = started("{id: a, agent: x, retry: {times: 2, backoff: 4s}}")
    waits: list[int] = []
    for attempt in (1, 2):
        answer(bench, "a", failed("crash"))
        until = run_of(bench).steps["a"].until_us
        assert until is not None
        waits.append(until - bench.now_us)
        bench.pass_time(waits[-1])
        late = StepAnswered(run="q", step="a", attempt=attempt, outcome=StepDone(output={}))
        assert bench.do(late) == {"ignored": True}
    assert waits == [3 * SECOND, 6 * SECOND]  # 4 s and 8 s, three quarters of them at a chance of one half.
    answer(bench, "a", failed("crash"))
    assert states(bench) == {"run": "exhausted", "a": "failed"}


def test_a_retried_step_runs_again_and_the_run_goes_on_to_its_end() -> None:
    bench = started("{id: a, agent: x}", "{id: b, agent: x, needs: [a]}")
    answer(bench, "a", failed())
    (letter,) = bench.store.live(DeadLetter)
    bench.do(ResolveDeadLetter(id=letter.id, remedy="retry"))
    assert states(bench) == {"run": "running", "a": "started", "b": "pending"}
    assert list(bench.store.live(DeadLetter)) == []
    answer(bench, "a")
    answer(bench, "b")
    assert states(bench) == {"run": "succeeded", "a": "succeeded", "b": "succeeded"}
    assert run_of(bench).reason == ""


def test_a_failed_step_that_is_skipped_takes_what_needs_it_along() -> None:
    bench = started("{id: a, agent: x}", "{id: b, agent: x, needs: [a]}", "{id: c, agent: x}")
    answer(bench, "c")
    answer(bench, "a", failed())
    bench.do(SteerStep(id="q", step="a", verb="skip"))
    assert states(bench) == {"run": "succeeded", "a": "skipped", "b": "skipped", "c": "succeeded"}


def test_a_failed_run_lets_go_of_its_other_steps_and_takes_them_up_again_when_reopened() -> None:
    bench = started(
        "{id: a, agent: x}", "{id: b, agent: x}", '{id: c, agent: x, reads: {r: {recall: "z"}}}', "{id: d, wait: {signal: s}}",
    )  # fmt: skip
    answer(bench, "a", failed())
    assert states(bench) == {"run": "failed", "a": "failed", "b": "pending", "c": "pending", "d": "pending"}
    late = StepAnswered(run="q", step="b", attempt=1, outcome=StepDone(output={"late": True}))
    assert bench.do(late) == {"ignored": True}
    bench.do(SteerStep(id="q", step="a", verb="retry"))
    assert states(bench) == {"run": "running", "a": "started", "b": "started", "c": "recalling", "d": "waiting"}
    assert bench.do(late) == {"ignored": True}, "the answer of the try that was given up"


def test_an_action_of_a_failed_run_may_still_go_and_ends_its_step() -> None:
    bench = started("{id: a, agent: x}", "{id: b, agent: x}")
    answer(bench, "a", asking())
    answer(bench, "b", failed())
    approve_and_send(bench)
    assert states(bench) == {"run": "failed", "a": "succeeded", "b": "failed"}
    bench.do(SteerStep(id="q", step="b", verb="retry"))
    answer(bench, "b")
    assert states(bench) == {"run": "succeeded", "a": "succeeded", "b": "succeeded"}


# --- steering -------------------------------------------------------------------------------------


def test_a_cancelled_run_has_no_live_steps_and_its_actions_are_withdrawn() -> None:
    bench = started(
        "{id: a, agent: x}", "{id: b, agent: x}", "{id: c, wait: {signal: s, for: 1h}}", "{id: d, agent: x}"
    )
    answer(bench, "a", asking())
    answer(bench, "d", failed("crash"))
    assert states(bench) == {"run": "running", "a": "waiting", "b": "started", "c": "waiting", "d": "backoff"}
    bench.do(SteerRun(id="q", verb="cancel"))
    assert states(bench) == {"run": "cancelled", "a": "succeeded", "b": "pending", "c": "pending", "d": "pending"}
    assert the_action(bench).status == "withdrawn"
    assert bench.needs("wake") == []


@pytest.mark.parametrize("verb", ["retry", "skip"])
@pytest.mark.parametrize("step", ["a", "b"])
def test_steering_a_step_never_revives_a_cancelled_run(verb: str, step: str) -> None:
    bench = started("{id: a, agent: x}", "{id: b, agent: x, needs: [a]}")
    bench.do(SteerRun(id="q", verb="cancel"))
    with pytest.raises(QuarterdeckError, match="cancelled") as refused:
        bench.do(SteerStep(id="q", step=step, verb=verb))
    assert refused.value.code == "conflict"


def test_a_paused_run_starts_nothing_keeps_answers_and_goes_on_when_resumed() -> None:
    bench = started("{id: a, agent: x}", "{id: b, agent: x, needs: [a]}")
    bench.do(SteerRun(id="q", verb="pause"))
    assert bench.needs("step") == []
    bench.do(StepAnswered(run="q", step="a", attempt=1, outcome=StepDone(output={"kept": 1})))
    assert states(bench) == {"run": "paused", "a": "succeeded", "b": "pending"}
    bench.do(SteerRun(id="q", verb="resume"))
    assert states(bench) == {"run": "running", "a": "succeeded", "b": "started"}


def test_retrying_a_step_of_a_paused_run_does_not_resume_it() -> None:
    bench = started("{id: a, agent: x}")
    answer(bench, "a", failed("crash"))
    bench.do(SteerRun(id="q", verb="pause"))
    bench.do(SteerStep(id="q", step="a", verb="retry"))
    assert states(bench) == {"run": "paused", "a": "pending"}
    bench.do(SteerRun(id="q", verb="resume"))
    assert states(bench) == {"run": "running", "a": "started"}


def test_a_back_off_that_ends_while_paused_is_taken_up_when_resumed() -> None:
    bench = started("{id: a, agent: x}")
    answer(bench, "a", failed("crash"))
    bench.do(SteerRun(id="q", verb="pause"))
    bench.pass_time(3600 * SECOND)
    assert states(bench) == {"run": "paused", "a": "backoff"}
    bench.do(SteerRun(id="q", verb="resume"))
    bench.pass_time(0)
    assert states(bench) == {"run": "running", "a": "started"}


@pytest.mark.parametrize(
    ("verb", "status"), [("resume", "running"), ("pause", "paused"), ("pause", "cancelled"), ("cancel", "cancelled")]
)
def test_what_does_not_fit_a_runs_state_is_a_conflict(verb: str, status: str) -> None:
    bench = started("{id: a, agent: x}")
    if status != "running":
        bench.do(SteerRun(id="q", verb={"paused": "pause", "cancelled": "cancel"}[status]))
    head = bench.store.head
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(SteerRun(id="q", verb=verb))
    assert (refused.value.code, bench.store.head) == ("conflict", head)


def test_skipping_a_pending_step_of_a_failed_run_does_not_end_it_well() -> None:
    """The failed step stays failed, so the run does."""
    bench = started("{id: a, agent: x}", "{id: b, agent: x, needs: [a]}")
    answer(bench, "a", failed())
    with pytest.raises(QuarterdeckError):
        bench.do(SteerStep(id="q", step="b", verb="skip"))
    assert states(bench) == {"run": "failed", "a": "failed", "b": "pending"}


def test_a_run_with_a_failed_step_ends_failed_also_when_another_one_opened_it_again() -> None:
    """Two steps fail, one is mended: nothing that needs the other can ever move, and the run says so."""
    bench = started(
        "{id: a, agent: x}", "{id: b, agent: x, needs: [a]}", "{id: c, agent: x}", '{id: d, agent: x, needs: [c], when: "nope"}',
    )  # fmt: skip
    answer(bench, "a", failed())
    bench.do(SteerStep(id="q", step="a", verb="skip"))
    answer(bench, "c")
    assert states(bench) == {"run": "failed", "a": "skipped", "b": "skipped", "c": "succeeded", "d": "failed"}
    assert run_of(bench).reason == "step d failed"


# --- waits and signals ----------------------------------------------------------------------------


def output_of(bench: Bench, step: str) -> Plain:
    return run_of(bench).steps[step].output


def test_a_signal_ends_its_wait_and_one_that_came_before_its_waiter_is_kept() -> None:
    for early in (True, False):
        bench = started("{id: a, agent: x}", "{id: w, needs: [a], wait: {signal: go, for: 1h}}")
        for act in ("signal", "answer") if early else ("answer", "signal"):
            if act == "signal":
                bench.do(SignalRun(id="q", signal="go", payload={"n": 1}))
            else:
                answer(bench, "a")
        assert states(bench) == {"run": "succeeded", "a": "succeeded", "w": "succeeded"}
        assert output_of(bench, "w") == {"signal": {"n": 1}, "timed_out": False}


def test_a_signal_of_another_name_ends_no_wait() -> None:
    bench = started("{id: w, wait: {signal: go}}")
    bench.do(SignalRun(id="q", signal="stay"))
    assert states(bench) == {"run": "running", "w": "waiting"}


def test_a_signal_to_a_paused_run_reaches_its_waiter_when_the_run_goes_on() -> None:
    bench = started("{id: w, wait: {signal: go}}")
    bench.do(SteerRun(id="q", verb="pause"))
    bench.do(SignalRun(id="q", signal="go", payload={"n": 1}))
    assert states(bench) == {"run": "paused", "w": "waiting"}
    bench.do(SteerRun(id="q", verb="resume"))
    assert states(bench) == {"run": "succeeded", "w": "succeeded"}
    assert output_of(bench, "w") == {"signal": {"n": 1}, "timed_out": False}


def test_a_wait_ends_by_its_time_and_says_so() -> None:
    bench = started("{id: w, wait: {signal: go, for: 1h}}")
    bench.pass_time(3600 * SECOND - 1)
    assert states(bench)["w"] == "waiting"
    bench.pass_time(1)
    assert output_of(bench, "w") == {"timed_out": True}


def test_a_run_that_has_ended_takes_no_signals() -> None:
    bench = started("{id: a, agent: x}")
    answer(bench, "a")
    with pytest.raises(QuarterdeckError, match="has ended"):
        bench.do(SignalRun(id="q", signal="go"))


# --- identity -------------------------------------------------------------------------------------


def test_a_run_keeps_the_text_it_began_with_when_its_playbook_changes() -> None:
    bench = started("{id: a, agent: x}", "{id: b, agent: x, needs: [a]}")
    changed = playbook("{id: z, agent: y}")
    files = (
        AssetFile(asset_kind="playbook", name="lead", path="p", text=changed, hash=text_hash(changed)),
        AssetFile(asset_kind="policy", name="mail", path="q", text=POLICY, hash=text_hash(POLICY)),
    )
    bench.do(LoadAssets(files=files))
    answer(bench, "a")
    assert states(bench) == {"run": "running", "a": "succeeded", "b": "started"}
    bench.do(StartRun(playbook="lead", run_id="q2"))
    second = bench.store.get(Run, "q2")
    assert second is not None
    assert list(second.steps) == ["z"]


@pytest.mark.parametrize("id", ["-a", "a b", "a/b", "ä", "a\n", "x" * 65, "a\0", "..", "r" + "9" * 15])
def test_a_run_id_that_cannot_be_one_is_refused(id: str) -> None:
    bench = Bench(playbook=playbook("{id: a, agent: x}"))
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(StartRun(playbook="lead", run_id=id))
    assert refused.value.code == "bad_value"


def test_ids_given_by_callers_are_never_given_again() -> None:
    bench = Bench(playbook=playbook("{id: a, agent: x}"))
    bench.do(StartRun(playbook="lead", run_id="r7"))
    assert bench.do(StartRun(playbook="lead"))["run_id"] == "r8"
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(StartRun(playbook="lead", run_id="r8"))
    assert refused.value.code == "conflict"


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    bench = Bench(playbook=playbook("{id: a, agent: x}", "{id: b, agent: y, needs: [a]}"))
    head = bench.store.head
    reply = bench.do(StartRun(playbook="lead", dry_run=True))
    steps = reply["steps"]
    assert isinstance(steps, list)
    assert [step["id"] for step in steps] == ["a", "b"]
    assert bench.store.head == head
