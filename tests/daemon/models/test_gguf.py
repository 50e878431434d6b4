"""What the preflight lets through to native code, and what it says of the rest."""

from __future__ import annotations

import hashlib
import random
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from quarterdeck_daemon.models.gguf import TENSOR_TYPES, BadModel, digest, read_head
from quarterdeck_daemon.models.gguf_check import llama_file

from .tiny_gguf import LAYERS, TOKENS, vocabulary, write_tiny

Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.mark.parametrize("kind", ["F32", "F16", "Q4_0", "Q8_0"])
def test_a_real_file_of_every_kind_of_weights_is_let_through(tmp_path: Path, kind: str) -> None:
    path = write_tiny(tmp_path / "m.gguf", kind)
    found = llama_file(path)
    assert (found.context_tokens, found.begin, found.end, len(found.pieces)) == (512, 1, 2, TOKENS)
    assert found.pieces[3 + 0x41] == b"A"
    assert found.pieces[0] is None
    assert found.controls == {"<s>": 1, "</s>": 2}
    assert digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "BF16"}, "weights of the type BF16"),
        ({"architecture": "qwen2"}, "architecture 'qwen2'"),
        ({"tokenizer": "gpt2"}, "tokenizer of the kind 'gpt2'"),
        ({"tied": True}, "no output.weight"),
        ({"extra": "rope_freqs"}, "does not know: 'rope_freqs.weight'"),
        ({"tokens": 250}, "has 250 tokens"),
    ],
)
def test_a_family_that_would_not_load_is_named_with_what_would(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(BadModel, match=said) as caught:
        llama_file(write_tiny(tmp_path / "m.gguf", **changed))  # type: ignore[arg-type]
    failure = caught.value.failure
    assert (failure.failure, failure.code) == ("permanent", "bad_model")
    assert "What loads: Llama 1 and 2" in failure.hint


def cut(size: int) -> Damage:
    return lambda data: data[:size]


def put(at: int, form: str, value: float) -> Damage:
    return lambda data: data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def after(name: str, skip: int, form: str, value: float) -> Damage:
    """Write a number `skip` bytes behind the end of a name."""
    return lambda data: put(
        data.index(struct.pack("<Q", len(name)) + name.encode()) + 8 + len(name) + skip, form, value
    )(data)


def swap(old: bytes, new: bytes) -> Damage:
    assert len(old) == len(new)
    return lambda data: data.replace(old, new, 1)


DAMAGES: dict[str, Damage] = {
    "empty": cut(0),
    "four bytes": cut(4),
    "cut after the version": cut(8),
    "cut after the counts": cut(24),
    "cut in the keys": cut(200),
    "cut in the vocabulary": cut(2_000),
    "cut in the tensors": cut(9_000),
    "cut in the weights": cut(400_000),
    "one byte missing": lambda data: data[:-1],
    "noise behind the magic": lambda data: data[:4] + random.Random(1).randbytes(4_000),
    "another magic": swap(b"GGUF", b"GGML"),
    "version 1": put(4, "<I", 1),
    "version 4": put(4, "<I", 4),
    "big endian": lambda data: data[:4] + data[4:8][::-1] + data[8:],
    "2^63 tensors": put(8, "<Q", 1 << 63),
    "no tensors": put(8, "<Q", 0),
    "2^40 keys": put(16, "<Q", 1 << 40),
    "a name of 2^60 bytes": put(24, "<Q", 1 << 60),
    "a key of type 99": after("llama.block_count", 0, "<I", 99),
    "more layers than there are": after("llama.block_count", 4, "<I", LAYERS + 1),
    "no heads": after("llama.attention.head_count", 4, "<I", 0),
    "a width that heads do not share": after("llama.embedding_length", 4, "<I", 258),
    "an endless context": after("llama.context_length", 4, "<I", 0xFFFF_FFFF),
    "2^50 tokens": after("tokenizer.ggml.tokens", 8, "<Q", 1 << 50),
    "tokens that are numbers": after("tokenizer.ggml.tokens", 4, "<I", 4),
    "a byte that is none": swap(b"<0x7F>", b"<0xZZ>"),
    "text that is no UTF-8": swap(b"<0x7F>", b"\xff\xfe\xfd\xfc\xfb\xfa"),
    "a score that is no number": after("tokenizer.ggml.scores", 16, "<f", float("nan")),
    "a tensor of nine dimensions": after("output_norm.weight", 0, "<I", 9),
    "a tensor of no length": after("output_norm.weight", 4, "<Q", 0),
    "a tensor of 2^60 values": after("output_norm.weight", 4, "<Q", 1 << 60),
    "weights of type 77": after("output_norm.weight", 12, "<I", 77),
    "a norm in halves": after("output_norm.weight", 12, "<I", 1),
    "an offset behind the end": after("output_norm.weight", 16, "<Q", 1 << 40),
    "an offset out of line": after("output_norm.weight", 16, "<Q", 3),
    "two tensors in one place": after("output_norm.weight", 16, "<Q", 0),
    "a tensor of another name": swap(b"output_norm.weight", b"output_Norm.weight"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_before_native_code_sees_it(tiny: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(DAMAGES[name](tiny.read_bytes()))
    with pytest.raises(BadModel) as caught:
        llama_file(path)
    assert caught.value.failure.code == "bad_model"
    assert caught.value.failure.hint


def test_every_cut_of_the_head_is_refused(tiny: Path, tmp_path: Path) -> None:
    data, path = tiny.read_bytes(), tmp_path / "cut.gguf"
    for size in range(0, 9_000, 97):
        path.write_bytes(data[:size])
        with pytest.raises(BadModel):
            read_head(path)


def test_no_file_is_a_bad_model_too(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="cannot be read"):
        llama_file(tmp_path / "none.gguf")


LOAD = """
import sys
from ctransformers.llm import LLM, Config
llm = LLM(sys.argv[1], config=Config(context_length=64, threads=1), lib=sys.argv[2])
llm.eval([1, 300, 301])
"""


def dies(path: Path) -> bool:
    """Whether a bare load of the file ends the process by a signal."""
    from quarterdeck_daemon.models.ctransformers import library

    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path), library()], capture_output=True, timeout=60, check=False
    )
    return -done.returncode in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE)


@pytest.mark.parametrize("name", ["noise behind the magic", "2^63 tensors"])
def test_without_the_preflight_such_a_file_ends_the_process(tiny: Path, tmp_path: Path, name: str) -> None:
    """The twin: the same bytes given straight to the library."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(DAMAGES[name](tiny.read_bytes()))
    assert dies(path)


def test_what_the_preflight_lets_through_of_random_damage_does_not_kill(tiny: Path, tmp_path: Path) -> None:
    """Eight random bytes somewhere in the head: refused, or harmless (the text or the score of a token)."""
    data, draw = tiny.read_bytes(), random.Random(20261121)
    head = len(data) - sum(tensor.size_bytes for tensor in read_head(tiny).tensors.values()) - 64
    passed: list[Path] = []
    for number in range(400):
        at = draw.randrange(head - 8)
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(data[:at] + draw.randbytes(8) + data[at + 8 :])
        try:
            llama_file(path)
            passed.append(path)
        except BadModel:
            path.unlink()
    assert len(passed) < 120
    assert [path.name for path in passed[:: max(1, len(passed) // 8)] if dies(path)] == []


def test_sizes_of_weights_are_those_of_the_format() -> None:
    sizes = {int(kind): (kind.name, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: sizes[kind] for kind in TENSOR_TYPES} == TENSOR_TYPES


def test_the_vocabulary_of_the_tests_has_no_token_twice() -> None:
    names = [row[0] for row in vocabulary()]
    assert len(set(names)) == len(names) == TOKENS
