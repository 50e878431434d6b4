"""An embedder that needs no model: hashed runs of three letters. Good for seeing that vectors take part."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from quarterdeck_daemon.embedders.api import Vectors


class SmallEmbedder:
    """An Embedder (see embedders/api.py). `learned` counts the documents it was told of."""

    remote = False
    resting = False

    def __init__(self, name: str = "grams", dimension: int = 64) -> None:
        self.id, self.dimension = f"{name}-{dimension}", dimension
        self.seen = 0
        self.embedded = 0

    def documents(self, texts: Sequence[str]) -> Vectors:
        self.embedded += len(texts)
        return self._vectors(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._vectors(texts)

    def fluency(self, text: str) -> float:
        return 1.0 if text.isascii() else 0.0

    def learn(self, texts: Sequence[str], *, forget: bool = False) -> None:
        self.seen += -len(texts) if forget else len(texts)

    def learned(self) -> bytes:
        return str(self.seen).encode()

    def recollect(self, learned: bytes) -> None:
        self.seen = int(learned or b"0")

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        made = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            folded = f" {text.lower()} "
            for at in range(len(folded) - 2):
                made[row, zlib.crc32(folded[at : at + 3].encode()) % self.dimension] += 1.0
            length = float(np.linalg.norm(made[row]))
            if length:
                made[row] /= length
        return made
