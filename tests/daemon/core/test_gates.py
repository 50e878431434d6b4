"""Gates: a run's question is asked about, answered, put away and expires as a proposed action does."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core import answering, waits
from quarterdeck_daemon.core.approval_order import awaits, in_order
from quarterdeck_daemon.core.commands import (
    Choice,
    Configure,
    DecideApprovals,
    EditStep,
    EngageStop,
    LessonDraft,
    PutFact,
    SteerRun,
)
from quarterdeck_daemon.core.entities import Action, Alert, Memory, Plain, Run
from quarterdeck_daemon.core.gates import Gate, gate_of, live_gates
from quarterdeck_daemon.core.groups import cards_of, grouped
from quarterdeck_protocol.labels import OPERATOR

from .run_bench import DAY, HOUR, RunBench, mail, playbook

GATE = playbook(
    "{id: draft, agent: writer}",
    '{id: ask, wait: {approval: "Publish ${inputs.title}?"}, needs: [draft]}',
    "{id: publish, agent: x, needs: [ask]}",
    inputs="{title: {type: string}}",
)
EXPIRES = 7 * DAY


def asked() -> RunBench:
    bench = RunBench(GATE)
    bench.do(
        Configure(
            name="W",
            operator="o",
            timezone="UTC",
            hold_us=0,
            expires_us=EXPIRES,
            step_deadline_ms=1_000,
            warn_percent=75,
        )
    )
    bench.start(title="the post")
    bench.answer("draft", text="Hello")
    return bench


def gate(bench: RunBench) -> Gate:
    (found,) = live_gates(bench.store)
    return found


def code(told: Plain) -> object:
    error = told["error"]
    assert isinstance(error, dict)
    return error["code"]


def test_it_shows_the_question_and_what_the_steps_before_it_gave() -> None:
    assert gate(asked()).args == {"question": "Publish the post?", "after": {"draft": {"text": "Hello"}}}


def test_a_yes_to_what_was_changed_since_is_a_conflict() -> None:
    """The question is the same; what it is about is not."""
    bench = asked()
    seen = gate(bench).shown_hash
    bench.do(EditStep(id="q", step="draft", output={"text": "Buy!"}))
    assert code(bench.word("ask", "approve", shown=seen)) == "conflict"
    assert bench.word("ask", "approve")["ok"] is True


def test_twin_a_hash_of_the_question_alone_lets_the_other_text_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "args", property(lambda gate: {"question": gate.step.gate}))
    bench = asked()
    seen = gate(bench).shown_hash
    bench.do(EditStep(id="q", step="draft", output={"text": "Buy!"}))
    assert bench.word("ask", "approve", shown=seen)["ok"] is True


def test_it_stands_by_risk_among_actions_and_in_no_group() -> None:
    bench = asked()
    bench.load(GATE, playbook("{id: send, agent: x}", name="mailing"))
    for run in ("m1", "m2"):
        bench.start("mailing", run)
        bench.answer("send", mail(), run=run)
    actions = [one for one in bench.store.live(Action) if one.status == "proposed"]
    items: list[Action | Gate] = [*actions, gate(bench)]
    order = [one.id for one in in_order(items)]
    risks = {one.id: one.verdict.risk for one in actions} | {"q/ask": "medium"}
    assert [risks[id] for id in order] == sorted(risks.values(), key=["high", "medium", "low"].index)
    assert "q/ask" not in {one.id for group in grouped(cards_of(bench.store, actions)) for one in group.items}


def test_put_away_it_waits_for_nobody_until_its_time_has_come() -> None:
    bench = asked()
    assert bench.word("ask", "snooze", until_us=bench.now_us + 2 * HOUR)["status"] == "waiting"
    assert not awaits(gate(bench), bench.now_us)
    assert awaits(gate(bench), bench.now_us, away=True)
    bench.pass_time(2 * HOUR)
    assert (awaits(gate(bench), bench.now_us), gate(bench).step.away_us) == (True, None)
    bench.check_refold()


def test_put_away_until_a_fact_changes_it_comes_back_then_and_not_for_another() -> None:
    bench = asked()
    assert bench.word("ask", "snooze", until_event="fact:client/acme")["ok"] is True
    bench.do(PutFact(fact_kind="client", key="other", value={"name": "Other"}, labels=OPERATOR))
    assert not awaits(gate(bench), bench.now_us)
    bench.do(PutFact(fact_kind="client", key="acme", value={"name": "Acme"}, labels=OPERATOR))
    assert (awaits(gate(bench), bench.now_us), gate(bench).step.away_on) == (True, "")
    bench.check_refold()


def test_put_away_until_another_run_ends_it_comes_back_with_that_run() -> None:
    bench = asked()
    bench.load(GATE, playbook("{id: send, agent: x}", name="mailing"))
    bench.start("mailing", "m1")
    assert bench.word("ask", "snooze", until_event="run:m1")["ok"] is True
    bench.do(SteerRun(id="m1", verb="cancel"))
    assert awaits(gate(bench), bench.now_us)
    bench.check_refold()


def test_a_question_that_is_put_away_until_something_happens_is_found_by_its_mark() -> None:
    bench = asked()
    assert list(bench.store.live(Run, "away")) == []
    assert bench.word("ask", "snooze", until_event="fact:client/acme")["ok"] is True
    assert [run.id for run in bench.store.live(Run, "away")] == ["q"]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, "bad_value"),
        ({"until_us": 1}, "bad_value"),
        ({"until_us": 1 << 60}, "out_of_range"),
        ({"until_event": "reply"}, "bad_value"),
        ({"until_event": "run:q"}, "bad_value"),
    ],
)
def test_it_is_put_away_only_until_a_time_before_its_end(more: Plain, wanted: str) -> None:
    assert code(asked().word("ask", "snooze", **more)) == wanted  # type: ignore[arg-type]


def test_without_a_limit_of_its_own_it_expires_like_every_approval_and_is_told_before() -> None:
    bench = asked()
    bench.pass_time(EXPIRES * 3 // 4)
    (alert,) = bench.store.live(Alert)
    assert (alert.topic, "q/ask expires" in alert.text) == ("approval.expiring", True)
    bench.pass_time(EXPIRES // 4)
    assert bench.states() == {"run": "no_op", "draft": "succeeded", "ask": "skipped", "publish": "skipped"}
    assert list(bench.store.live(Alert)) == []
    bench.check_refold()


def test_a_yes_ends_the_alert_about_its_time() -> None:
    bench = asked()
    bench.pass_time(EXPIRES * 3 // 4)
    bench.word("ask", "approve")
    assert list(bench.store.live(Alert)) == []


def test_its_time_is_over_also_before_its_timer_rang() -> None:
    bench = asked()
    bench.now_us += EXPIRES
    assert code(bench.word("ask", "approve")) == "conflict"


def test_while_all_is_stopped_a_yes_is_refused_and_a_no_is_not() -> None:
    bench = asked()
    bench.do(EngageStop(epoch=2, reason="look"))
    assert code(bench.word("ask", "approve")) == "stopped"
    assert bench.word("ask", "reject", reason="no")["status"] == "skipped"


def test_twin_without_that_check_a_yes_lets_the_run_go_on_while_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "refuse_when_stopped", lambda turn: None)
    bench = asked()
    bench.do(EngageStop(epoch=2, reason="look"))
    assert bench.word("ask", "approve")["ok"] is True


def test_the_reason_of_a_no_becomes_a_lesson_of_those_who_made_it() -> None:
    bench = asked()
    told = bench.word("ask", "reject", reason="too loud", lesson=LessonDraft(text="Write quietly."))
    memory = bench.store.get(Memory, str(told["lesson"]))
    assert memory is not None
    assert (memory.text, memory.tags) == ("Write quietly.", ("agent:writer", "from:q/ask"))


def test_a_lesson_for_nobody_is_refused_and_nothing_is_decided() -> None:
    bench = RunBench(playbook('{id: ask, wait: {approval: "Go?"}}'))
    bench.start()
    told = bench.word("ask", "reject", reason="no", lesson=LessonDraft(text="x"))
    assert (code(told), bench.states()["ask"]) == ("bad_value", "waiting")


def test_a_question_has_nothing_to_edit() -> None:
    assert code(asked().word("ask", "approve", edits={"question": "Publish everything?"})) == "bad_value"


def test_a_run_that_has_ended_asks_nothing() -> None:
    bench = asked()
    bench.do(SteerRun(id="q", verb="cancel"))
    assert (list(live_gates(bench.store)), gate_of(bench.store, "q/ask")) == ([], None)
    assert code(bench.word("ask", "approve")) == "conflict"


def test_one_decision_covers_actions_and_gates_each_by_itself() -> None:
    bench = asked()
    bench.load(GATE, playbook("{id: send, agent: x}", name="mailing"))
    bench.start("mailing", "m")
    bench.answer("send", mail(), run="m")
    (action,) = [one for one in bench.store.live(Action) if one.status == "proposed"]
    choices = tuple(one for one in (_choice(action), _choice(gate(bench))))
    told = bench.do(DecideApprovals(items=choices, decision="reject", reason="no"))["items"]
    assert isinstance(told, list)
    assert [(one["id"], one["ok"]) for one in told] == [(action.id, True), ("q/ask", True)]


def _choice(one: Action | Gate) -> Choice:
    return Choice(id=one.id, shown_hash=one.shown_hash)


def test_twin_without_an_end_a_question_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = waits._gate
    monkeypatch.setattr(waits, "_gate", lambda *args: plain(*args) | {"until_us": None, "warn_us": None})
    bench = asked()
    bench.pass_time(EXPIRES)
    assert bench.states()["ask"] == "waiting"
