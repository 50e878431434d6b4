"""The forward pass of a BERT-style encoder in numpy: token ids in, one vector for each token out.

Post-norm layers, 12 heads, exact GELU, learned positions; as all-MiniLM-L6-v2 wants it. Sequences of one batch are
padded to the longest, and what is padding is masked, so a text's vectors depend on its batch by rounding alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .tensors import Tensor

HEADS = 12
EPSILON = np.float32(1e-12)
MASKED = np.float32(-1e9)

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Encoder:
    """Holds the weights of one model."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """Raises KeyError naming the tensor that is missing."""
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._positions = tensors["embeddings.position_embeddings.weight"]
        self._kind = tensors["embeddings.token_type_embeddings.weight"][0]
        self._norm = _Norm(tensors, "embeddings.LayerNorm")
        layers = sum(name.endswith(".attention.self.query.weight") for name in tensors)
        self._layers = [_Layer(tensors, f"encoder.layer.{at}") for at in range(layers)]

    @property
    def dimension(self) -> int:
        return int(self._words.shape[1])

    @property
    def tokens_max(self) -> int:
        return int(self._positions.shape[0])

    def states(self, ids: Ids, mask: Mask) -> Tensor:
        """Return (texts, tokens, dimension), the last states; ids and mask are (texts, tokens), mask true on tokens."""
        state = self._norm(self._words[ids] + self._positions[: ids.shape[1]] + self._kind)
        hidden = np.where(mask, np.float32(0), MASKED)[:, None, None, :]
        for layer in self._layers:
            state = layer(state, hidden)
        return state

    def sentences(self, ids: Ids, mask: Mask) -> Tensor:
        """Return (texts, dimension): the mean over the tokens of each text, of unit length."""
        state = self.states(ids, mask) * mask[:, :, None]
        mean = state.sum(axis=1) / mask.sum(axis=1, keepdims=True)
        length = np.linalg.norm(mean, axis=1, keepdims=True)
        return np.asarray(mean / np.maximum(length, 1e-12), dtype=np.float32)


def padded(sequences: Sequence[Sequence[int]]) -> tuple[Ids, Mask]:
    """Return ids and mask of sequences as one batch; padding has the id 0."""
    width = max(map(len, sequences))
    mask = np.arange(width) < np.array([len(one) for one in sequences])[:, None]
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask] = np.concatenate([np.asarray(one, dtype=np.int64) for one in sequences])
    return ids, mask


class _Norm:
    def __init__(self, tensors: Mapping[str, Tensor], name: str) -> None:
        self._weight, self._bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]

    def __call__(self, state: Tensor) -> Tensor:
        state = state - state.mean(axis=-1, keepdims=True)
        state /= np.sqrt(np.square(state).mean(axis=-1, keepdims=True) + EPSILON)
        return state * self._weight + self._bias


class _Dense:
    def __init__(self, tensors: Mapping[str, Tensor], *names: str) -> None:
        """Several layers over the same input are laid side by side: one product instead of three."""
        self._weight = np.concatenate([tensors[f"{name}.weight"] for name in names]).T
        self._bias = np.concatenate([tensors[f"{name}.bias"] for name in names])

    def __call__(self, state: Tensor) -> Tensor:
        flat = state.reshape(-1, state.shape[-1]) @ self._weight  # One large product is faster than many small ones.
        flat += self._bias
        return np.asarray(flat.reshape(*state.shape[:-1], -1), dtype=np.float32)


class _Layer:
    def __init__(self, tensors: Mapping[str, Tensor], name: str) -> None:
        attention = f"{name}.attention"
        self._asked = _Dense(tensors, *(f"{attention}.self.{part}" for part in ("query", "key", "value")))
        self._answered = _Dense(tensors, f"{attention}.output.dense")
        self._attention_norm = _Norm(tensors, f"{attention}.output.LayerNorm")
        self._wide = _Dense(tensors, f"{name}.intermediate.dense")
        self._narrow = _Dense(tensors, f"{name}.output.dense")
        self._norm = _Norm(tensors, f"{name}.output.LayerNorm")

    def __call__(self, state: Tensor, hidden: Tensor) -> Tensor:
        state = self._attention_norm(state + self._answered(self._attend(state, hidden)))
        return self._norm(state + self._narrow(_gelu(self._wide(state))))

    def _attend(self, state: Tensor, hidden: Tensor) -> Tensor:
        texts, tokens, dimension = state.shape
        parts = self._asked(state).reshape(texts, tokens, 3, HEADS, dimension // HEADS)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2)
        scores *= np.float32((dimension // HEADS) ** -0.5)
        scores += hidden
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.asarray(scores @ value).transpose(0, 2, 1, 3).reshape(texts, tokens, dimension)


# Abramowitz and Stegun 7.1.26: erf to 1.5e-7, below what float32 shows.
_ERF = tuple(map(np.float32, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)))
_ERF_P = np.float32(0.3275911)


def _gelu(state: Tensor) -> Tensor:
    """x/2 (1 + erf(x/sqrt 2)), in place as far as it goes."""
    scaled = np.abs(state)
    scaled *= np.float32(2**-0.5)
    share = np.reciprocal(scaled * _ERF_P + np.float32(1))
    tail = share * _ERF[0]
    for factor in _ERF[1:]:
        tail += factor
        tail *= share
    np.square(scaled, out=scaled)
    np.negative(scaled, out=scaled)
    tail *= np.exp(scaled, out=scaled)  # 1 - erf of the absolute value.
    np.subtract(np.float32(1), tail, out=tail)
    np.copysign(tail, state, out=tail)
    tail += np.float32(1)
    tail *= state
    tail *= np.float32(0.5)
    return np.asarray(tail, dtype=np.float32)
