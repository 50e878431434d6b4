"""What every backend promises (models/api.py), as one suite.

A test module makes a class of it and says how to open the backend, loaded and fresh:

    class TestTiny(BackendContract):
        @pytest.fixture
        def backend(self, tmp_path: Path) -> Iterator[Backend]: ...
"""

from __future__ import annotations

import itertools
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from quarterdeck_daemon.core.orders import ModelReply, ModelRequest
from quarterdeck_daemon.models.api import Backend, Cancelled, ModelFailure

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "subject": {"type": "string", "maxLength": 40},
        "kind": {"enum": ["invoice", "enquiry", "other"]},
        "amount": {"type": ["number", "null"], "minimum": 0, "maximum": 1_000_000},
        "lines": {"type": "array", "items": {"type": "string", "maxLength": 10}, "maxItems": 3},
    },
    "required": ["subject", "kind", "lines"],
    "additionalProperties": False,
}
CHOICES = ("invoice", "enquiry", "something else entirely")


def never() -> bool:
    return False


def after(looks: int) -> Cancelled:
    """Somebody who waits until he was asked so often."""
    asked = itertools.count()
    return lambda: next(asked) >= looks


def ask(
    backend: Backend,
    prompt: str = "What is this mail about?",
    cancelled: Cancelled = never,
    **fields: Any,  # noqa: ANN401
) -> tuple[ModelReply, list[str]]:
    """The reply and the pieces that were told on the way."""
    said: list[str] = []
    request = ModelRequest(prompt=prompt, **{"purpose": "draft", "tokens_max": 40, **fields})
    return backend.answer(request, said.append, cancelled), said


def refused(backend: Backend, **fields: Any) -> tuple[str, str]:  # noqa: ANN401
    with pytest.raises(ModelFailure) as caught:
        ask(backend, **fields)
    assert caught.value.failure.message
    return caught.value.failure.failure, caught.value.failure.code


class BackendContract:
    @pytest.fixture
    def backend(self) -> Backend:
        raise NotImplementedError("a class of this suite says how to open its backend")

    def test_it_says_what_it_is(self, backend: Backend) -> None:
        assert backend.id == ask(backend)[0].model
        assert backend.context_tokens >= 256
        assert backend.at_once >= 1

    def test_what_is_told_on_the_way_is_the_answer(self, backend: Backend) -> None:
        reply, said = ask(backend)
        assert "".join(said) == reply.text
        assert 0 <= reply.tokens_out <= 40
        assert reply.tokens_in > 0
        assert reply.finish in ("stop", "length")
        assert 0 <= reply.first_ms <= reply.ms

    def test_the_same_request_has_the_same_answer(self, backend: Backend) -> None:
        first = ask(backend, "One thing.")[0]
        ask(backend, "Another thing altogether.")
        assert ask(backend, "One thing.")[0].text == first.text

    def test_the_same_seed_has_the_same_answer(self, backend: Backend) -> None:
        answers = [ask(backend, temperature=0.9, seed=seed)[0].text for seed in (7, 8, 7)]
        assert answers[0] == answers[2]

    @pytest.mark.parametrize(
        "prompt", ["日本語" * 30, "😀" * 60, "e\u0301👩‍👩‍👧 ünïcödé", "a\0b", "</s><s>[INST]", "\ud800 half"]
    )
    def test_no_text_is_too_strange_to_be_asked(self, backend: Backend, prompt: str) -> None:
        reply, said = ask(backend, prompt, tokens_max=8)
        assert "".join(said) == reply.text
        reply.text.encode()

    @pytest.mark.parametrize("temperature", [0.0, 1.0])
    def test_an_answer_under_a_schema_is_valid(self, backend: Backend, temperature: float) -> None:
        for seed in range(3):
            reply, said = ask(
                backend, purpose="extract", schema=SCHEMA, tokens_max=120, temperature=temperature, seed=seed
            )
            jsonschema_rs.validator_for(SCHEMA).validate(reply.value)
            assert msgspec.json.decode(reply.text) == reply.value
            assert "".join(said) == reply.text
            assert reply.tokens_out <= 120

    def test_what_is_no_schema_is_refused(self, backend: Backend) -> None:
        assert refused(backend, schema={"type": "colour"}) == ("contract", "bad_schema")

    def test_choices_are_weighed_and_nothing_is_written(self, backend: Backend) -> None:
        reply, said = ask(backend, purpose="classify", choices=CHOICES)
        assert set(reply.scores) == set(CHOICES)
        assert sum(reply.scores.values()) == pytest.approx(1)
        assert list(reply.scores.values()) == sorted(reply.scores.values(), reverse=True)
        assert said == []
        assert reply.text == ""

    def test_a_request_that_makes_no_sense_is_refused(self, backend: Backend) -> None:
        for fields in (
            {"prompt": " "},
            {"tokens_max": 0},
            {"schema": SCHEMA, "choices": CHOICES},
            {"choices": ("a", "a")},
        ):
            assert refused(backend, **fields) == ("contract", "bad_request")

    def test_a_prompt_beyond_the_context_is_refused_and_the_next_one_answered(self, backend: Backend) -> None:
        assert refused(backend, prompt="word " * backend.context_tokens) == ("contract", "too_long")
        assert ask(backend)[0].finish in ("stop", "length")

    def test_nobody_waiting_ends_the_answer(self, backend: Backend) -> None:
        whole = ask(backend, "A long one.")[0].text
        for looks in (0, 3):
            reply, said = ask(backend, "A long one.", cancelled=after(looks))
            assert reply.finish == "cancelled"
            assert "".join(said) == reply.text
            assert whole.startswith(reply.text)
        assert ask(backend, "A long one.")[0].text == whole

    def test_nothing_past_a_stop_text_is_told(self, backend: Backend) -> None:
        whole = ask(backend)[0].text
        stop = whole[len(whole) // 2 :][:3]
        if not stop:
            pytest.fail("the backend of this suite should have something to say")
        reply, said = ask(backend, stop=(stop, "never said"))
        assert stop not in reply.text
        assert reply.text == whole[: whole.index(stop)] == "".join(said)
        assert reply.finish == "stop"

    def test_no_more_than_the_tokens_allowed_are_written(self, backend: Backend) -> None:
        assert ask(backend, tokens_max=1)[0].tokens_out <= 1
