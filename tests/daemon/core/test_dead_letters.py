"""Dead letters: work that gave up keeps all that is needed to mend it, and every remedy does what it says."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import (
    Choice,
    Command,
    ConfigureLimits,
    DecideApprovals,
    EffectAnswered,
    ResolveDeadLetter,
    StartRun,
    StepAnswered,
    Undo,
)
from quarterdeck_daemon.core.diagnosis import diagnosed
from quarterdeck_daemon.core.entities import Action, Alert, DeadLetter, Plain, Run
from quarterdeck_daemon.core.failing import BACKOFF_MAX_US, wait_us
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

from .core_bench import Bench, rebuilt

SECOND = 1_000_000
HOUR = 3_600 * SECOND
TWO = """
name: lead
inputs: {who: {type: string}}
steps:
  - {id: a, agent: x, in: {to: "${inputs.who}", tone: warm}, retry: {times: 1, backoff: 1s}}
  - {id: b, agent: z, needs: [a]}
"""
SENDING = """
name: lead
steps:
  - {id: a, agent: x}
  - {id: b, agent: z, needs: [a], retry: {times: 0}}
"""


def started(playbook: str = TWO, **inputs: object) -> Bench:
    bench = Bench(playbook=playbook)
    bench.do(StartRun(playbook="lead", run_id="q", inputs=dict(inputs)))
    return bench


def run_of(bench: Bench) -> Run:
    run = bench.store.get(Run, "q")
    assert run is not None
    return run


def answer(bench: Bench, step: str, outcome: Outcome | None = None) -> None:
    attempt = run_of(bench).steps[step].attempts
    bench.do(
        StepAnswered(run="q", step=step, attempt=attempt, outcome=outcome or StepDone(output={})), actor="worker"
    )


def broken(failure: FailureClass = "permanent", code: str = "refused", message: str = "no such street") -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message))


def the_letter(bench: Bench) -> DeadLetter:
    (letter,) = bench.store.live(DeadLetter)
    return letter


def resolve(bench: Bench, remedy: str, input: Plain | None = None, agent: str = "") -> Plain:
    command: Command = ResolveDeadLetter(id=the_letter(bench).id, remedy=remedy, input=input or {}, agent=agent)
    return bench.do(command)


def alerts(bench: Bench) -> list[str]:
    return [one.topic for one in bench.store.live(Alert)]


# --- what it keeps --------------------------------------------------------------------------------


def test_it_keeps_every_try_with_its_time_and_agent_and_says_what_likely_is_behind_it() -> None:
    bench = started(who="Ines")
    answer(bench, "a", broken("crash", "unavailable", "killed"))
    first = bench.now_us
    bench.pass_time(SECOND)
    answer(bench, "a", broken("timeout", "deadline", "no answer within 30000 ms"))
    letter = the_letter(bench)
    tries = [(one["attempt"], one["at_us"], one["agent"], one["error"]["code"]) for one in letter.failures]  # type: ignore[index]
    assert tries == [(1, first, "x", "unavailable"), (2, bench.now_us, "x", "deadline")]
    assert letter.diagnosis == (
        "It did not answer in time. Likely the work is larger than its timeout allows, or what it waits for hangs."
        " It was tried 2 times."
    )
    assert bench.store.event(letter.input_seq).body["input"] == {"to": "Ines", "tone": "warm"}  # type: ignore[union-attr]
    assert (letter.playbook, letter.agent, letter.run, letter.step) == ("lead", "x", "q", "a")


def test_every_remedy_that_it_names_is_a_command_about_it() -> None:
    bench = started()
    letter = the_letter(bench)  # `who` was not given, and the reference has no answer.
    assert letter.remedies == (
        "quarterdeck dead retry dead1",
        "quarterdeck dead edit dead1 NAME=VALUE",
        "quarterdeck dead reroute dead1 AGENT",
        "quarterdeck runs skip q a",
        "quarterdeck dead drop dead1",
    )
    assert "leads nowhere" in letter.diagnosis


def test_what_it_holds_follows_from_the_log_alone() -> None:
    bench = started(who="Ines")
    answer(bench, "a", broken())
    assert rebuilt(bench.store).get(DeadLetter, "dead1") == the_letter(bench)


@pytest.mark.parametrize(
    "failure", ["transient", "permanent", "contract", "crash", "timeout", "stopped", "uncertain", "?"]
)
def test_every_class_of_failure_has_words_with_a_likely_cause(failure: str) -> None:
    said = diagnosed({"failure": failure, "code": "nothing.known"}, 1)
    assert said.endswith(".")
    assert failure == "?" or "Likely" in said or failure == "stopped"


# --- remedies -------------------------------------------------------------------------------------


def test_edited_input_takes_the_place_of_what_led_nowhere_and_the_step_is_tried_again() -> None:
    bench = started()
    resolve(bench, "edit", {"to": "Ines"})
    run = run_of(bench)
    assert (run.status, run.steps["a"].status, list(bench.store.live(DeadLetter))) == ("running", "started", [])
    event = bench.store.event(run.steps["a"].input_seq)
    assert event is not None
    assert event.body["input"] == {"to": "Ines", "tone": "warm"}


def test_rerouted_it_is_tried_again_by_the_agent_that_was_named() -> None:
    bench = started(who="Ines")
    answer(bench, "a", broken())
    resolve(bench, "reroute", agent="y")
    assert (run_of(bench).steps["a"].agent, run_of(bench).steps["a"].status) == ("y", "started")
    assert bench.needs("step")[0].attempt == 1


def test_retried_and_dropped_are_what_they_were() -> None:
    bench = started(who="Ines")
    answer(bench, "a", broken())
    assert resolve(bench, "retry")["status"] == "running"
    answer(bench, "a", broken())
    assert resolve(bench, "drop")["resolved"] == "drop"
    assert run_of(bench).status == "failed"
    assert list(bench.store.live(DeadLetter)) == []


@pytest.mark.parametrize(
    ("remedy", "code"), [("edit", "bad_value"), ("reroute", "bad_value"), ("compensate", "conflict")]
)
def test_a_remedy_without_what_it_needs_is_refused_and_nothing_happens(remedy: str, code: str) -> None:
    bench = started(who="Ines")
    answer(bench, "a", broken())
    head = bench.store.head
    with pytest.raises(QuarterdeckError) as refused:
        resolve(bench, remedy)
    assert (refused.value.code, bench.store.head) == (code, head)


def sent_and_failed() -> Bench:
    """A run whose first step has sent a mail and whose second has failed."""
    bench = started(SENDING)
    args: Plain = {"to": ["a@example.test"], "subject": "s", "body": "b"}
    mail = ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="mail", why="")
    answer(bench, "a", StepDone(output={}, actions=(mail,)))
    (action,) = bench.store.scan(Action)
    bench.do(DecideApprovals(items=(Choice(id=action.id, shown_hash=action.shown_hash),), decision="approve"))
    bench.pass_time(8 * SECOND)
    bench.do(EffectAnswered(action=action.id, outcome=EffectDone(result={"message_id": "<m@x>"})))
    answer(bench, "b", broken())
    return bench


def test_compensated_it_takes_back_what_the_run_did_before_it_failed() -> None:
    bench = sent_and_failed()
    assert "quarterdeck dead compensate dead1" in the_letter(bench).remedies
    told = resolve(bench, "compensate")
    assert told["resolved"] == "compensate"
    assert told["undoing"]
    assert list(bench.store.live(DeadLetter)) == []


def test_an_effect_that_fails_when_its_run_is_over_leaves_a_letter_and_can_be_proposed_again() -> None:
    bench = sent_and_failed()
    resolve(bench, "drop")
    bench.do(Undo(scope="action:a1", reason="oops"))
    correction = next((one for one in bench.store.live(Action) if one.compensates == "a1"), None)
    if correction is None:
        pytest.skip("this workspace mends a mail by a run")
    bench.do(DecideApprovals(items=(Choice(id=correction.id, shown_hash=correction.shown_hash),), decision="approve"))
    bench.pass_time(8 * SECOND)
    bench.do(EffectAnswered(action=correction.id, outcome=broken()))
    letter = the_letter(bench)
    assert (letter.action, letter.step) == (correction.id, "")
    again = resolve(bench, "retry")
    found = bench.store.get(Action, str(again["action"]))
    assert found is not None
    assert (found.args, found.status) == (correction.args, "proposed")


# --- nobody looks ---------------------------------------------------------------------------------


def test_a_letter_that_nobody_has_seen_to_becomes_an_alert_and_goes_with_its_remedy() -> None:
    bench = started(who="Ines")
    answer(bench, "a", broken())
    bench.pass_time(4 * HOUR - 1)
    assert alerts(bench) == []
    bench.pass_time(1)
    assert alerts(bench) == ["deadletter/dead1"]
    (alert,) = bench.store.live(Alert)
    assert (alert.runbook, alert.hint) == ("dead-letters", "quarterdeck dead show dead1")
    resolve(bench, "drop")
    assert alerts(bench) == []


def test_when_somebody_waits_for_the_run_it_is_an_alert_at_once() -> None:
    bench = started(TWO + "priority: interactive\n", who="Ines")
    answer(bench, "a", broken())
    assert alerts(bench) == ["deadletter/dead1"]


def test_twin_without_escalation_nobody_is_told_however_long_it_lies() -> None:
    bench = Bench(playbook=TWO)
    bench.do(ConfigureLimits(escalate_us=0))
    bench.do(StartRun(playbook="lead", run_id="q", inputs={"who": "Ines"}))
    answer(bench, "a", broken())
    bench.pass_time(1_000 * HOUR)
    assert alerts(bench) == []


# --- back-off -------------------------------------------------------------------------------------


def test_the_wait_doubles_is_jittered_and_never_longer_than_an_hour() -> None:
    assert [wait_us(2 * SECOND, attempt, 0.0) for attempt in (1, 2, 3)] == [SECOND, 2 * SECOND, 4 * SECOND]
    assert wait_us(2 * SECOND, 1, 0.999) > 1.99 * SECOND
    assert wait_us(2 * SECOND, 20, 0.5) <= BACKOFF_MAX_US


def test_each_class_of_failure_has_tries_and_a_wait_of_its_own() -> None:
    retry = (
        "{times: 3, backoff: 2s, on: [transient], classes: {crash: {times: 1, backoff: 10s}, contract: {times: 2}}}"
    )
    after: dict[str, tuple[str, int]] = {}
    for failure in ("transient", "crash", "contract", "timeout"):
        bench = started(f"name: lead\nsteps:\n  - {{id: a, agent: x, retry: {retry}}}\n")
        answer(bench, "a", broken(failure))
        step = run_of(bench).steps["a"]
        after[failure] = (step.status, (step.until_us or bench.now_us) - bench.now_us)
    waits = {"transient": 2 * SECOND, "crash": 10 * SECOND, "contract": 2 * SECOND}
    assert after == {name: ("backoff", wait * 3 // 4) for name, wait in waits.items()} | {"timeout": ("failed", 0)}
