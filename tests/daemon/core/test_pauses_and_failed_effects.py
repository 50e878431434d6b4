"""A paused run sends nothing; an effect that failed is a step that failed, with a dead letter and a way back."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import EffectAnswered, SteerRun, SteerStep
from quarterdeck_daemon.core.entities import Action, DeadLetter, Run
from quarterdeck_daemon.core.orders import Failed, Failure

from .test_lead_story import answer_step, approve, bench_with_proposal, mail_to

REFUSED = Failed(failure=Failure(failure="permanent", code="smtp_refused", message="550 nobody here"))


def test_what_a_paused_run_was_about_to_send_waits_until_it_is_resumed() -> None:
    bench, action = bench_with_proposal()
    approve(bench, action)
    bench.do(SteerRun(id=action.run, verb="pause"))
    bench.pass_time(60_000_000)
    assert bench.needs("effect") == []
    bench.do(SteerRun(id=action.run, verb="resume"))
    bench.pass_time(0)
    assert [need.entity for need in bench.needs("effect")] == [action.id]


def test_an_effect_that_failed_for_good_becomes_a_dead_letter_and_can_be_tried_anew() -> None:
    bench, action = bench_with_proposal()
    approve(bench, action)
    bench.pass_time(8_000_000)
    bench.do(EffectAnswered(action=action.id, outcome=REFUSED))
    run = bench.store.get(Run, action.run)
    (letter,) = bench.store.live(DeadLetter)
    assert run is not None
    assert (run.status, letter.step, letter.error["code"]) == ("failed", "send", "smtp_refused")
    bench.do(SteerStep(id=run.id, step="send", verb="retry"))
    answer_step(bench, {}, (mail_to("ines@northwind.test"),))
    again = [one for one in bench.store.live(Action) if one.status == "proposed"]
    assert [one.run for one in again] == [run.id]
    assert list(bench.store.live(DeadLetter)) == []
