"""all-MiniLM-L6-v2, the full encoder, from files that the operator added. No deep-learning library is needed.

Slower than the table by three orders of magnitude and better on documents. The files are compared with the pinned
hashes at every load: weights that somebody changed are never used.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from quarterdeck_protocol.codes import QuarterdeckError

from .api import Vectors
from .catalogue import MINILM, TOKENIZER, WEIGHTS
from .encoder import Encoder, padded
from .fixed import Fixed
from .fluency import fluency
from .model_files import verify
from .tensors import read_tensors
from .wordpiece import WordPiece

TOKENS_MAX = 256  # What the model was trained with, the two around the text included.
TEXT_CHARS_MAX = 16_000  # Far more than TOKENS_MAX tokens; cutting first keeps a huge text cheap.
BATCH_TOKENS_MAX = 2_048  # Of one forward pass, padding included; about 60 MB of memory.


class _Encoding(Protocol):
    ids: list[int]


class _Tokenizer(Protocol):
    encode_special_tokens: bool

    def encode(self, text: str) -> _Encoding: ...
    def enable_truncation(self, max_length: int) -> None: ...
    def no_padding(self) -> None: ...
    def get_vocab(self) -> dict[str, int]: ...


class MiniLM(Fixed):
    """`Embedder` over the files in one folder."""

    def __init__(self, folder: Path) -> None:
        """Raises QuarterdeckError `unavailable`: files missing or changed, or the tokenizers library not installed."""
        try:
            verify(folder, MINILM)
        except QuarterdeckError as error:
            hint = "Fetch it with `quarterdeck models pull minilm`, or add it from a folder."
            raise QuarterdeckError("unavailable", error.message, hint=hint, details=error.details) from error
        self._tokenizer = _tokenizer(folder / TOKENIZER.name)
        ids = self._tokenizer.get_vocab()
        self._vocabulary = sorted(ids, key=lambda piece: ids[piece])
        self._pieces = WordPiece(self._vocabulary)
        self._encoder = Encoder(read_tensors(folder / WEIGHTS.name))

    @property
    def id(self) -> str:
        return f"minilm-{self.dimension}-{WEIGHTS.sha256[:12]}"

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    @property
    def remote(self) -> bool:
        return False

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Return rows in the order of the texts; those of about one length go through the encoder together."""
        sequences = [self._ids(text) for text in texts]
        made = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for batch in _batches(sequences):
            made[batch] = self._encoder.sentences(*padded([sequences[at] for at in batch]))
        return made

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self.documents(texts)

    def fluency(self, text: str) -> float:
        return fluency(self._pieces, self._vocabulary, text[:TEXT_CHARS_MAX])

    def _ids(self, text: str) -> list[int]:
        """The ids of a text, [CLS] and [SEP] around them; none when there is nothing to read."""
        clean = text[:TEXT_CHARS_MAX].encode("utf-8", "replace").decode()  # The library refuses lone surrogates.
        ids = self._tokenizer.encode(clean).ids
        unknown = self._pieces.unknown[0]
        return ids if any(id != unknown for id in ids[1:-1]) else []


def _batches(sequences: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield positions, shortest sequences first, so that little is padded; empty sequences are left out."""
    batch: list[int] = []
    for at in sorted(range(len(sequences)), key=lambda at: len(sequences[at])):
        if batch and (len(batch) + 1) * len(sequences[at]) > BATCH_TOKENS_MAX:
            yield batch
            batch = []
        if sequences[at]:
            batch.append(at)
    if batch:
        yield batch


def _tokenizer(path: Path) -> _Tokenizer:
    """The library is an extra, and only this embedder wants it."""
    try:
        library = importlib.import_module(MINILM.needs)
    except ImportError as error:
        raise QuarterdeckError(
            "unavailable",
            f"the embedder minilm needs the Python package {MINILM.needs}",
            hint=f"pip install 'quarterdeck[{MINILM.extra}]'",
        ) from error
    made = cast(_Tokenizer, library.Tokenizer.from_file(str(path)))
    made.no_padding()
    made.enable_truncation(TOKENS_MAX)
    made.encode_special_tokens = True  # `[SEP]` written in a text is text.
    return made
