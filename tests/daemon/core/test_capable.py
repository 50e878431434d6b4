"""Rerouting to whoever can: another agent takes a step over by what its contract declares, and the choice is on record."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import AssetFile, ConfigureLimits, LoadAssets
from quarterdeck_daemon.core.entities import Action, Plain
from quarterdeck_daemon.core.hashing import text_hash

from .core_bench import POLICY
from .run_bench import RunBench, failed, mail, playbook

STEP = '{id: a, agent: first, in: {text: hello}, retry: {times: 0}, on_failure: {reroute: "*"}}'
FIRST = "intents: [Write a mail, greet]\ninputs: {text: {type: string}}\noutputs: {said: {type: string}}\neffects: [mail.send]"
ABLE = """intents: [write a mail]\ninputs: {text: {type: string}, "more?": {}}\noutputs: {said: {type: string}, also: {}}"""


def team(**heads: str) -> RunBench:
    """A run whose only step belongs to the agent `first`; the others are there besides."""
    bench = RunBench(playbook(STEP))
    solo = playbook("{id: a, agent: second, in: {text: hello}, retry: {times: 0}}", name="solo")
    texts = {"first": FIRST, **heads}
    agents = [
        _file("agent", name, f"---\nname: {name}\npurpose: helps\n{head}\n---\nDo it.\n")
        for name, head in texts.items()
    ]
    books = (_file("playbook", "lead", playbook(STEP)), _file("playbook", "solo", solo))
    files = (*books, _file("policy", "mail", POLICY), *agents)
    assert bench.do(LoadAssets(files=files))["refused"] == []
    bench.start()
    return bench


def _file(kind: str, name: str, text: str) -> AssetFile:
    return AssetFile(asset_kind=kind, name=name, path=name, text=text, hash=text_hash(text))


def rerouted(bench: RunBench) -> list[Plain]:
    return [event.body for event in bench.store.events() if event.kind == "step.rerouted"]


def test_an_agent_with_the_same_intent_takes_the_step_over_and_the_choice_is_on_record() -> None:
    bench = team(second=ABLE, third="intents: [sing]")
    bench.answer("a", failed())
    (told,) = rerouted(bench)
    assert (told["agent"], told["was"], told["reason"]) == ("second", "first", "first failed: broken")
    assert told["chosen"] == {"intents": ["write a mail"], "passed_over": {}}
    bench.answer("a", said="hello", also=1)
    assert bench.states() == {"run": "succeeded", "a": "succeeded"}
    bench.check_refold()


def test_whoever_shares_most_intents_goes_first_then_by_name_then_the_next() -> None:
    bench = team(second=ABLE, third=ABLE, fourth=ABLE.replace("[write a mail]", "[write a mail, greet]"))
    for _ in range(3):
        bench.answer("a", failed())
    assert [told["agent"] for told in rerouted(bench)] == ["fourth", "second", "third"]
    bench.answer("a", failed())
    assert bench.states()["run"] == "failed"
    assert "it has tried this step" in str(bench.step("a").error["hint"])


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (ABLE.replace('{text: {type: string}, "more?": {}}', "{}"), "it takes no input text"),
        (ABLE.replace("more?", "more"), "it needs the input more"),
        (ABLE + "\nreads: {mail: the mail}", "it needs the read mail"),
        (ABLE.replace("{text: {type: string}", "{text: {type: list}"), "it takes another kind of text"),
        (ABLE.replace("{said: {type: string}, also: {}}", "{also: {}}"), "it does not give said"),
        (ABLE.replace("{said: {type: string}", "{said: {type: list}"), "it does not give said"),
        (ABLE + "\neffects: [mail.send, practice.pay]", "it may propose practice.pay"),
        (ABLE + "\nfacts: [client]", "it may propose client"),
    ],
)
def test_nobody_takes_a_step_over_that_cannot_do_it_or_may_do_more(head: str, why: str) -> None:
    bench = team(second=head)
    bench.answer("a", failed())
    assert (rerouted(bench), bench.states()["run"]) == ([], "failed")
    assert bench.step("a").error["hint"] == f"No other agent took it over (second: {why})."


def test_without_intents_nobody_is_asked_and_the_step_fails_as_before() -> None:
    bench = team(first=FIRST.replace("[Write a mail, greet]", "[]"), second=ABLE)
    bench.answer("a", failed())
    assert bench.step("a").error["hint"] == "No other agent took it over (first: it declares no intents)."


def test_one_whose_breaker_is_open_is_passed_over() -> None:
    bench = team(second=ABLE, third=ABLE)
    bench.do(ConfigureLimits(breaker_failures=1))
    bench.start("solo", run="s")
    bench.answer("a", failed("crash"), run="s")
    bench.answer("a", failed())
    (told,) = rerouted(bench)
    assert (told["agent"], told["chosen"]) == (
        "third",
        {"intents": ["write a mail"], "passed_over": {"second": "its breaker is open"}},
    )


def test_what_a_substitute_proposes_is_judged_like_any_other() -> None:
    bench = team(second=ABLE + "\neffects: [mail.send]")
    bench.answer("a", failed())
    bench.answer("a", mail(said="hello", also=1))
    action = bench.store.get(Action, "a1")
    assert action is not None
    assert (action.agent, action.status) == ("second", "proposed")
