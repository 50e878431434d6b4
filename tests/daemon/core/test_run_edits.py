"""What the operator changes in a run: inputs, outputs, agents; what used the old value, and what has left already."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import EditStep, ReassignStep, StartRun, SteerStep
from quarterdeck_daemon.core.entities import Action, DeadLetter
from quarterdeck_daemon.core.playbook import parse_playbook
from quarterdeck_daemon.core.saved_playbook import saved
from quarterdeck_protocol.codes import QuarterdeckError

from .run_bench import RunBench, failed, mail, playbook
from .test_waits import sent

CHAIN = playbook(
    '{id: a, agent: x, in: {lang: en, who: "${inputs.who}"}}',
    '{id: b, agent: y, needs: [a], in: {got: "${steps.a.output.n}"}}',
    '{id: c, agent: z, needs: [b], in: {got: "${steps.b.output.n}"}}',
    "{id: d, agent: z}",
    inputs="{who: {type: string, default: nobody}, lang: {type: string, default: fr}}",
)


def chain() -> RunBench:
    bench = RunBench(CHAIN)
    bench.start(who="ada", lang="de")
    return bench


def reasons(bench: RunBench, kind: str) -> list[object]:
    return [event.body.get("reason") for event in bench.store.events() if event.kind == kind]


def test_an_edited_output_is_what_later_steps_see_and_why_is_on_the_record() -> None:
    bench = chain()
    bench.answer("a", failed())
    bench.do(EditStep(id="q", step="a", output={"n": 5}, reason="read it myself"))
    assert bench.states() == {"run": "running", "a": "succeeded", "b": "started", "c": "pending", "d": "started"}
    assert (bench.input_of("b"), bench.step("a").given_output) == ({"got": 5}, True)
    assert list(bench.store.live(DeadLetter)) == []
    assert reasons(bench, "step.edited") == ["read it myself"]
    bench.check_refold()


def test_an_output_in_place_of_a_failure_that_was_borne_settles_its_dead_letter() -> None:
    bench = RunBench(playbook("{id: a, agent: x, on_failure: continue}", "{id: w, wait: {signal: go}}"))
    bench.start()
    bench.answer("a", failed())
    bench.do(EditStep(id="q", step="a", output={"n": 1}))
    assert (bench.states()["a"], list(bench.store.live(DeadLetter))) == ("succeeded", [])


def test_a_name_that_is_nearly_right_is_told() -> None:
    bench = chain()
    for command, hint in (
        (StartRun(playbook="laed"), "Did you mean lead?"),
        (StartRun(playbook="lead", inputs={"hwo": "x"}), "Did you mean who?"),
        (StartRun(playbook="zzz"), "List them: quarterdeck playbooks list"),
    ):
        with pytest.raises(QuarterdeckError) as refused:
            bench.do(command)
        assert refused.value.hint == hint


def test_who_used_the_old_output_is_named_and_done_again_only_when_asked() -> None:
    bench = chain()
    bench.answer("a", n=1)
    bench.answer("b", n=10)
    told = bench.do(EditStep(id="q", step="a", output={"n": 2}))
    assert (told["used_by"], told["rerun"], bench.states()["b"]) == (["b", "c"], [], "succeeded")
    told = bench.do(EditStep(id="q", step="a", output={"n": 3}, rerun_after=True))
    assert (told["used_by"], told["rerun"], told["kept"]) == (["b", "c"], ["b", "c"], [])
    assert bench.states() == {"run": "running", "a": "succeeded", "b": "started", "c": "pending", "d": "started"}
    assert bench.input_of("b") == {"got": 3}


def test_a_finished_run_is_opened_again_for_what_is_done_again() -> None:
    bench = chain()
    for step in "abcd":
        bench.answer(step, n=1)
    assert bench.run().status == "succeeded"
    bench.do(EditStep(id="q", step="b", output={"n": 7}))
    assert bench.run().status == "succeeded"
    bench.do(EditStep(id="q", step="b", output={"n": 8}, rerun_after=True))
    assert bench.states() == {"run": "running", "a": "succeeded", "b": "succeeded", "c": "started", "d": "succeeded"}
    assert bench.input_of("c") == {"got": 8}
    bench.check_refold()


def test_what_has_left_is_not_done_again_and_says_what_to_undo() -> None:
    bench = RunBench(
        playbook("{id: a, agent: x}", "{id: send, agent: x, needs: [a]}", "{id: z, agent: x, needs: [send]}")
    )
    bench.start()
    bench.answer("a", n=1)
    sent(bench)
    bench.answer("z")
    told = bench.do(EditStep(id="q", step="a", output={"n": 2}, rerun_after=True))
    assert (told["rerun"], told["kept"]) == (["z"], [{"step": "send", "because": "a1 has left; undo it first"}])
    assert [action.status for action in bench.store.scan(Action)] == ["succeeded"]
    with pytest.raises(QuarterdeckError, match="has proposed a1"):
        bench.do(EditStep(id="q", step="send", output={"n": 2}))


def test_what_only_waits_for_a_yes_is_withdrawn_and_proposed_anew() -> None:
    bench = RunBench(playbook("{id: a, agent: x}", "{id: send, agent: x, needs: [a]}"))
    bench.start()
    bench.answer("a", n=1)
    bench.answer("send", mail())
    bench.do(EditStep(id="q", step="a", output={"n": 2}, rerun_after=True))
    assert [action.status for action in bench.store.scan(Action)] == ["withdrawn"]
    assert bench.states() == {"run": "running", "a": "succeeded", "send": "started"}
    bench.check_refold()


def test_an_edited_input_is_what_the_next_try_gets() -> None:
    bench = chain()
    bench.answer("a", failed())
    bench.do(EditStep(id="q", step="a", input={"lang": "de"}, reason="it is German"))
    assert bench.states()["a"] == "started"
    assert bench.input_of("a") == {"lang": "de", "who": "ada"}


def test_a_step_at_work_keeps_its_input_and_can_be_begun_anew_with_another() -> None:
    bench = chain()
    bench.answer("a", n=1)
    with pytest.raises(QuarterdeckError, match="its input is edited before it works"):
        bench.do(EditStep(id="q", step="a", input={"lang": "de"}))
    bench.do(EditStep(id="q", step="a", input={"lang": "de"}, rerun_after=True))
    assert bench.states() == {"run": "running", "a": "started", "b": "pending", "c": "pending", "d": "started"}
    bench.check_refold()


def test_another_agent_does_it_and_the_first_ones_answer_is_not_taken() -> None:
    bench = chain()
    old = bench.step("a").attempts
    told = bench.do(ReassignStep(id="q", step="a", agent="w", reason="knows her"))
    assert (told["agent"], bench.step("a").agent, bench.states()["a"]) == ("w", "w", "started")
    assert reasons(bench, "step.rerouted") == ["knows her"]
    (need,) = [need for need in bench.needs("step") if need.step == "a"]
    assert need.attempt == bench.step("a").attempts >= old


def test_a_failed_step_that_is_reassigned_is_tried_again_at_once() -> None:
    bench = chain()
    bench.answer("a", failed())
    bench.do(ReassignStep(id="q", step="a", agent="w"))
    assert (bench.run().status, bench.states()["a"], bench.step("a").agent) == ("running", "started", "w")


@pytest.mark.parametrize("step", ["nobody", "aa"])
def test_a_step_that_is_not_there_is_named_with_its_nearest(step: str) -> None:
    bench = chain()
    for command in (
        EditStep(id="q", step=step, output={}),
        ReassignStep(id="q", step=step, agent="w"),
        SteerStep(id="q", step=step, verb="skip"),
    ):
        with pytest.raises(QuarterdeckError) as refused:
            bench.do(command)
        assert refused.value.code == "not_found"
        assert refused.value.hint == ("Did you mean a?" if step == "aa" else "It has: a, b, c, d.")


# --- saved as a playbook --------------------------------------------------------------------------


def test_a_run_becomes_a_playbook_with_its_edits_and_its_literals_are_inputs_again() -> None:
    bench = chain()
    bench.do(ReassignStep(id="q", step="a", agent="w"))
    bench.answer("a", failed())
    bench.do(EditStep(id="q", step="a", input={"lang": "de", "tone": "warm"}))
    made = saved(bench.run(), parse_playbook(CHAIN), "again", ["who"])
    playbook = parse_playbook(made.text)
    step = playbook.step("a")
    assert (playbook.name, step.agent) == ("again", "w")
    assert step.input == {"lang": "${inputs.lang}", "who": "${inputs.who}", "tone": "warm"}
    assert [(name, one.required, one.default) for name, one in playbook.inputs.items()] == [
        ("who", True, None), ("lang", False, "de"),
    ]  # fmt: skip
    again = RunBench(made.text.replace("name: again", "name: lead"))
    again.start(who="bob")
    assert again.input_of("a") == {"lang": "de", "who": "bob", "tone": "warm"}


def test_a_saved_run_starts_on_nothing_by_itself_and_says_what_it_cannot_hold() -> None:
    text = "name: lead\non: [{event: mail.received}]\nsteps:\n  - {id: a, agent: x}\n"
    bench = RunBench(text)
    bench.start()
    bench.answer("a", failed())
    bench.do(EditStep(id="q", step="a", output={"n": 1}))
    made = saved(bench.run(), parse_playbook(text), "again", None)
    assert parse_playbook(made.text).triggers == ()
    assert made.left_out == ("on of lead", "the output of a, given by hand")


def test_an_input_that_the_run_does_not_have_is_refused() -> None:
    bench = chain()
    with pytest.raises(QuarterdeckError, match="no input 'bogus'"):
        saved(bench.run(), parse_playbook(CHAIN), "again", ["bogus"])
