"""The loop around a local model: a real file with random weights, so nothing it says is sense and everything must hold."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.orders import ModelReply, ModelRequest
from quarterdeck_daemon.models.api import Backend, ModelFailure
from quarterdeck_daemon.models.ctransformers import CTransformersBackend, CTransformersEngine
from quarterdeck_daemon.models.draw import Draw
from quarterdeck_daemon.models.gguf import BadModel
from quarterdeck_daemon.models.local import LocalBackend
from quarterdeck_daemon.models.masks import Masks
from quarterdeck_daemon.models.speech import Speech

from .contract import SCHEMA, BackendContract, ask, never, refused
from .schemas import SCHEMAS, Schema
from .tiny_gguf import write_tiny

KINDS = ["Q4_0", "Q8_0", "F16", "F32"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tiny")
    return {kind: write_tiny(folder / f"{kind}.gguf", kind) for kind in KINDS}


@pytest.fixture(scope="module")
def tiny(files: dict[str, Path]) -> Iterator[CTransformersBackend]:
    backend = CTransformersBackend(files["Q4_0"], "tiny", context_tokens=512, threads=1)
    yield backend
    backend.close()


class TestCTransformers(BackendContract):
    @pytest.fixture(params=KINDS)
    def backend(self, files: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Backend]:
        backend = CTransformersBackend(files[request.param], "tiny", context_tokens=512, threads=1)
        yield backend
        backend.close()


def test_the_pieces_in_the_head_are_what_the_library_writes(
    tiny: CTransformersBackend, files: dict[str, Path]
) -> None:
    engine = CTransformersEngine(files["F32"], context_tokens=64, threads=1)
    native = [engine._llm.ctransformers_llm_detokenize(token) for token in range(len(engine.pieces))]
    assert [at for at, piece in enumerate(engine.pieces) if piece is not None and native[at] != piece] == []


def test_a_text_of_four_bytes_a_character_is_cut_without_harm(tiny: CTransformersBackend) -> None:
    """The library writes past the buffer that ctransformers gives it; ours is as long as the bytes."""
    engine = tiny._engine
    for text in ("漢" * 300, "😀" * 300, "é" * 301, "x" * 900, "", "\0", "a\0b"):
        pieces = [engine.pieces[token] or b"" for token in engine.tokens(text)]
        assert b"".join(pieces).decode().removeprefix(" ") == text.replace("\0", "�")


def test_what_a_prompt_has_in_common_with_the_one_before_is_not_read_again(tiny: CTransformersBackend) -> None:
    """And the answer is the same to the letter as from a model that has read nothing else."""
    prompt = "The same long beginning of a question. " * 6
    ask(tiny, prompt + "One end.")
    warm = ask(tiny, prompt + "Another.")[0]
    assert warm.reused > warm.tokens_in * 0.9
    ask(tiny, "Something else.")
    cold = ask(tiny, prompt + "Another.")[0]
    assert cold.reused < 5
    assert warm.text == cold.text


def test_rewinding_gives_the_same_logits_to_the_bit(files: dict[str, Path]) -> None:
    engine = CTransformersEngine(files["Q8_0"], context_tokens=512, threads=1)
    tokens = [1, *engine.tokens("A text of some length, read in two ways.")]
    engine.feed(tokens, 0)
    once = engine.logits().copy()
    engine.feed(tokens[:9], 0)
    engine.feed(engine.tokens("another way to go on"), 9)
    for at in range(9, len(tokens)):
        engine.feed([tokens[at]], at)
    assert np.array_equal(engine.logits(), once)


def answered_or_refused(backend: Backend, request: ModelRequest, said: list[str]) -> ModelReply | None:
    try:
        return backend.answer(request, said.append, never)
    except ModelFailure as failure:
        if failure.failure.code in ("too_long", "bad_schema"):
            return None
        raise


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=SCHEMAS, seed=st.integers(0, 9_999), room=st.integers(8, 120), hot=st.booleans())
def test_random_weights_keep_to_any_schema_in_any_room(
    tiny: CTransformersBackend, schema: Schema, seed: int, room: int, hot: bool
) -> None:
    """Valid, inside its room, or refused before the first token."""
    said: list[str] = []
    request = ModelRequest(
        purpose="extract", prompt="x", schema=schema, tokens_max=room, temperature=1.5 if hot else 0, seed=seed
    )
    reply = answered_or_refused(tiny, request, said)
    if reply is None:
        assert said == []
        return
    assert reply.tokens_out <= room
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(json.loads(reply.text))


def test_the_same_without_the_schema_is_no_json(tiny: CTransformersBackend) -> None:
    """The twin."""
    with pytest.raises(ValueError):
        json.loads(ask(tiny, "x", tokens_max=60)[0].text)


def test_a_schema_that_no_answer_fits_into_the_room_is_refused_before_a_token_is_written(
    tiny: CTransformersBackend,
) -> None:
    with pytest.raises(ModelFailure, match=r"takes [0-9]+ tokens, and only 5 are allowed") as caught:
        ask(tiny, schema=SCHEMA, tokens_max=5)
    assert (caught.value.failure.failure, caught.value.failure.code) == ("contract", "too_long")


def test_an_answer_short_of_room_is_ended_the_shortest_way_and_says_so(tiny: CTransformersBackend) -> None:
    schema: Schema = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "after": {"type": "null"}},
        "required": ["text", "after"],
    }
    replies = [ask(tiny, schema=schema, tokens_max=20, temperature=1.0, seed=seed)[0] for seed in range(12)]
    assert all(isinstance(one.value, dict) and one.value["after"] is None for one in replies)
    short = [one for one in replies if one.finish == "length"]
    assert short
    assert all(one.tokens_out <= 20 for one in replies)
    assert all(one.tokens_out >= 17 for one in short)


def test_without_the_look_at_the_room_an_answer_is_cut_in_the_middle(
    tiny: CTransformersBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: nothing counts what the rest would take. The check at the end finds it."""
    monkeypatch.setattr(Masks, "need", lambda self, state: 0)
    found = set()
    for seed in range(4):
        with pytest.raises(ModelFailure) as caught:
            ask(tiny, schema=SCHEMA, tokens_max=12, temperature=1.0, seed=seed)
        found.add(caught.value.failure.code)
    assert found == {"bad_answer"}


def test_a_schema_that_cannot_be_kept_to_is_refused_by_name(tiny: CTransformersBackend) -> None:
    with pytest.raises(ModelFailure, match="multipleOf at /properties/a") as caught:
        ask(tiny, schema={"type": "object", "properties": {"a": {"type": "number", "multipleOf": 3}}})
    assert (caught.value.failure.failure, caught.value.failure.code) == ("contract", "bad_schema")


def test_an_answer_that_takes_too_long_is_a_timeout(files: dict[str, Path]) -> None:
    backend = CTransformersBackend(files["Q4_0"], "tiny", context_tokens=512, call_s=1e-6)
    assert refused(backend) == ("timeout", "too_slow")
    backend.close()


def test_a_cancel_is_heeded_while_the_prompt_is_read(tiny: CTransformersBackend) -> None:
    looks = itertools.count()
    request = ModelRequest(purpose="draft", prompt="word " * 80, tokens_max=40)
    reply = tiny.answer(request, lambda _: None, lambda: next(looks) >= 2)
    assert (reply.finish, reply.text) == ("cancelled", "")
    assert next(looks) == 3


def test_two_threads_take_turns(tiny: CTransformersBackend) -> None:
    """Two at once end the process of the library."""
    alone = {prompt: ask(tiny, prompt)[0].text for prompt in ("First.", "Second.")}
    found: dict[str, list[str]] = {prompt: [] for prompt in alone}

    def many(prompt: str) -> None:
        found[prompt] += [ask(tiny, prompt)[0].text for _ in range(5)]

    threads = [threading.Thread(target=many, args=(prompt,)) for prompt in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {prompt: [text] * 5 for prompt, text in alone.items()}


def test_long_choices_are_not_worse_off_for_their_length(tiny: CTransformersBackend) -> None:
    """The mean of the tokens counts: a choice that repeats a likely token does not lose by that alone."""
    scores = ask(tiny, choices=("a", "a" * 40))[0].scores
    assert min(scores.values()) > 0.01


def test_choices_are_weighed_as_the_model_weighs_them(files: dict[str, Path], tiny: CTransformersBackend) -> None:
    """By hand, over the bare library: the logarithm of the likelihood of each token, their mean, the shares."""
    engine, prompt, choices = (
        CTransformersEngine(files["Q4_0"], context_tokens=512, threads=1),
        "Which?",
        ("yes", "no thanks"),
    )

    def mean(choice: str) -> float:
        tokens, read = engine.tokens(choice), [1, *engine.tokens(prompt)]
        total = 0.0
        for token in tokens:
            engine.feed(read, 0)
            logits = engine.logits().astype(np.float64)
            total += logits[token] - logits.max() - np.log(np.exp(logits - logits.max()).sum())
            read.append(token)
        return float(total / len(tokens))

    weights = np.exp([mean(choice) for choice in choices])
    found = ask(tiny, prompt, choices=choices)[0].scores
    assert found == pytest.approx(dict(zip(choices, weights / weights.sum(), strict=True)), abs=1e-4)


def test_the_context_is_the_smaller_of_the_one_asked_for_and_the_one_trained(files: dict[str, Path]) -> None:
    backends = [CTransformersBackend(files["Q4_0"], "t", context_tokens=asked) for asked in (300, 4_096)]
    assert [one.context_tokens for one in backends] == [300, 512]
    assert backends[0].id == backends[1].id


def test_a_file_whose_weights_are_cut_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(files["Q4_0"].read_bytes()[:-5_000])
    with pytest.raises(BadModel, match="cut off"):
        CTransformersBackend(cut, "cut")


# --- conversations --------------------------------------------------------------------------------

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}[S]{{ m.content }}[/S]{% else %}"
    "[Q]{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}[A]{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (TEMPLATE, "[S]Be brief.[/S][Q]What </s> is it?[A]"),
        ("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}[Q]{{ m.content }}{% endfor %}",
         "[Q]Be brief.\n\nWhat </s> is it?"),
        ("{{ nonsense.of.it }}", "Be brief.\n\nWhat </s> is it?"),
        ("{% for %}", "Be brief.\n\nWhat </s> is it?"),
        ("", "Be brief.\n\nWhat </s> is it?"),
    ],
)  # fmt: skip
def test_a_question_is_put_as_the_template_of_the_model_says(tmp_path: Path, template: str, expected: str) -> None:
    """And what is asked steers nothing: its `</s>` is text, the one of the template is a token."""
    path = write_tiny(tmp_path / "chat.gguf", chat_template=template)
    backend = CTransformersBackend(path, "chat", context_tokens=512)
    tokens = backend._cut(ModelRequest(purpose="draft", system="Be brief.", prompt="What </s> is it?"))
    text = b"".join(backend._engine.pieces[token] or b"" for token in tokens).decode()
    assert text.replace(" ", "") == expected.replace(" ", "")
    assert tokens[0] == 1
    assert tokens.count(1) == 1
    assert tokens.count(2) == ("eos_token" in template)
    backend.close()


def test_a_template_cannot_reach_out_of_its_sandbox(tmp_path: Path) -> None:
    """What is no business of a template is refused, and the plain question is asked."""
    path = write_tiny(tmp_path / "bad.gguf", chat_template="{{ messages.__class__.__mro__[1].__subclasses__() }}")
    backend = CTransformersBackend(path, "bad", context_tokens=512)
    assert ask(backend)[0].tokens_in > 0
    backend.close()


# --- pieces ---------------------------------------------------------------------------------------


@given(text=st.text(max_size=60), stops=st.lists(st.text(min_size=1, max_size=4), max_size=3), cuts=st.randoms())
def test_speech_tells_whole_characters_up_to_the_first_stop(text: str, stops: list[str], cuts: random.Random) -> None:
    said: list[str] = []
    speech, data = Speech(said.append, tuple(stops)), text.encode("utf-8", "ignore")
    text = data.decode()
    while data and not speech.stopped:
        size = cuts.randint(1, 3)
        speech.hear(data[:size])
        data = data[size:]
    speech.end()
    heard = text.removeprefix(" ")
    ends = [at for stop in stops if (at := heard.find(stop)) >= 0]
    assert "".join(said) == speech.text
    assert speech.stopped == bool(ends)
    assert heard.startswith(speech.text)
    if not ends:
        assert speech.text == heard
    assert not any(stop in speech.text for stop in stops)


def test_half_a_character_at_the_end_is_not_told() -> None:
    said: list[str] = []
    speech = Speech(said.append)
    for byte in "x日".encode()[:-1]:
        speech.hear(bytes([byte]))
    speech.end()
    assert said == ["x"]


def test_a_draw_is_by_its_seed_and_follows_the_likelihoods() -> None:
    logits = np.log(np.array([0.6, 0.3, 0.1], np.float32))
    drawn = [Draw(1.0, seed).one(logits) for seed in range(2_000)]
    assert drawn == [Draw(1.0, seed).one(logits) for seed in range(2_000)]
    assert np.bincount(drawn, minlength=3)[:2] / 2_000 == pytest.approx([0.6, 0.3], abs=0.05)  # type: ignore[arg-type]
    assert Draw(0.0, 1).one(logits) == 0


def test_a_model_that_computes_no_numbers_is_named(tiny: CTransformersBackend) -> None:
    class Broken(CTransformersEngine):
        def __init__(self) -> None:
            self.__dict__.update(tiny._engine.__dict__)

        def logits(self) -> Any:  # noqa: ANN401
            return np.full(len(self.pieces), np.nan, np.float32)

    broken = LocalBackend(Broken(), "broken")
    assert refused(broken, temperature=0.0) == ("permanent", "bad_model")
    assert refused(broken, temperature=1.0) == ("permanent", "bad_model")
    reply = ask(broken, schema=SCHEMA, tokens_max=60)[0]
    jsonschema_rs.validator_for(SCHEMA).validate(reply.value)
