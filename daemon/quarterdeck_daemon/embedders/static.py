"""The embedder that is always there: a table of word pieces, weighted by what the store itself holds.

A text's vector is the weighted sum of the vectors of its pieces, of unit length. For a question each weight is
multiplied by the inverse document frequency of the piece among the documents that were learned, so that what is
rare here counts, and what stands in every note does not. The frequencies are the store's own: those of another
collection are worse than none, so none are shipped.
"""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .api import Vectors
from .fluency import fluency
from .static_file import DIGEST, StaticTable, read_table
from .wordpiece import WordPiece

TEXT_CHARS_MAX = 200_000  # Of a longer text the beginning is taken.
DOCUMENTS_MIN = 50  # With fewer documents their counts say little, and every piece counts alike.

Weights = npt.NDArray[np.float32]
Counts = tuple[int, npt.NDArray[np.uint32], npt.NDArray[np.uint32]]  # Documents, ids, counts.
NOTHING: Counts = (0, np.empty(0, np.uint32), np.empty(0, np.uint32))

_HEAD = struct.Struct("<8s16s2I")
_MAGIC = b"QDCOUNT1"


class StaticEmbedder:
    """One table and the counts of one store. Threads may learn and embed at the same time."""

    def __init__(self, table: StaticTable | None = None) -> None:
        """Raises QuarterdeckError `unavailable` when the shipped table is damaged."""
        self._table = table or read_table()
        self._pieces = WordPiece(self._table.vocabulary)
        self._documents = 0
        self._counts = np.zeros(len(self._table.vocabulary), dtype=np.int64)
        self._lock = threading.Lock()
        self._asking: Weights | None = None  # The weights for questions, until the counts change.

    @property
    def id(self) -> str:
        return f"static-{self.dimension}-{DIGEST[:12]}"

    @property
    def dimension(self) -> int:
        return int(self._table.rows.shape[1])

    @property
    def remote(self) -> bool:
        return False

    def documents(self, texts: Sequence[str]) -> Vectors:
        return self._vectors(texts, self._table.weights)

    def queries(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            if self._asking is None:
                self._asking = self._table.weights * self._rarity()
            asking = self._asking
        return self._vectors(texts, asking)

    @property
    def resting(self) -> bool:
        return False

    def fluency(self, text: str) -> float:
        return fluency(self._pieces, self._table.vocabulary, text[:TEXT_CHARS_MAX])

    def _vectors(self, texts: Sequence[str], weights: Weights) -> Vectors:
        made = np.empty((len(texts), self.dimension), dtype=np.float32)
        for at, text in enumerate(texts):
            ids = np.array(self._pieces.ids(text[:TEXT_CHARS_MAX]), dtype=np.intp)
            summed = weights.take(ids) @ self._table.rows.take(ids, axis=0).astype(np.float32)
            length = math.sqrt(summed @ summed)
            made[at] = summed / length if length else 0
        return made

    # --- what the store holds

    def _rarity(self) -> Weights:
        """The inverse document frequency of every piece as BM25 has it, always above 0; 1 while there is too little."""
        if self._documents < DOCUMENTS_MIN:
            return np.ones(len(self._counts), dtype=np.float32)
        counts = self._counts.astype(np.float32)
        return np.log1p((self._documents - counts + np.float32(0.5)) / (counts + np.float32(0.5)))

    def learn(self, texts: Sequence[str], *, forget: bool = False) -> None:
        step = -1 if forget else 1
        found = [list(set(self._pieces.ids(text[:TEXT_CHARS_MAX]))) for text in texts]
        with self._lock:
            for ids in found:
                self._counts[ids] += step
            self._documents = max(self._documents + step * len(texts), 0)
            # What was never learned may be forgotten by mistake; a count stays a possible one.
            np.clip(self._counts, 0, self._documents, out=self._counts)
            self._asking = None

    def learned(self) -> bytes:
        with self._lock:
            seen = np.flatnonzero(self._counts)
            head = _HEAD.pack(_MAGIC, bytes.fromhex(DIGEST)[:16], self._documents, len(seen))
            return head + seen.astype("<u4").tobytes() + self._counts[seen].astype("<u4").tobytes()

    def recollect(self, learned: bytes) -> None:
        documents, seen, counts = _read_counts(learned, len(self._counts)) if learned else NOTHING
        with self._lock:
            self._counts[:] = 0
            self._counts[seen] = counts
            self._documents = documents
            self._asking = None


def _read_counts(learned: bytes, rows: int) -> Counts:
    """Return them. Raises ValueError when the bytes are not what `learned` gave for this table."""
    if len(learned) < _HEAD.size:
        raise ValueError("the counts of word pieces are cut short")
    magic, digest, documents, many = _HEAD.unpack_from(learned)
    if magic != _MAGIC or digest != bytes.fromhex(DIGEST)[:16]:
        raise ValueError("these are not counts of this table's word pieces")
    if len(learned) != _HEAD.size + 8 * many:
        raise ValueError("the counts of word pieces have the wrong length")
    seen = np.frombuffer(learned, dtype="<u4", count=many, offset=_HEAD.size)
    counts = np.frombuffer(learned, dtype="<u4", count=many, offset=_HEAD.size + 4 * many)
    if many and (not (np.diff(seen.astype(np.int64)) > 0).all() or seen[-1] >= rows or counts.max() > documents):
        raise ValueError("the counts of word pieces contradict each other")
    return documents, seen, counts
