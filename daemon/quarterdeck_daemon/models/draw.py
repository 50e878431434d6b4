"""Choosing a token by its logits: the likeliest, or one by chance that its own seed decides."""

from __future__ import annotations

import math
import random

import numpy as np
import numpy.typing as npt

TOP_TOKENS, TOP_SHARE = 40, 0.95  # Of these one is drawn when the temperature is above 0.
NEGLIGIBLE = 12.0  # exp(-12): what is that much less likely than the best is not looked at.
Logits = npt.NDArray[np.float32]


class Draw:
    def __init__(self, temperature: float, seed: int) -> None:
        self._temperature, self._random = temperature, random.Random(seed)

    def one(self, logits: Logits) -> int | None:
        """Return a token whose logit is a number; None when there is none."""
        if self._temperature == 0:
            token = int(logits.argmax())
            return token if math.isfinite(logits[token]) else _likeliest(logits)
        best = float(np.fmax.reduce(logits))
        if not math.isfinite(best):
            return _likeliest(logits)
        top = np.flatnonzero(logits >= best - NEGLIGIBLE * self._temperature)
        if len(top) > TOP_TOKENS:
            top = top[np.argpartition(logits[top], -TOP_TOKENS)[-TOP_TOKENS:]]
        top.sort()  # Ties in the order of the vocabulary, so that a seed says all.
        values = logits[top]
        ranked = np.argsort(-values, kind="stable")
        sums = np.exp((values[ranked] - best) / self._temperature).cumsum()
        kept = sums.searchsorted(TOP_SHARE * sums[-1])
        return int(top[ranked[sums.searchsorted(self._random.random() * sums[kept], side="right")]])


def _likeliest(logits: Logits) -> int | None:
    """Among those that are numbers at all: a broken model computes none."""
    able = np.flatnonzero(np.isfinite(logits))
    return int(able[logits[able].argmax()]) if len(able) else None
