"""What every screen is given: the session, time, signs, the guard, drafts. Made once by the app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .clock import Clock
from .guard import Guard
from .marks import FINE, Marks
from .past import Past
from .session import Session
from .views import Shown

Later = Callable[[float, Callable[[], object]], object]


def at_once(wait_ms: float, do: Callable[[], object]) -> None:
    do()


@dataclass(slots=True)
class Context:
    """`drafts`: edited texts that were not sent yet, by item id. `on_its_way`: decided, not yet answered.

    `past`: the moment that Timeline and Memory look at; None: now.
    `later`: call something after so many milliseconds; the app sets it.
    """

    session: Session
    clock: Clock = field(default_factory=Clock)
    marks: Marks = FINE
    guard: Guard = field(default_factory=Guard)
    drafts: dict[str, str] = field(default_factory=dict)
    on_its_way: set[Shown] = field(default_factory=set)
    later: Later = at_once
    past: Past | None = None
