"""Bulkheads: one kind of work that hangs takes neither all workers nor all of the effector's hands.

A kind is one agent, one type of document, one connector. Of the effector's hands it gets three quarters. It is given
the last free worker only while it is known to answer, or while nobody else waits; should it hold all of them for
`HOG_S` while somebody else waits, one is taken back: that process is ended and its order queued again, at no cost of a try.
So work of another kind waits for a worker no longer than `HOG_S` and the start of a process.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from ..core.orders import (
    AskModel,
    ExecuteEffect,
    FindFacts,
    ParseDocument,
    ReconcileEffect,
    RunStep,
    Work,
)

TRUST_S = 10.0  # After an answer, a kind counts as one that answers for so long,
SLOW_S = 1.0  # unless one of its orders has been under way for longer than this.
QUICK_S = 0.01  # A kind whose orders take no longer may have several with one worker.
FADES = 0.9  # How much of the longest time is left after each shorter one.
HOG_S = 2.0
HANDS_SHARE = 0.75
KINDS_MAX = 10_000  # Remembered; the oldest is forgotten.


def kind_of(work: Work) -> str:
    """What hangs together: if one of it hangs, others of it likely do."""
    if isinstance(work, RunStep):
        return f"agent:{work.agent}"
    if isinstance(work, ParseDocument):
        return f"parse:{work.media_type}"
    if isinstance(work, ExecuteEffect | ReconcileEffect):
        return f"connector:{work.connector}"
    if isinstance(work, AskModel):
        return f"model:{work.model}"
    return "facts" if isinstance(work, FindFacts) else "rows"


class _Kind(msgspec.Struct):
    begun: dict[str, float] = {}  # Order -> when it began, monotonic seconds.
    answered_s: float = float("-inf")
    took_s: float = float("inf")  # The longest of its orders; it fades.


class Bulkheads:
    """Told of what begins and ends; says what may begin."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._kinds: dict[str, _Kind] = {}
        self._now_s = now_s

    def began(self, kind: str, order: str) -> None:
        self._of(kind).begun.setdefault(order, self._now_s())

    def ended(self, kind: str, order: str, *, answered: bool) -> None:
        known, now = self._of(kind), self._now_s()
        begun = known.begun.pop(order, None)
        if answered:
            known.answered_s = now
            took_s = now - begun if begun is not None else 0.0
            known.took_s = took_s if known.took_s == float("inf") else max(took_s, FADES * known.took_s)

    def answers(self, kind: str) -> bool:
        """Whether it has answered lately and nothing of it takes long."""
        known, now = self._of(kind), self._now_s()
        slow = any(now - at > SLOW_S for at in known.begun.values())
        return not slow and now - known.answered_s < TRUST_S

    def is_quick(self, kind: str) -> bool:
        """Whether its orders take so little that some may wait behind one of them."""
        return self._of(kind).took_s <= QUICK_S and self.answers(kind)

    def is_slow(self, kind: str, order: str) -> bool:
        """Whether this order has been under way for long."""
        begun = self._of(kind).begun.get(order)
        return begun is not None and self._now_s() - begun > SLOW_S

    def may_have_worker(self, kind: str, *, with_it: int, workers: int, others_wait: bool) -> bool:
        """Whether one more worker is given to this kind, which has `with_it` of `workers`."""
        return with_it + 1 < workers or workers == 1 or not others_wait or self.answers(kind)

    def hogged(self, kind: str) -> list[str]:
        """Its orders that have been under way for long, the youngest first; [] when one of them has not."""
        now = self._now_s()
        begun = self._of(kind).begun
        if any(now - at < HOG_S for at in begun.values()):
            return []
        return sorted(begun, key=lambda order: -begun[order])

    def _of(self, kind: str) -> _Kind:
        known = self._kinds.pop(kind, None) or _Kind(begun={})
        self._kinds[kind] = known
        if len(self._kinds) > KINDS_MAX:
            idle = next((name for name, one in self._kinds.items() if not one.begun), None)
            if idle is not None:
                del self._kinds[idle]
        return known
