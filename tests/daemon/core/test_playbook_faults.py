"""Faults of a playbook: all at once, each where it stands; and the schema that editors use."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from quarterdeck_daemon.core.playbook import parse_playbook
from quarterdeck_daemon.core.playbook_faults import Around, faults_of
from quarterdeck_daemon.core.playbook_schema import FIRST_LINE, SCHEMA_NAME, playbook_schema, schema_text
from quarterdeck_daemon.core.playbook_text import read_text

from .run_bench import playbook

ROOT = Path(__file__).parents[3]
BAD = """name: bad
stepz: 3
priority: hihg
window: 22-6
steps:
  - id: a
    agent: extracter
    needs: [b, zz]
    when: "a ||"
    retry: {times: 99, on: [oops]}
  - id: b
    agnet: x
    needs: [a]
  - id: c
    wait: {until: tomorrow}
    join: 3
  - id: c
    agent: x
    each: "[1, 2]"
    as: steps
    compensate: {verb: send}
"""
FAULTS = [
    (2, 1, "a playbook has no field 'stepz'"),
    (3, 11, "priority is 'hihg'"),
    (4, 9, "'22-6' is no window of time"),
    (8, 12, "steps wait for each other: a -> b -> a"),
    (8, 16, "step 'a' needs 'zz', which is no step of this playbook"),
    (9, 11, "step 'a': 'a ||'"),
    (10, 20, "steps.0.retry.times is 0 to 20, not 99"),
    (10, 29, "steps.0.retry.on.0 is 'oops'"),
    (12, 5, "a step has no field 'agnet'"),
    (14, 9, "two steps are called 'c'"),
    (15, 19, "'tomorrow' is no date or time"),
    (16, 11, "step 'c' joins 3 of 0 needs"),
    (17, 9, "two steps are called 'c'"),
    (20, 9, "'steps' is no name for an item"),
    (21, 17, "step 'c': compensate has either connector and verb, or an agent"),
]


def test_every_fault_is_told_at_once_with_line_and_column() -> None:
    found = [(fault.line, fault.column, fault.message) for fault in faults_of(BAD) if fault.level == "error"]
    assert [(line, column) for line, column, _ in found] == [(line, column) for line, column, _ in FAULTS]
    for (_, _, message), (_, _, expected) in zip(found, FAULTS, strict=True):
        assert message.startswith(expected)


def test_what_is_unknown_around_it_is_a_warning_and_no_error() -> None:
    text = playbook(
        "{id: a, agent: extracter}", "{id: b, playbook: inn, needs: [a], in: {x: '${steps.aa.output}', y: '${inputs.who}'}}",
        "{id: c, agent: x, compensate: {connector: mail, verb: unsend}, on_failure: {reroute: nobody}}",
    )  # fmt: skip
    around = Around(agents=frozenset(("extractor", "x")), playbooks=frozenset(("inner",)))
    found = faults_of(text, around)
    assert {fault.level for fault in found} == {"warning"}
    hints = {fault.message.partition(": ")[2] or fault.message: fault.hint for fault in found}
    assert hints["no worker offers the agent 'extracter'"] == "Did you mean extractor?"
    assert hints["there is no playbook 'inn'"] == "Did you mean inner?"
    assert len(found) == 6
    parse_playbook(text)


DOUBTFUL = """name: doubtful
inputs:
  n: {type: integer, default: three}
steps:
  - id: a
    agent: x
    in: {to: "Dear ${inputs.n", item: "${item}"}
  - id: b
    agent: x
    each: steps.late.output.items
    as: lead
    in: {mine: "${lead.name} ${string(each.index)}", all: "${joined}", other: "${action}"}
  - id: late
    agent: x
    needs: [b]
    in: {all: "${joined}", old: "${steps.b.output}"}
    compensate: {agent: x, in: {what: "${args.text}", of: "${action.id}", why: "${steps.late.output} ${reason}"}}
"""
DOUBTS = [
    (3, 31, "the default of the input 'n' is of type string, not integer"),
    (7, 14, "`${` is not closed, so it stays in the text as it is"),
    (7, 39, "'item' names 'item', which nothing gives here"),
    (10, 11, "step 'b' reads 'late', and does not come after it: it may have no output yet"),
    (12, 59, "'joined' names 'joined', which nothing gives here"),
    (12, 79, "'action' names 'action', which nothing gives here"),
    (17, 80, "'reason' names 'reason', which nothing gives here"),
]


def test_a_name_that_nothing_gives_where_it_is_asked_is_a_warning() -> None:
    """All of these were taken by older versions, so that a run of an old log must still be able to load them."""
    found = [(fault.line, fault.column, fault.message) for fault in faults_of(DOUBTFUL)]
    assert found == DOUBTS
    parse_playbook(DOUBTFUL)


def test_a_playbook_that_starts_itself_under_a_condition_is_no_unknown_one() -> None:
    text = playbook("{id: a, agent: x}", "{id: b, playbook: lead, when: 'steps.a.output.more', needs: [a]}")
    assert faults_of(text, Around(agents=frozenset("x"), playbooks=frozenset())) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: [", (1, 8)),
        ("a: 1\n\tb: 2", (2, 1)),
        ("name: x\nname: y\nsteps: [{id: a, agent: x}]", (2, 1)),
        ("a: &b 1\nc: *b", (2, 4)),
    ],
)
def test_what_is_no_yaml_is_told_where_it_breaks(text: str, place: tuple[int, int]) -> None:
    assert (faults_of(text)[0].line, faults_of(text)[0].column) == place


def test_what_is_nested_too_deeply_is_refused_and_breaks_nothing() -> None:
    for text in ("[" * 5_000 + "]" * 5_000, "a: " + "{b: " * 3_000 + "1" + "}" * 3_000):
        (fault,) = faults_of(text)
        assert fault.level == "error"


# --- the schema -----------------------------------------------------------------------------------


def test_the_published_schema_is_the_one_of_the_code() -> None:
    """When this fails: quarterdeck playbooks schema > docs/playbook.schema.json"""
    assert (ROOT / "docs" / SCHEMA_NAME).read_text("utf-8") == schema_text()


def test_every_field_of_a_playbook_and_of_a_step_is_described() -> None:
    parts = playbook_schema()["$defs"]
    assert isinstance(parts, dict)
    plain = {"id", "version", "description", "when"}
    for name in ("Playbook", "StepSpec", "Wait", "Retry"):
        for field, shape in parts[name]["properties"].items():
            shape = parts[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape
            assert "description" in shape or field in plain, f"{name}.{field} has no description"


def test_the_schema_and_the_checks_agree_on_the_shipped_playbooks() -> None:
    validator = jsonschema_rs.validator_for(playbook_schema())
    paths = sorted((ROOT / "examples").glob("*/playbooks/*.yaml"))
    assert paths
    for path in paths:
        text = path.read_text("utf-8")
        assert [fault for fault in faults_of(text) if fault.level == "error"] == []
        assert validator.is_valid(read_text(text).plain)


@pytest.mark.parametrize("line", ["stepz: 3", "priority: hihg", "steps: []", "inputs: {a: {type: text}}"])
def test_what_the_schema_refuses_is_refused_here_too(line: str) -> None:
    text = f"name: x\n{line}\n" + ("" if line.startswith("steps") else "steps: [{id: a, agent: x}]\n")
    assert not jsonschema_rs.validator_for(playbook_schema()).is_valid(yaml.safe_load(text))
    assert [fault for fault in faults_of(text) if fault.level == "error"] != []


def test_the_first_line_for_editors_names_the_schema() -> None:
    assert FIRST_LINE == "# yaml-language-server: $schema=playbook.schema.json"
    assert parse_playbook(f"{FIRST_LINE}\n{playbook('{id: a, agent: x}')}").name == "lead"
