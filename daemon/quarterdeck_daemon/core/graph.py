"""The graph of facts: who is next to whom, and how one gets from here to there.

Edges are given by a function, so that the same search walks the graph of now and that of an earlier position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

Direction = Literal["out", "in"]
VISITED_MAX = 10_000  # Nodes that one search looks at; beyond it the answer says that it was cut.
DEPTH_MAX = 8


class Edge(NamedTuple):
    """An edge as seen from `source`: `direction` is `in` when the link itself points the other way."""

    source: str
    relation: str
    target: str
    direction: Direction
    seq: int


Edges = Callable[[str], Iterable[Edge]]


class Reached(NamedTuple):
    edge: Edge
    depth: int


def neighbours(start: str, edges: Edges, *, depth: int) -> tuple[list[Reached], bool]:
    """Return what is reached from `start` in at most `depth` steps, nearest first, and whether it was cut.

    At depth 1 every edge counts, so that two relations between the same two are both seen; further out each node
    is named once, by the edge that reached it first.
    """
    seen = {start}
    found: list[Reached] = []
    waiting = deque([(start, 0)])
    while waiting:
        here, steps = waiting.popleft()
        for edge in edges(here):
            known = edge.target in seen
            if known and steps > 0:
                continue
            if len(seen) >= VISITED_MAX:
                return found, True
            found.append(Reached(edge, steps + 1))
            if not known:
                seen.add(edge.target)
                if steps + 1 < depth:
                    waiting.append((edge.target, steps + 1))
    return found, False


def shortest(start: str, goal: str, edges: Edges, *, steps_max: int) -> tuple[list[Edge] | None, bool]:
    """Return the shortest way as its edges ([] when already there, None when there is none), and whether it was cut.

    Ties go to the edge that `edges` names first.
    """
    if start == goal:
        return [], False
    came: dict[str, Edge | None] = {start: None}
    waiting = deque([(start, 0)])
    while waiting:
        here, steps = waiting.popleft()
        for edge in edges(here) if steps < steps_max else ():
            if edge.target in came:
                continue
            came[edge.target] = edge
            if edge.target == goal:
                return _way(came, goal), False
            if len(came) >= VISITED_MAX:
                return None, True
            waiting.append((edge.target, steps + 1))
    return None, False


def _way(came: dict[str, Edge | None], goal: str) -> list[Edge]:
    way: list[Edge] = []
    edge = came[goal]
    while edge is not None:
        way.append(edge)
        edge = came[edge.source]
    return way[::-1]
