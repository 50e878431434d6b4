"""Follows a text through a grammar: which bytes may come next, whether it may end here, how it ends soonest.

A state is the set of all readings of the text so far; a reading is a stack of what is still to come. States are numbered
as they are met and their ways are rows of one table, so masks can be looked up for a whole vocabulary at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .grammar import EMPTY, NODES_MAX, Choice, Grammar, Items, Literal, Pairs, Repeat, Sequence
from .numerals import Number

NOWHERE = 0  # The state of a text that is wrong.
UNKNOWN = -1  # In the table: this row was not needed yet.
STATES_MAX = 200_000  # A single token meets fewer than this.
STATES_KEPT, STACKS_KEPT = 20_000, 50_000
_DONE = 0  # The empty stack.
Row = npt.NDArray[np.int32]


class Acceptor:
    """`table[state, byte]` is the state after the byte; rows are filled in by `fill`."""

    def __init__(self, grammar: Grammar, root: int) -> None:
        self._grammar = grammar
        self.stacks: list[tuple[int, int]] = [(EMPTY, _DONE)]  # Node on top, number of the stack below.
        self._stack_numbers: dict[tuple[int, int], int] = {}
        self._lengths = [0]  # Of the shortest end of each stack.
        self._closed: dict[int, frozenset[int]] = {_DONE: frozenset([_DONE])}
        self._states: list[frozenset[int]] = [frozenset()]
        self.forget()
        self._root = self._close(self._push(root, _DONE))

    @property
    def start(self) -> int:
        return self._state(self._root)

    @property
    def crowded(self) -> bool:
        return len(self._states) > STATES_KEPT

    @property
    def worn(self) -> bool:
        """Whether it has met so much that a new one is better than this."""
        return self.crowded or len(self.stacks) > STACKS_KEPT or len(self._grammar.nodes) > NODES_MAX // 2

    def forget(self, kept: int = NOWHERE) -> int:
        """Number the states anew; returns the new number of the one that is kept."""
        readings = self._states[kept]
        self._states = [frozenset()]
        self._state_numbers: dict[frozenset[int], int] = {frozenset(): NOWHERE}
        self.table: Row = np.zeros((64, 256), np.int32)
        return self._state(readings)

    def may_end(self, state: int) -> bool:
        return _DONE in self._states[state]

    def must_end(self, state: int) -> bool:
        return self._states[state] == frozenset([_DONE])

    def advance(self, state: int, text: bytes) -> int:
        """Return the state after the text, NOWHERE when it does not fit."""
        for byte in text:
            if self.table[state, 0] == UNKNOWN:
                self.fill(state)
            state = int(self.table[state, byte])
        return state

    def ending(self, state: int) -> int:
        """The stack that ends soonest."""
        return min(self._states[state], key=lambda stack: (self._lengths[stack], stack))

    def end_of(self, stack: int) -> list[bytes]:
        """The shortest end of a stack, piece by piece."""
        pieces = []
        while stack != _DONE:
            node, stack = self.stacks[stack]
            pieces.append(self._grammar.ends[node])
        return pieces

    def end_of_node(self, node: int) -> bytes:
        return self._grammar.ends[node]

    def fill(self, state: int) -> None:
        """Work out one row of the table."""
        ways = [way for stack in self._states[state] if stack != _DONE for way in self._ways(stack)]
        row = np.zeros(256, np.int32)
        for members, after in _apart(ways):
            row[_bytes_of(members)] = self._state(after)
        self.table[state] = row

    def _ways(self, stack: int) -> list[tuple[int, frozenset[int]]]:
        node, below = self.stacks[stack]
        leaf = self._grammar.nodes[node]
        assert not isinstance(leaf, Sequence | Choice | Repeat | Items | Pairs), "a reading begins with a leaf"
        return [(members, self._close(self._push(after, below))) for members, after in self._grammar.steps(leaf)]

    def _push(self, node: int, below: int) -> int:
        if node == EMPTY:
            return below
        key = (node, below)
        found = self._stack_numbers.get(key)
        if found is None:
            found = self._stack_numbers[key] = len(self.stacks)
            self.stacks.append(key)
            self._lengths.append(len(self._grammar.ends[node]) + self._lengths[below])
        return found

    def _close(self, stack: int) -> frozenset[int]:
        """All readings that a stack stands for, each with a leaf on top."""
        found = self._closed.get(stack)
        if found is not None:
            return found
        readings: set[int] = set()
        seen, waiting = {stack}, [stack]
        while waiting:
            one = waiting.pop()
            if one == _DONE:
                readings.add(one)
                continue
            for after in self._opened(one, readings):
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
        closed = self._closed[stack] = frozenset(readings)
        return closed

    def _opened(self, stack: int, readings: set[int]) -> list[int]:
        number, below = self.stacks[stack]
        node = self._grammar.nodes[number]
        if isinstance(node, Sequence):
            return [self._push(node.first, self._push(node.then, below))]
        if isinstance(node, Choice | Repeat | Items | Pairs):
            return [self._push(way, below) for way in self._grammar.unfolded(node)]
        assert not (isinstance(node, Literal) and not node.text), "nothing is never pushed"
        may_end = isinstance(node, Number) and node.complete
        if not may_end or self._grammar.steps(node):
            readings.add(stack)
        return [below] if may_end else []

    def _state(self, readings: frozenset[int]) -> int:
        found = self._state_numbers.get(readings)
        if found is None:
            found = self._state_numbers[readings] = len(self._states)
            assert found < STATES_MAX, "what is crowded is forgotten between tokens"
            self._states.append(readings)
            if found >= len(self.table):
                self.table = np.concatenate([self.table, np.zeros_like(self.table)])
            self.table[found] = UNKNOWN
        return found


def _apart(ways: list[tuple[int, frozenset[int]]]) -> list[tuple[int, frozenset[int]]]:
    """The same ways with each byte in one set only, together with all that it leads to."""
    cells: list[tuple[int, frozenset[int]]] = []
    for members, after in ways:
        split = []
        for there, before in cells:
            both = there & members
            members &= ~both
            split += [(part, to) for part, to in ((both, before | after), (there & ~both, before)) if part]
        cells = [*split, (members, after)] if members else split
    return cells


_BYTES: dict[int, npt.NDArray[np.intp]] = {}


def _bytes_of(members: int) -> npt.NDArray[np.intp]:
    found = _BYTES.get(members)
    if found is None:
        found = np.flatnonzero(
            np.unpackbits(np.frombuffer(members.to_bytes(32, "little"), np.uint8), bitorder="little")
        )
        if len(_BYTES) < 4_096:
            _BYTES[members] = found
    return found
