"""Agent files: what they may say, and where they are wrong."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.agent_files import (
    agent_faults,
    declared_by,
    limit_by,
    misfit,
    object_schema,
    parse_agent,
)
from quarterdeck_daemon.core.entities import Amounts, Cap
from quarterdeck_daemon.service.agent_scaffold import scaffold
from quarterdeck_daemon.service.agents import TEAM
from quarterdeck_protocol.codes import QuarterdeckError


def agent(head: str = "", prompt: str = "Do it.") -> str:
    return f"---\nname: helper\npurpose: helps\n{head}---\n{prompt}\n"


def faults(head: str) -> list[tuple[int, str]]:
    return [(fault.line, fault.message) for fault in agent_faults(agent(head))]


def test_every_agent_of_the_package_is_a_file_without_a_fault() -> None:
    found = {path.stem: agent_faults(path.read_text("utf-8")) for path in TEAM.glob("*.md")}
    assert len(found) >= 7
    assert {name: fault for name, fault in found.items() if fault} == {}


def test_a_new_agent_is_right_as_it_is_written() -> None:
    assert agent_faults(scaffold("helper")) == []
    assert parse_agent(scaffold("helper")).name == "helper"


def test_a_copy_gets_the_new_name_and_keeps_the_rest() -> None:
    source = (TEAM / "composer.md").read_text("utf-8")
    copy = parse_agent(scaffold("my-composer", source))
    assert (copy.name, copy.form.outputs) == ("my-composer", parse_agent(source).form.outputs)


@pytest.mark.parametrize("name", ["", "Big", "a b", "../up", "x" * 65, "1st"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(QuarterdeckError) as refusal:
        scaffold(name)
    assert refusal.value.code == "bad_value"


def test_faults_say_line_and_what_is_meant() -> None:
    assert faults("efects: [mail.send]\n") == [(4, "an agent has no field 'efects'")]
    assert faults("effects: [mail.sent]\n") == [(4, "no connector offers 'mail.sent'")]
    assert faults("inputs:\n  text: {type: strong}\n") == [(5, "inputs.text.type is 'strong'")]
    assert faults("inputs:\n  text: {schema: {type: 7}}\n")[0][0] == 5
    assert faults("sla: soon\n")[0][0] == 4
    assert faults("without_model: {other: x}\noutputs: {text: {type: string}}\n") == [
        (4, "'other' is no output of this agent")
    ]
    assert faults("mode: creative\n") == [(2, "an agent that asks a model says what its outputs are")]


@pytest.mark.parametrize("text", ["", "just words", "---\nname: x\n", "name: x\n---\n"])
def test_a_text_without_front_matter_is_no_agent(text: str) -> None:
    assert [fault.message for fault in agent_faults(text)] == ["an agent file has a front matter"]


def test_lines_may_end_as_they_do_elsewhere() -> None:
    assert agent_faults(agent().replace("\n", "\r\n")) == []


def test_the_prompt_is_what_stands_below_even_with_rules_in_it() -> None:
    assert parse_agent(agent(prompt="First.\n\n---\n\nSecond.")).prompt == "First.\n\n---\n\nSecond."


def test_an_agent_that_declares_nothing_sees_and_changes_nothing() -> None:
    declared = declared_by(parse_agent(agent()), "v")
    assert (declared.read.facts, declared.read.memories, declared.read.records) == ((), (), ())
    assert (declared.write.facts, declared.write.memories, declared.write.effects) == ((), (), ())


def test_what_it_may_propose_is_what_it_may_write() -> None:
    declared = declared_by(parse_agent(agent("effects: [mail.send]\nfacts: [lead]\n")), "v")
    assert (declared.write.facts, declared.write.effects) == (("lead",), ("mail.send",))


def test_its_budget_becomes_a_limit() -> None:
    limit = limit_by(parse_agent(agent("at_once: 2\nbudget: [{per: hour, calls: 3, minutes: 4, over: stop}]\n")))
    assert limit is not None
    assert (limit.of, limit.at_once) == ("agent:helper", 2)
    assert limit.caps == (Cap(per="hour", most=Amounts(calls=3, ms=240_000), over="stop"),)
    assert limit_by(parse_agent(agent())) is None


def test_values_are_held_against_their_types() -> None:
    form = parse_agent(
        agent("inputs:\n  n: {type: integer}\n  t?: {type: string, nullable: true}\n  k: {schema: {enum: [a, b]}}\n")
    ).form
    assert misfit(form.inputs, {"n": 1, "k": "a"}) == ""
    assert misfit(form.inputs, {"n": 1, "k": "a", "t": None}) == ""
    assert misfit(form.inputs, {"n": "1", "k": "a"}).startswith("n: ")
    assert misfit(form.inputs, {"n": 1, "k": "c"}).startswith("k: ")
    assert "required" in misfit(form.inputs, {"n": 1})
    assert "'x'" in misfit(form.inputs, {"n": 1, "k": "a", "x": 1})
    assert object_schema(form.inputs)["required"] == ["n", "k"]
