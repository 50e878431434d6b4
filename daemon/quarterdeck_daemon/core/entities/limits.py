"""How much may be used at once and over time, who waits for room, and what keeps failing."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from .base import Entity

Priority = Literal["interactive", "normal", "batch"]
LineClass = Literal["inside", "interactive", "normal", "batch"]  # inside: a part of work that is under way.


Per = Literal["minute", "hour", "day", "month", "ever"]


Over = Literal["throttle", "escalate", "stop"]


class Amounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What work may use or has used. ms: of doing it. money: in minor units, such as cents."""

    calls: int = 0
    ms: int = 0
    tokens: int = 0
    money: int = 0


class Cap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The most of one span of time; 0 of an amount is no limit. over: what is done with work that does not fit."""

    per: Per
    most: Amounts
    over: Over = "throttle"


class Limit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """of: "agent:composer", "agent:*" (each), "connector:mail", "model:small", "purpose:draft", "run" (each) or "workspace"."""

    of: str
    at_once: int = 0  # 0: no limit.
    caps: tuple[Cap, ...] = ()


class Limits(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What quarterdeck.toml says about limits and failures. Id `workspace`."""

    kind: ClassVar[str] = "limits"
    rules: tuple[Limit, ...] = ()
    breaker_failures: int = 5
    breaker_window_us: int = 60_000_000
    breaker_open_us: int = 30_000_000
    escalate_us: int = 4 * 3_600_000_000  # A dead letter so old becomes an alert of its own; 0: never.


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One try of a step, one effect, or one call of a model, as limits see it. id: `r1/draft`, `a7`, or `c12`.

    inside  scopes in which it is a part of work that counts there already: it takes no place and no time of its own
    """

    id: str
    scopes: tuple[str, ...]  # All of them must have room.
    amounts: Amounts  # The most that it may use.
    priority: LineClass = "normal"
    run: str = ""
    due_us: int | None = None  # When it is too late for it.
    inside: tuple[str, ...] = ()


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was used and is reserved in the present span of time. more: what the operator gave on top, for this span."""

    since_us: int = 0
    used: Amounts = Amounts()
    reserved: Amounts = Amounts()
    more: Amounts = Amounts()


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Waiters of one priority, first to last, each naming the next."""

    head: str
    tail: str


class Meter(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a limit is taken, and who waits for room. Its id is what is limited: `agent:composer`, `run:r1`."""

    kind: ClassVar[str] = "meter"
    in_use: int = 0
    spans: dict[Per, Span] = {}
    own: tuple[Cap, ...] = ()  # Of a run: what its playbook or its start said.
    lines: dict[LineClass, Line] = {}
    waiting: int = 0
    turns: int = 0  # Called from the lines so far; which of them is next follows from it.
    until_us: int | None = None  # When it is worth looking again.

    @property
    def live(self) -> bool:
        return self.waiting > 0


class Waiter(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a line. Id `w12`."""

    kind: ClassVar[str] = "waiter"
    scope: str
    work: Work
    at_us: int
    next: str = ""


class Reservation(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What a piece of work may use, taken out of its limits before it is dispatched. Its id is the work's."""

    kind: ClassVar[str] = "reservation"
    scopes: dict[str, tuple[Per, ...]]  # Each limit that it counts in, with the spans of time.
    amounts: Amounts
    at_us: int
    open: bool = True
    inside: tuple[str, ...] = ()  # Of these, those in which it takes no place and no time of its own.

    @property
    def live(self) -> bool:
        return self.open


class Breaker(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Whether an agent, connector or model is given work. Id as of what it protects: `connector:mail`."""

    kind: ClassVar[str] = "breaker"
    state: Literal["closed", "open", "half_open"] = "closed"
    failures: tuple[int, ...] = ()  # When, as far as they count; each success takes the oldest away.
    until_us: int | None = None  # Open: when one try is let through. Half open: when that try counts as lost.
    probe: str = ""  # The work that tries.
    opened: int = 0  # Times in a row.
    since_us: int = 0
    failure: str = ""  # Class of the last one.
