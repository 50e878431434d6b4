"""What an embedder promises. The table that ships with the package, a full encoder and an endpoint all keep it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Makes vectors. `id` names model, dimension and content: vectors of two ids are never compared."""

    @property
    def id(self) -> str:
        """Stable and fit for a file name: `static-256-1f0c…`."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def remote(self) -> bool:
        """Whether text leaves the house for it; then nothing secret may be given to it."""
        ...

    @property
    def resting(self) -> bool:
        """Whether it could not be asked a moment ago and is left in peace; questions then get rows of zeros."""
        ...

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dimension) rows of unit length; a row of zeros for a text with nothing usable in it."""
        ...

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions; an embedder may weight their words by what the store holds."""
        ...

    def fluency(self, text: str) -> float:
        """How much of the text the embedder can read, 0..1: it multiplies the vectors' weight in a ranking."""
        ...

    def learn(self, texts: Sequence[str], *, forget: bool = False) -> None:
        """Count the words of documents that came into the store, or left it."""
        ...

    def learned(self) -> bytes:
        """What `learn` has gathered, to be kept beside the index; b"" when there is nothing."""
        ...

    def recollect(self, learned: bytes) -> None:
        """Take up again what `learned` gave. Raises ValueError when the bytes are not that."""
        ...
