"""The scripted backend keeps the contract of all backends, and its own promises; so does the client of services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ModelRequest
from quarterdeck_daemon.models.api import Backend, ModelFailure
from quarterdeck_daemon.models.asked import validator_of
from quarterdeck_daemon.models.least_value import least_value
from quarterdeck_daemon.models.openai import OpenAIBackend
from quarterdeck_daemon.models.scripted import ScriptedBackend, read_script

from .chat_server import ChatServer
from .contract import BackendContract
from .schemas import SCHEMAS

ANYTHING = 'answers:\n  - text: "one two three four five six seven eight nine ten. Eleven!"\n'


def script(folder: Path, text: str = ANYTHING) -> Path:
    path = folder / "script.yaml"
    path.write_text(text)
    return path


class TestScripted(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        backend = ScriptedBackend(script(tmp_path), "scripted", context_tokens=512)
        yield backend
        backend.close()


class TestOpenAI(BackendContract):
    @pytest.fixture
    def backend(self) -> Iterator[Backend]:
        with ChatServer() as server:
            backend = OpenAIBackend(name="far", url=server.url, model="m", context_tokens=512)
            yield backend
            backend.close()


def answered(path: Path, request: ModelRequest) -> object:
    reply = ScriptedBackend(path, "s").answer(request, lambda piece: None, lambda: False)
    return reply.value if request.schema else next(iter(reply.scores)) if request.choices else reply.text


def refusal(path: Path, request: ModelRequest) -> tuple[str, str]:
    with pytest.raises(ModelFailure) as failed:
        answered(path, request)
    return failed.value.failure.failure, failed.value.failure.code


RULES = """
answers:
  - {purpose: draft, match: "from (\\\\w+)", text: "Dear {1},"}
  - {purpose: draft, match: "nobody", fail: transient}
  - {purpose: extract, match: "no. (\\\\d+)", value: {number: "{1}", lines: ["{1}", "{2}"]}}
  - {purpose: classify, match: "pay", choice: invoice}
  - {purpose: classify}
"""
OBJECT: Plain = {"type": "object"}


def test_the_first_rule_that_fits_answers(tmp_path: Path) -> None:
    path = script(tmp_path, RULES)
    assert answered(path, ModelRequest(purpose="draft", prompt="a mail from Ana")) == "Dear Ana,"
    assert answered(path, ModelRequest(purpose="extract", prompt="no. 17", schema=OBJECT)) == {
        "number": "17",
        "lines": ["17", "{2}"],
    }
    choices = ("an invoice", "invoice", "a mail from Ana")
    assert answered(path, ModelRequest(purpose="classify", prompt="pay this", choices=choices)) == "invoice"
    assert (
        answered(path, ModelRequest(purpose="classify", prompt="mail of Ana", choices=choices)) == "a mail from Ana"
    )


def test_what_no_rule_fits_gets_no_answer(tmp_path: Path) -> None:
    path = script(tmp_path, RULES)
    assert refusal(path, ModelRequest(purpose="plan", prompt="x")) == ("permanent", "not_scripted")
    assert refusal(path, ModelRequest(purpose="draft", prompt="from")) == ("permanent", "not_scripted")
    assert refusal(path, ModelRequest(purpose="draft", prompt="nobody")) == ("transient", "scripted")


def test_a_value_that_breaks_the_schema_is_refused_as_any_models_is(tmp_path: Path) -> None:
    path = script(tmp_path, "answers:\n  - {value: {sum: many}}\n")
    wrong: Plain = {"type": "object", "properties": {"sum": {"type": "integer"}}}
    assert refusal(path, ModelRequest(purpose="extract", prompt="x", schema=wrong)) == ("contract", "bad_answer")
    assert answered(path, ModelRequest(purpose="extract", prompt="x", schema=OBJECT)) == {"sum": "many"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "answers: 3",
        "answers: [{text: 1}]",
        "answers: [{mach: x}]",
        'answers: [{match: "("}]',
        "\0",
        "pace: -1\nanswers: []",
    ],
)
def test_what_is_no_script_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelFailure) as failed:
        read_script(script(tmp_path, text))
    assert failed.value.failure.code == "bad_model"


def test_another_script_is_another_model(tmp_path: Path) -> None:
    one = ScriptedBackend(script(tmp_path), "s").id
    assert one == ScriptedBackend(script(tmp_path), "s").id
    assert one != ScriptedBackend(script(tmp_path, ANYTHING + "\n# more"), "s").id


@given(SCHEMAS)
def test_the_least_value_never_raises_and_can_be_checked(schema: Plain) -> None:
    """Of the schemas that constrained decoding is tested with."""
    assert isinstance(validator_of(schema)(least_value(schema)), str)


@given(st.integers(0, 30), st.integers(0, 5), st.integers(-50, 50))
def test_the_least_value_keeps_to_the_limits(length: int, items: int, low: int) -> None:
    schema: Plain = {
        "type": "object", "required": ["a", "b", "c"],
        "properties": {
            "a": {"type": "string", "minLength": length}, "c": {"type": "integer", "minimum": low},
            "b": {"type": "array", "minItems": items, "items": {"enum": ["x", "y"]}},
        },
    }  # fmt: skip
    assert validator_of(schema)(least_value(schema)) == ""
