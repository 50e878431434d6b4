"""Fan-out and fan-in: one step for each item of a list, and steps that come after some or all of them."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import SteerRun, SteerStep
from quarterdeck_daemon.core.entities import DeadLetter
from quarterdeck_daemon.core.playbook import parse_playbook
from quarterdeck_daemon.core.playbook_form import FAN_OUT_MAX

from .run_bench import HOUR, RunBench, failed, mail, playbook

SEND = (
    '{id: send, agent: x, each: "inputs.leads", as: lead, at_most: 2, in: {to: "${lead.name}", n: "${each.index}"}}'
)
INPUTS = "{leads: {type: list}}"
LEADS = [{"name": "ada"}, {"name": "bob"}, {"name": "cyd"}]


def fanned(*more: str, send: str = SEND) -> RunBench:
    bench = RunBench(playbook(send, *more, inputs=INPUTS))
    bench.start(leads=LEADS)
    return bench


def test_children_are_steps_of_the_run_and_only_so_many_are_under_way() -> None:
    bench = fanned()
    assert bench.states() == {
        "run": "running", "send": "waiting", "send[0]": "started", "send[1]": "started", "send[2]": "pending",
    }  # fmt: skip
    assert [bench.input_of("send[0]"), bench.input_of("send[1]")] == [{"to": "ada", "n": 0}, {"to": "bob", "n": 1}]
    bench.answer("send[1]", sent=True)
    assert bench.states()["send[2]"] == "started"
    bench.check_refold()


def test_the_outputs_come_as_a_list_in_the_order_of_the_items_not_of_the_answers() -> None:
    bench = fanned('{id: sum, agent: y, needs: [send], in: {all: "${steps.send.output.items}"}}')
    for child in ("send[1]", "send[0]", "send[2]"):
        bench.answer(child, who=child)
    assert bench.step("send").output == {
        "items": [{"who": "send[0]"}, {"who": "send[1]"}, {"who": "send[2]"}], "count": 3, "failed": [], "skipped": [],
    }  # fmt: skip
    assert bench.input_of("sum") == {"all": [{"who": "send[0]"}, {"who": "send[1]"}, {"who": "send[2]"}]}


def test_a_fan_out_goes_on_after_a_crash_without_repeating_a_child_that_was_recorded() -> None:
    bench = fanned()
    bench.answer("send[0]", sent=1)
    before = [event.body["step"] for event in bench.store.events() if event.kind == "step.started"]
    bench.store = bench.store.crashed()
    assert {need.step for need in bench.needs("step")} == {"send[1]", "send[2]"}
    bench.answer("send[1]")
    bench.answer("send[2]")
    assert bench.states()["run"] == "succeeded"
    started = [event.body["step"] for event in bench.store.events() if event.kind == "step.started"]
    assert started == before == ["send[0]", "send[1]", "send[2]"]


def test_no_items_are_nothing_to_do_and_no_failure() -> None:
    bench = RunBench(playbook(SEND, inputs=INPUTS))
    bench.start(leads=[])
    assert bench.states() == {"run": "succeeded", "send": "succeeded"}
    assert bench.step("send").output["items"] == []


def test_too_many_items_or_something_that_is_no_list_fail_the_step_and_say_why() -> None:
    for leads in ([1] * (FAN_OUT_MAX + 1), {"a": 1}):
        bench = RunBench(
            playbook(SEND, inputs="{leads: {type: %s}}" % ("list" if isinstance(leads, list) else "map"))
        )
        bench.start(leads=leads)
        assert bench.states() == {"run": "failed", "send": "failed"}
        (letter,) = bench.store.live(DeadLetter)
        assert str(FAN_OUT_MAX) in str(letter.error["message"]) or "needs a list" in str(letter.error["message"])


def test_a_child_that_fails_ends_the_run_and_can_be_retried_alone() -> None:
    bench = fanned()
    bench.answer("send[0]", sent=1)
    bench.answer("send[1]", failed())
    assert bench.states()["run"] == "failed"
    bench.do(SteerStep(id="q", step="send[1]", verb="retry"))
    assert bench.states() == {
        "run": "running", "send": "waiting", "send[0]": "succeeded", "send[1]": "started", "send[2]": "started",
    }  # fmt: skip
    bench.answer("send[1]")
    bench.answer("send[2]")
    assert bench.states()["run"] == "succeeded"
    bench.check_refold()


def test_with_continue_the_others_go_on_and_the_failed_one_is_named() -> None:
    bench = fanned(
        '{id: sum, agent: y, needs: [send], in: {bad: "${steps.send.output.failed}"}}',
        send=SEND.replace("at_most: 2", "on_failure: continue"),
    )
    bench.answer("send[0]", failed())
    bench.answer("send[1]", ok=1)
    bench.answer("send[2]", ok=2)
    assert bench.step("send").output["items"] == [None, {"ok": 1}, {"ok": 2}]
    assert bench.input_of("sum") == {"bad": ["send[0]"]}
    bench.answer("sum")
    assert (bench.run().status, bench.run().reason) == ("succeeded", "it went on without send[0]")
    assert [letter.step for letter in bench.store.live(DeadLetter)] == ["send[0]"]


def test_a_join_of_any_or_of_a_number_begins_when_so_many_children_are_done() -> None:
    for join, answered in (("any", 1), ("2", 2)):
        bench = fanned(f'{{id: first, agent: y, needs: [send], join: {join}, in: {{got: "${{joined}}"}}}}')
        for index in range(answered):
            assert bench.states()["first"] == "pending"
            bench.answer(f"send[{index}]", n=index)
        assert bench.states()["first"] == "started"
        assert bench.input_of("first") == {"got": [{"n": index} for index in range(answered)]}


def test_a_join_over_alternatives_takes_the_branch_that_was_done() -> None:
    bench = RunBench(
        playbook(
            '{id: yes, agent: x, when: "inputs.go"}',
            '{id: no, agent: x, when: "!inputs.go"}',
            "{id: last, agent: y, needs: [yes, no], join: any}",
            inputs="{go: {type: boolean}}",
        )
    )
    bench.start(go=False)
    assert bench.states() == {"run": "running", "yes": "skipped", "no": "started", "last": "pending"}
    bench.answer("no")
    bench.answer("last")
    assert bench.states()["run"] == "succeeded"


def test_a_join_that_can_never_come_together_ends_the_run_as_blocked() -> None:
    steps = [f"{{id: {id}, agent: x, on_failure: continue}}" for id in ("a", "b")]
    bench = RunBench(playbook(*steps, "{id: both, agent: y, needs: [a, b], join: 2}"))
    bench.start()
    bench.answer("a", failed())
    assert bench.run().status == "running"
    bench.answer("b")
    assert bench.states() == {"run": "blocked", "a": "failed", "b": "succeeded", "both": "failed"}
    assert bench.step("both").error["message"] == "it can never begin: it joins 2, 1 were done and 1 failed"


def test_a_cancelled_fan_out_asks_for_nothing_more() -> None:
    bench = fanned()
    bench.do(SteerRun(id="q", verb="cancel"))
    assert bench.needs("step") == []
    assert bench.run().status == "cancelled"


def test_the_step_of_a_child_is_its_share_of_the_step() -> None:
    spec = parse_playbook(playbook(SEND, inputs=INPUTS)).step("send[7]")
    assert (spec.id, spec.each, spec.item, spec.agent) == ("send[7]", "", "lead", "x")


def test_a_fan_out_of_an_ended_run_waits_for_nothing_and_goes_on_where_it_was_when_that_is_opened_again() -> None:
    bench = RunBench(playbook(SEND, inputs=INPUTS, deadline="1h"))
    bench.start(leads=LEADS)
    bench.answer("send[0]", sent=1)
    bench.pass_time(HOUR)
    assert bench.states() == {
        "run": "timed_out", "send": "pending", "send[0]": "succeeded", "send[1]": "pending", "send[2]": "pending",
    }  # fmt: skip
    bench.do(SteerRun(id="q", verb="resume"))
    assert {need.step for need in bench.needs("step")} == {"send[1]", "send[2]"}
    assert (bench.step("send").status, bench.step("send[0]").output) == ("waiting", {"sent": 1})
    bench.answer("send[1]")
    bench.answer("send[2]")
    assert bench.states()["run"] == "succeeded"
    bench.check_refold()


def test_a_child_whose_effect_ends_after_the_run_ends_the_fan_out_with_it() -> None:
    bench = fanned(send=SEND.replace("at_most: 2, ", ""))
    for child in ("send[0]", "send[1]", "send[2]"):
        bench.answer(child, mail())
    assert bench.states()["send"] == "waiting"
    bench.do(SteerRun(id="q", verb="cancel"))
    assert bench.states() == {
        "run": "cancelled", "send": "succeeded",
        "send[0]": "succeeded", "send[1]": "succeeded", "send[2]": "succeeded",
    }  # fmt: skip
    assert bench.step("send").output["count"] == 3
    bench.check_refold()
