"""Which tokens of a vocabulary may come next, for a text that is followed by an acceptor.

The vocabulary is a tree of bytes, its nodes in numpy arrays level by level: one look-up in the acceptor's table takes a
whole level a byte further, so 32,000 tokens cost some hundred microseconds, and a state met again costs nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .acceptor import NOWHERE, UNKNOWN, Acceptor

PIECE_BYTES_MAX = 48  # Longer tokens (runs of spaces, mostly) are not used under a schema.
MASKS_MAX = 256
Mask = npt.NDArray[np.bool_]


class Vocabulary:
    """pieces: the bytes that each token writes; None for one that writes nothing."""

    def __init__(self, pieces: Sequence[bytes | None]) -> None:
        self.pieces = pieces
        self.single = {
            piece[0]: token for token, piece in reversed(list(enumerate(pieces))) if piece and len(piece) == 1
        }
        self._tokens: dict[bytes, int] = {}
        for token, piece in enumerate(pieces):
            if piece and len(piece) <= PIECE_BYTES_MAX:
                self._tokens.setdefault(piece, token)
        self._longest = max(map(len, self._tokens), default=0)
        self._plant()

    @property
    def spells_all(self) -> bool:
        """Whether every text can be written: a token for each byte. Else a text begun could not always be ended."""
        return len(self.single) == 256 or all(
            byte in self.single for byte in (*range(0x20, 0x7F), *range(0x80, 0xF5))
        )

    def _plant(self) -> None:
        numbers = {b"": 0}
        parents, bytes_ = [0], [0]
        self.levels: list[tuple[int, int]] = []
        for size in range(1, self._longest + 1):
            start = len(parents)
            for piece in self._tokens:
                prefix = piece[:size]
                if len(prefix) == size and prefix not in numbers:
                    numbers[prefix] = len(parents)
                    parents.append(numbers[prefix[:-1]])
                    bytes_.append(prefix[-1])
            self.levels.append((start, len(parents)))
        self.parents, self.bytes = np.array(parents, np.intp), np.array(bytes_, np.intp)
        self.at = np.array([numbers[piece] if piece in self._tokens else 0 for piece in self.pieces], np.intp)

    def spell(self, text: bytes) -> list[int]:
        """Return the fewest tokens that write the text, a long one first among equals."""
        best: list[tuple[int, int]] = [
            (0, 0)
        ]  # For what is left from each place on, from the end: tokens, size of the first.
        for left in range(1, len(text) + 1):
            at = len(text) - left
            sizes = range(min(self._longest, left), 0, -1)
            ways = [(best[left - size][0] + 1, -size) for size in sizes if text[at : at + size] in self._tokens]
            best.append(min(ways))
        tokens, left = [], len(text)
        while left:
            size = -best[left][1]
            tokens.append(self._tokens[text[len(text) - left : len(text) - left + size]])
            left -= size
        return tokens


class Masks:
    """The tokens that may follow, and those that end soonest, for every state of one acceptor."""

    def __init__(self, vocabulary: Vocabulary, acceptor: Acceptor) -> None:
        self._vocabulary, self._acceptor = vocabulary, acceptor
        self._kept: OrderedDict[int, Mask] = OrderedDict()
        self._needs: dict[int, int] = {0: 0}
        self._of_node: dict[int, int] = {}

    def forget(self) -> None:
        """The acceptor numbers its states anew."""
        self._kept.clear()

    def mask(self, state: int) -> Mask:
        """Which tokens may come next. At least one may, unless the text must end here. Not to be changed."""
        found = self._kept.get(state)
        if found is None:
            found = self._kept[state] = self._look(state)
            if len(self._kept) > MASKS_MAX:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(state)
        return found

    def need(self, state: int) -> int:
        """How many tokens are enough to end from here."""
        stack, acceptor = self._acceptor.ending(state), self._acceptor
        above = []
        while stack not in self._needs:
            above.append(stack)
            stack = acceptor.stacks[stack][1]
        for one in reversed(above):
            node, below = acceptor.stacks[one]
            if node not in self._of_node:
                self._of_node[node] = len(self._vocabulary.spell(acceptor.end_of_node(node)))
            self._needs[one] = self._of_node[node] + self._needs[below]
        return self._needs[above[0] if above else stack]

    def ending(self, state: int) -> list[int]:
        """The `need` tokens that end it."""
        pieces = self._acceptor.end_of(self._acceptor.ending(state))
        return [token for piece in pieces for token in self._vocabulary.spell(piece)]

    def _look(self, state: int) -> Mask:
        words, acceptor = self._vocabulary, self._acceptor
        states = np.zeros(len(words.parents), np.int32)
        states[0] = state
        for low, high in words.levels:
            before, byte = states[words.parents[low:high]], words.bytes[low:high]
            after = acceptor.table[before, byte]
            while (missing := after == UNKNOWN).any():
                for one in np.unique(before[missing]):
                    acceptor.fill(int(one))
                after = acceptor.table[before, byte]
            if not after.any():
                break
            states[low:high] = after
        mask: Mask = states[words.at] != NOWHERE
        mask &= words.at != 0
        return mask
