"""The full encoder: right to the digit, fed only with the files that are known, clear when something is missing."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quarterdeck_daemon.embedders.encoder import Encoder, padded
from quarterdeck_daemon.embedders.minilm import BATCH_TOKENS_MAX, MiniLM, _batches
from quarterdeck_daemon.embedders.tensors import read_tensors
from quarterdeck_protocol.codes import QuarterdeckError

from .minilm_model import minilm_folder

EXAMPLE = (
    "A man is eating pasta.",
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "A man is riding a horse.",
)
PUBLISHED = [0.7035, 0.5272, 0.1889]


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Path:
    return minilm_folder(request.config)


@pytest.fixture(scope="module")
def minilm(folder: Path) -> MiniLM:
    return MiniLM(folder)


def test_the_published_example_has_the_published_cosines(minilm: MiniLM) -> None:
    asked, *others = minilm.documents(EXAMPLE)
    assert [round(float(asked @ other), 4) for other in others] == PUBLISHED


def test_padding_changes_a_text_by_rounding_alone(minilm: MiniLM) -> None:
    alone = minilm.documents(EXAMPLE[:1])[0]
    among = minilm.documents([*EXAMPLE, "word " * 200])[0]
    assert np.abs(alone - among).max() < 1e-6


def test_without_the_mask_padding_would_change_a_text(folder: Path) -> None:
    """The twin: the same batch with the padding taken for text."""
    encoder = Encoder(read_tensors(folder / "model.safetensors"))
    ids, mask = padded([[101, 2158, 102], [101, *([2158] * 60), 102]])
    kept, lost = encoder.sentences(ids, mask)[0], encoder.sentences(ids, np.ones_like(mask))[0]
    alone = encoder.sentences(*padded([[101, 2158, 102]]))[0]
    assert np.abs(kept - alone).max() < 1e-6
    assert np.abs(lost - alone).max() > 1e-2


def test_a_long_text_is_read_to_its_limit(minilm: MiniLM) -> None:
    """256 tokens, two of them the frame; what comes after changes nothing."""
    head = " ".join(["market"] * 254)
    assert np.array_equal(minilm.documents([head]), minilm.documents([f"{head} volcano volcano"]))
    assert not np.array_equal(minilm.documents([head]), minilm.documents([f"{head[7:]} volcano"]))


def test_control_tokens_written_in_a_text_are_text(minilm: MiniLM) -> None:
    assert np.array_equal(minilm.documents(["a [SEP] b"]), minilm.documents(["a [sep] b"]))


def test_batches_hold_every_text_once_and_few_tokens() -> None:
    sequences = [[1] * (size % 257) for size in range(0, 3_000, 7)]
    batches = list(_batches(sequences))
    assert sorted(at for batch in batches for at in batch) == [at for at, one in enumerate(sequences) if one]
    assert all(len(batch) * max(len(sequences[at]) for at in batch) <= BATCH_TOKENS_MAX for batch in batches)


# --- what is missing or wrong -----------------------------------------------------------------------


def tampered(folder: Path, tmp_path: Path) -> Path:
    """A copy of the model with other numbers in the middle of its weights."""
    content = bytearray((folder / "model.safetensors").read_bytes())
    middle = slice(60_000_000, 61_000_000)
    content[middle] = np.frombuffer(bytes(content[middle]), "<f4").__mul__(np.float32(-3)).astype("<f4").tobytes()
    (tmp_path / "model.safetensors").write_bytes(content)
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    return tmp_path


def test_changed_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        MiniLM(tampered(folder, tmp_path))
    assert refused.value.code == "unavailable"
    assert "SHA-256" in refused.value.message


def test_without_the_hash_changed_weights_would_embed(folder: Path, tmp_path: Path) -> None:
    """The twin: the encoder itself takes any numbers, and gives other vectors."""
    ids, mask = padded([[101, 2158, 102]])
    right = Encoder(read_tensors(folder / "model.safetensors")).sentences(ids, mask)[0]
    wrong = Encoder(read_tensors(tampered(folder, tmp_path) / "model.safetensors")).sentences(ids, mask)[0]
    assert float(right @ wrong) < 0.99


def test_missing_files_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        MiniLM(tmp_path)
    assert refused.value.code == "unavailable"
    assert "quarterdeck models pull minilm" in refused.value.hint


def test_a_missing_library_says_which_extra_brings_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(QuarterdeckError) as refused:
        MiniLM(folder)
    assert (refused.value.code, refused.value.hint) == ("unavailable", "pip install 'quarterdeck[minilm]'")


# --- tensor files -----------------------------------------------------------------------------------

ONE = np.arange(6, dtype="<f4").reshape(2, 3)


def tensor_file(header: object, data: bytes) -> bytes:
    said = json.dumps(header).encode()
    return struct.pack("<Q", len(said)) + said + data


def entry(**changed: object) -> dict[str, object]:
    return {"one": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changed}}


def test_tensors_are_read_by_name_and_other_types_left_out(tmp_path: Path) -> None:
    header = {
        "__metadata__": {"format": "pt"},
        **entry(),
        "ids": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]},
    }
    (tmp_path / "t").write_bytes(tensor_file(header, ONE.tobytes() + bytes(8)))
    found = read_tensors(tmp_path / "t")
    assert list(found) == ["one"]
    assert np.array_equal(found["one"], ONE)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no header": lambda: b"\0" * 7,
    "a header longer than the file": lambda: struct.pack("<Q", 1_000) + b"{}",
    "a header of exabytes": lambda: struct.pack("<Q", 2**63) + b"{}",
    "no JSON": lambda: struct.pack("<Q", 4) + b"\xff\xfe{}",
    "a list": lambda: tensor_file([1, 2], b""),
    "an offset beyond the file": lambda: tensor_file(entry(data_offsets=[8, 32]), ONE.tobytes()),
    "a negative offset": lambda: tensor_file(entry(data_offsets=[-24, 0]), ONE.tobytes()),
    "a shape that does not fit": lambda: tensor_file(entry(shape=[2, 4]), ONE.tobytes()),
    "a negative shape": lambda: tensor_file(entry(shape=[-2, -3]), ONE.tobytes()),
    "offsets that are no numbers": lambda: tensor_file(entry(data_offsets=["a", "b"]), ONE.tobytes()),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_tensor_file_that_does_not_fit_is_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "t").write_bytes(HOSTILE[case]())
    with pytest.raises(QuarterdeckError) as refused:
        read_tensors(tmp_path / "t")
    assert refused.value.code == "unavailable"
