"""The steps of a run as a graph, drawn as rails beside a list: one row a step, a lane for each line that is open.

Owns     the order of the rows, which rail is drawn where, and which chain of steps is the critical one.
Promises every step has one row, after all that it needs; what needs nothing known begins a lane of its own.
Leaves   words and colours to the screen; the signs to `Marks`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LANES_MAX = 10  # Of more at once the last ones are not drawn.
FINE_RAILS = "│─├┤┼┴└┘"
ASCII_RAILS = "|-++++++"


@dataclass(frozen=True, slots=True)
class Node:
    """A step: what comes before it, and what it weighs on a path: steps still to be done, then seconds."""

    id: str
    needs: tuple[str, ...] = ()
    to_do: int = 0
    seconds: float = 0.0


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes so that each comes after what it needs, else as they were given. A circle is left at the end."""
    place = {node.id: index for index, node in enumerate(nodes)}
    missing = {node.id: len(known) for node in nodes if (known := _known(node, place))}
    after: dict[str, list[str]] = {}
    for node in nodes:
        for need in _known(node, place):
            after.setdefault(need, []).append(node.id)
    ready = [place[node.id] for node in nodes if node.id not in missing]
    found: list[Node] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        found.append(node)
        for id in after.get(node.id, ()):
            missing[id] -= 1
            if not missing[id]:
                heapq.heappush(ready, place[id])
    return found if len(found) == len(nodes) else [*found, *(node for node in nodes if missing.get(node.id))]


def _known(node: Node, place: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(need for need in dict.fromkeys(node.needs) if need in place and need != node.id)


def rails(nodes: Sequence[Node], signs: Mapping[str, str], *, ascii_only: bool = False) -> list[str]:
    """Return the rails of each row, for nodes `in_order`; `signs`: what stands for each node."""
    letters = dict(zip(FINE_RAILS, ASCII_RAILS if ascii_only else FINE_RAILS, strict=True))
    drawing = _Drawing(nodes)
    rows = ["".join(letters.get(char, char) for char in drawing.row(node)) for node in nodes]
    signed = [row.replace("*", signs.get(node.id, "*"), 1) for row, node in zip(rows, nodes, strict=True)]
    width = min(max((len(row) for row in signed), default=0), 2 * LANES_MAX)
    return [row[:width].ljust(width) for row in signed]


class _Drawing:
    """`lanes`: the step whose line runs there, "" for none. `left`: how many rows each step's line still has to reach."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.lanes: list[str] = []
        self.place = {node.id: index for index, node in enumerate(nodes)}
        self.left = dict.fromkeys(self.place, 0)
        for node in nodes:
            for need in self._above(node):
                self.left[need] += 1

    def _above(self, node: Node) -> list[str]:
        return [need for need in _known(node, self.place) if self.place[need] < self.place[node.id]]

    def row(self, node: Node) -> str:
        needs = self._above(node)
        for need in needs:
            self.left[need] -= 1
        ends = {lane for lane, id in enumerate(self.lanes) if id in needs and not self.left[id]}
        goes_on = {lane for lane, id in enumerate(self.lanes) if id in needs} - ends
        at = self._lane(ends)
        drawn = self._chars(at, ends - {at}, goes_on)
        for lane in ends:
            self.lanes[lane] = ""
        self.lanes[at] = node.id if self.left[node.id] else ""
        while self.lanes and not self.lanes[-1]:
            self.lanes.pop()
        return drawn

    def _lane(self, ends: set[int]) -> int:
        if ends:
            return min(ends)
        if "" not in self.lanes:
            self.lanes.append("")
        return self.lanes.index("")

    def _chars(self, at: int, ends: set[int], goes_on: set[int]) -> str:
        joined = {at, *ends, *goes_on}
        low, high = min(joined), max(joined)
        chars: list[str] = []
        for lane, id in enumerate(self.lanes):
            inside = low < lane < high
            if lane == at:
                chars.append("*")
            elif lane in ends:
                chars.append("┴" if inside else "└" if lane < at else "┘")
            elif lane in goes_on:
                chars.append("┼" if inside else "├" if lane < at else "┤")
            else:
                chars.append(("┼" if inside else "│") if id else "─" if inside else " ")
            chars.append("─" if low <= lane < high else " ")
        return "".join(chars)


def critical_path(nodes: Sequence[Node]) -> tuple[str, ...]:
    """Return the chain of steps with the most still to be done; of equals the one that took longest. First step first."""
    best: dict[str, tuple[int, float]] = {}
    before: dict[str, str] = {}
    for node in in_order(nodes):
        reached = [(best[need], need) for need in node.needs if need in best]
        (to_do, seconds), came = max(reached, default=((0, 0.0), ""))
        best[node.id] = (to_do + node.to_do, seconds + node.seconds)
        before[node.id] = came
    if not best:
        return ()
    path = [max(best, key=lambda id: best[id])]
    while before[path[-1]]:
        path.append(before[path[-1]])
    return tuple(reversed(path))
