"""Choosing a token by its logits: the likeliest, or one by chance that its own seed decides."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt

TOP_TOKENS, TOP_SHARE = 40, 0.95  # Of these one is drawn when the temperature is above 0.
Logits = npt.NDArray[np.float32]


class Draw:
    def __init__(self, temperature: float, seed: int) -> None:
        self._temperature, self._random = temperature, random.Random(seed)

    def one(self, logits: Logits) -> int | None:
        """Return a token whose logit is a number; None when there is none."""
        if self._temperature == 0:
            token = int(logits.argmax())
            return token if np.isfinite(logits[token]) else _likeliest(logits)
        top = (
            np.argpartition(logits, -TOP_TOKENS)[-TOP_TOKENS:] if len(logits) > TOP_TOKENS else np.arange(len(logits))
        )
        top = top[np.isfinite(logits[top])]
        if not len(top):
            return _likeliest(logits)
        top = top[np.lexsort((top, -logits[top]))]  # Ties in the order of the vocabulary, so that a seed says all.
        weights = np.exp((logits[top] - logits[top[0]]).astype(np.float64) / self._temperature)
        sums = np.cumsum(weights)
        kept = int(np.searchsorted(sums, TOP_SHARE * sums[-1])) + 1
        at = int(np.searchsorted(sums[:kept], self._random.random() * sums[min(kept, len(sums)) - 1], side="right"))
        return int(top[min(at, kept - 1, len(top) - 1)])


def _likeliest(logits: Logits) -> int | None:
    """Among those that are numbers at all: a broken model computes none."""
    able = np.flatnonzero(np.isfinite(logits))
    return int(able[logits[able].argmax()]) if len(able) else None
