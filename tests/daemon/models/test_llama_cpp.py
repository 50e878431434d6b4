"""The newer llama.cpp under the same contract, where it is installed: `pip install 'quarterdeck[llama]'` compiles it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest

from quarterdeck_daemon.models.api import Backend, ModelFailure
from quarterdeck_daemon.models.ctransformers import CTransformersEngine
from quarterdeck_daemon.models.gguf import BadModel
from quarterdeck_daemon.models.llama_cpp import LlamaCppBackend

from .contract import SCHEMA, BackendContract, ask
from .tiny_gguf import write_tiny

HERE = importlib.util.find_spec("llama_cpp") is not None
needs_it = pytest.mark.skipif(not HERE, reason="NOT TESTED: llama-cpp-python is not installed (quarterdeck[llama])")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppBackend]:
    path = write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    backend = LlamaCppBackend(path, "tiny", context_tokens=512)
    yield backend
    backend.close()


@needs_it
class TestLlamaCpp(BackendContract):
    @pytest.fixture(params=["Q4_0", "BF16"])
    def backend(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Backend]:
        path = write_tiny(tmp_path / "tiny.gguf", request.param)
        backend = LlamaCppBackend(path, "tiny", context_tokens=512)
        yield backend
        backend.close()


@needs_it
@pytest.mark.parametrize("family", [{"kind": "BF16"}, {"tied": True}, {"extra": "rope_freqs"}])
def test_it_loads_what_the_older_library_refuses(tmp_path: Path, family: dict[str, object]) -> None:
    path = write_tiny(tmp_path / "new.gguf", **family)  # type: ignore[arg-type]
    with pytest.raises(BadModel, match=r"^new\."):
        CTransformersEngine(path, context_tokens=64, threads=1)
    backend = LlamaCppBackend(path, "new", context_tokens=512)
    reply = ask(backend, schema=SCHEMA, tokens_max=80, temperature=1.0)[0]
    jsonschema_rs.validator_for(SCHEMA).validate(reply.value)
    backend.close()


@needs_it
def test_both_libraries_cut_texts_and_name_tokens_alike(tmp_path: Path, tiny: LlamaCppBackend) -> None:
    older = CTransformersEngine(write_tiny(tmp_path / "tiny.gguf"), context_tokens=64, threads=1)
    newer = tiny._engine
    assert list(newer.pieces) == list(older.pieces)
    assert (newer.begin, newer.end, newer.controls) == (older.begin, older.end, older.controls)
    assert newer.tokens("Grüße, 日本 😀") == older.tokens("Grüße, 日本 😀")


@needs_it
def test_a_prompt_read_in_two_parts_gives_the_answer_of_one(tiny: LlamaCppBackend) -> None:
    prompt = "The same long beginning of a question. " * 6
    ask(tiny, prompt + "One end.")
    warm = ask(tiny, prompt + "Another.", schema=SCHEMA, tokens_max=60)[0]
    ask(tiny, "Something else.")
    cold = ask(tiny, prompt + "Another.", schema=SCHEMA, tokens_max=60)[0]
    assert (warm.reused > 200, cold.reused < 5) == (True, True)
    assert warm.text == cold.text


def test_a_cut_file_is_refused_before_the_library_sees_it(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:-3_000])
    with pytest.raises(BadModel, match="cut off"):
        LlamaCppBackend(path, "cut")


@pytest.mark.skipif(HERE, reason="llama-cpp-python is installed")
def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelFailure) as caught:
        LlamaCppBackend(write_tiny(tmp_path / "tiny.gguf"), "tiny")
    assert (caught.value.failure.code, caught.value.failure.hint) == ("not_ready", "pip install 'quarterdeck[llama]'")
