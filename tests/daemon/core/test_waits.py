"""Waits: signals, answers to mails, times and the operator's yes; each may come before its waiter."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import (
    Choice,
    DecideApprovals,
    DocumentAnswered,
    EffectAnswered,
    SignalRun,
    SteerRun,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import Action, DeadLetter, Plain, Thread
from quarterdeck_daemon.core.orders import EffectDone, Parsed
from quarterdeck_protocol.codes import QuarterdeckError

from .run_bench import DAY, HOUR, SECOND, RunBench, mail, playbook

REPLY = playbook(
    "{id: send, agent: x}",
    "{id: answer, needs: [send], wait: {reply_to: steps.send, for: 3d}}",
    '{id: use, agent: y, needs: [answer], in: {reply: "${steps.answer.output.reply}"}, when: "!steps.answer.output.timed_out"}',
)


def sent(bench: RunBench, step: str = "send", run: str = "q", mail_id: str = "<qd-1@house.test>") -> None:
    """The step's mail is proposed, approved, held and has left."""
    bench.answer(step, mail(), run=run)
    (id,) = bench.step(step, run).actions
    action = bench.store.get(Action, id)
    assert action is not None
    bench.do(DecideApprovals(items=(Choice(id=id, shown_hash=action.shown_hash),), decision="approve"))
    bench.pass_time(8 * SECOND)
    bench.do(EffectAnswered(action=id, outcome=EffectDone(result={"message_id": mail_id})), actor="effector")


def received(bench: RunBench, *, in_reply_to: str, name: str = "r.eml", auto: str = "") -> str:
    """A mail arrives and is read."""
    document = bench.receive_mail(name)
    meta: Plain = {"from_address": "ada@client.test", "in_reply_to": in_reply_to, "references": [], "auto": auto}
    parsed = Parsed(title="Re: s", text="Yes, Tuesday.", meta=meta)
    bench.do(DocumentAnswered(document=document, outcome=parsed), actor="worker")
    return document


def answered(document: str) -> Plain:
    return {"reply": {"document": document, "from": "ada@client.test", "subject": "Re: s"}, "timed_out": False}


def test_an_answer_in_the_thread_ends_the_wait_and_is_handed_on() -> None:
    bench = RunBench(REPLY)
    bench.start()
    sent(bench)
    assert bench.states() == {"run": "running", "send": "succeeded", "answer": "waiting", "use": "pending"}
    document = received(bench, in_reply_to="<qd-1@house.test>")
    assert bench.step("answer").output == answered(document)
    assert bench.input_of("use") == {"reply": answered(document)["reply"]}
    assert bench.run().labels.integrity == "external"
    bench.check_refold()


def test_an_answer_that_comes_before_the_wait_is_kept_for_it() -> None:
    steps = (
        "{id: send, agent: x}",
        "{id: pause, needs: [send], wait: {signal: go}}",
        "{id: answer, needs: [send, pause], wait: {reply_to: send}}",
    )
    bench = RunBench(playbook(*steps))
    bench.start()
    sent(bench)
    document = received(bench, in_reply_to="<qd-1@house.test>")
    assert bench.states()["answer"] == "pending"
    bench.store = bench.store.crashed()
    bench.do(SignalRun(id="q", signal="go"))
    assert bench.step("answer").output == answered(document)
    assert bench.run().status == "succeeded"


def test_other_mails_and_answers_of_machines_wake_nobody() -> None:
    bench = RunBench(REPLY)
    bench.start()
    sent(bench)
    received(bench, in_reply_to="<somebody@else.test>", name="other.eml")
    received(bench, in_reply_to="<qd-1@house.test>", name="away.eml", auto="auto-replied")
    assert bench.states()["answer"] == "waiting"
    bench.pass_time(3 * DAY)
    assert bench.step("answer").output == {"timed_out": True}
    assert bench.states()["use"] == "skipped"


def test_two_waits_for_answers_take_two_answers() -> None:
    steps = (
        "{id: send, agent: x}",
        *(f"{{id: w{n}, needs: [{before}], wait: {{reply_to: send}}}}" for n, before in ((1, "send"), (2, "w1"))),
    )
    bench = RunBench(playbook(*steps))
    bench.start()
    sent(bench)
    first = received(bench, in_reply_to="<qd-1@house.test>", name="1.eml")
    assert bench.states()["w2"] == "waiting"
    second = received(bench, in_reply_to="<qd-1@house.test>", name="2.eml")
    assert (bench.step("w1").output, bench.step("w2").output) == (answered(first), answered(second))


def test_the_answer_to_a_mail_that_never_left_cannot_come_and_the_run_is_blocked() -> None:
    bench = RunBench(REPLY)
    bench.start()
    bench.answer("send", mail())
    (action,) = bench.store.scan(Action)
    bench.do(DecideApprovals(items=(Choice(id=action.id, shown_hash=action.shown_hash),), decision="reject"))
    assert bench.run().status == "blocked"
    (letter,) = bench.store.live(DeadLetter)
    assert letter.error["message"] == "no mail of send has left, so no answer to it can come"


def test_only_mails_that_somebody_waits_on_open_a_thread() -> None:
    bench = RunBench(playbook("{id: send, agent: x}"))
    bench.start()
    sent(bench)
    assert list(bench.store.scan(Thread)) == []


# --- approval -------------------------------------------------------------------------------------

GATE = playbook(
    '{id: ask, wait: {approval: "Publish ${inputs.title}?", for: 2d}}',
    "{id: publish, agent: x, needs: [ask]}",
    inputs="{title: {type: string}}",
)


def asked() -> RunBench:
    bench = RunBench(GATE)
    bench.start(title="the post")
    return bench


def test_a_yes_lets_the_run_go_on_and_says_who_gave_it() -> None:
    bench = asked()
    assert (bench.step("ask").gate, bench.states()["publish"]) == ("Publish the post?", "pending")
    assert bench.word("ask", "approve", reason="because")["status"] == "succeeded"
    assert bench.step("ask").output == {"approved": True, "by": "operator", "reason": "because"}
    assert bench.states()["publish"] == "started"
    bench.check_refold()


def test_a_no_skips_what_comes_after_and_ends_the_run_as_no_op() -> None:
    bench = asked()
    bench.word("ask", "reject", reason="because")
    assert bench.states() == {"run": "no_op", "ask": "skipped", "publish": "skipped"}
    assert bench.step("ask").output == {"approved": False, "by": "operator", "reason": "because"}


def test_silence_is_not_a_yes() -> None:
    bench = asked()
    bench.pass_time(2 * DAY)
    assert bench.states() == {"run": "no_op", "ask": "skipped", "publish": "skipped"}
    assert bench.step("ask").output == {"approved": False, "timed_out": True}


def test_a_word_on_another_question_or_on_none_is_a_conflict() -> None:
    bench = asked()
    for step, shown in (("ask", "0" * 64), ("publish", ""), ("nobody", "")):
        told = bench.word(step, "approve", shown=shown)
        assert (told["ok"], "conflict" in str(told["error"])) == (False, True)
    assert bench.states()["ask"] == "waiting"


# --- times ----------------------------------------------------------------------------------------


def test_a_wait_until_a_local_time_ends_then_also_after_a_restart() -> None:
    bench = RunBench(playbook('{id: w, wait: {until: "${inputs.at}"}}', inputs="{at: {type: string}}"))
    bench.start(at="2026-09-23T12:00")
    until = bench.step("w").until_us
    assert until is not None
    bench.store = bench.store.crashed()
    (need,) = [need for need in bench.needs("wake") if need.at_us == until]
    bench.pass_time(until - bench.now_us - 1)
    assert bench.states()["w"] == "waiting"
    bench.pass_time(1)
    assert (bench.states()["run"], need.entity) == ("succeeded", "run:q")


@pytest.mark.parametrize("at", ["soon", "2026-13-01", 7])
def test_a_time_that_is_none_fails_the_step(at: object) -> None:
    bench = RunBench(
        playbook(
            '{id: w, wait: {until: "${inputs.at}"}}', inputs=f"{{at: {{type: {'integer' if at == 7 else 'string'}}}}}"
        )
    )
    bench.start(at=at)
    assert bench.states() == {"run": "failed", "w": "failed"}


# --- signals --------------------------------------------------------------------------------------

THREE = playbook(
    *(
        f"{{id: w{n}, wait: {{signal: go}}{need}}}"
        for n, need in ((1, ""), (2, ", needs: [w1]"), (3, ", needs: [w2]"))
    )
)


def test_signals_of_one_name_queue_up_in_their_order_and_survive_a_crash() -> None:
    bench = RunBench(THREE)
    bench.start()
    bench.do(SteerRun(id="q", verb="pause"))
    for n in (1, 2, 3):
        bench.do(SignalRun(id="q", signal="go", payload={"n": n}))
    bench.store = bench.store.crashed()
    bench.do(SteerRun(id="q", verb="resume"))
    assert [bench.step(f"w{n}").output["signal"] for n in (1, 2, 3)] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert (bench.run().status, bench.run().signals, bench.run().queued) == ("succeeded", {}, {})
    bench.check_refold()


def test_a_run_holds_so_many_signals_and_says_when_it_is_full() -> None:
    bench = RunBench(playbook("{id: w, wait: {signal: other}}"))
    bench.start()
    for n in range(100):
        bench.do(SignalRun(id="q", signal=f"s{n % 3}"))
    with pytest.raises(QuarterdeckError, match="100 signals") as refused:
        bench.do(SignalRun(id="q", signal="s0"))
    assert refused.value.code == "busy"


def test_late_answers_of_an_ended_run_change_nothing() -> None:
    bench = RunBench(REPLY)
    bench.start()
    sent(bench)
    bench.do(SteerRun(id="q", verb="kill"))
    before = bench.run()
    received(bench, in_reply_to="<qd-1@house.test>")
    after = bench.run()
    assert (after.status, after.steps) == (before.status, before.steps)
    assert bench.do(StepAnswered(run="q", step="use", attempt=1, outcome=mail())) == {"ignored": True}


def test_a_wait_of_hours_is_no_reason_to_call_a_run_stalled() -> None:
    bench = RunBench(playbook("{id: w, wait: {for: 10h}}", stalls_after="1h"))
    bench.start()
    for _ in range(9):
        bench.pass_time(HOUR)
        assert bench.run().status == "running"
    bench.pass_time(HOUR)
    assert bench.run().status == "succeeded"
