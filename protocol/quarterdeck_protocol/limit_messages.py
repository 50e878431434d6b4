"""What the methods about limits, breakers and work that gave up take and give."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .frames import Plain
from .labels import Labels
from .params import Change, ChangeOne, Name
from .shapes import Page, Shape
from .work_results import DeadLetterView

Amount = Annotated[int, Meta(ge=0, le=1 << 50)]
Minutes = Annotated[float, Meta(ge=0, le=5_256_000)]


class BudgetRaise(Change, frozen=True, kw_only=True):
    """More for the present span of time. scope: `run:r1`, `agent:composer` …  money: in minor units."""

    scope: Name
    per: Literal["minute", "hour", "day", "month", "ever"] = "ever"
    calls: Amount = 0
    minutes: Minutes = 0.0
    tokens: Amount = 0
    money: Amount = 0


class BudgetSet(ChangeOne, frozen=True, kw_only=True):
    """The budget of a run, in place of its playbook's; 0 is no limit, all of them 0 is none. money: in minor units."""

    calls: Amount = 0
    minutes: Minutes = 0.0
    tokens: Amount = 0
    money: Amount = 0
    over: Literal["escalate", "stop"] = "escalate"


class Spent(Shape, frozen=True, kw_only=True):
    """ms: of work. money: in minor units."""

    calls: int = 0
    ms: int = 0
    tokens: int = 0
    money: int = 0


class BudgetView(Shape, frozen=True, kw_only=True):
    """One limit of one thing, in the present span of time.

    id      what is limited: `agent:composer`, `run:r1`, `workspace`; for each of a kind, `agent:*`, until it is used
    per     the span of time; "at once" for what may be under way together
    limit   with what was given on top; 0 is none           left   what may still be reserved, where there is a limit
    over    what is done with work that does not fit        waiting  how much of it waits
    """

    id: str
    per: str
    over: str = ""
    limit: Spent = Spent()
    used: Spent = Spent()
    reserved: Spent = Spent()
    left: Spent = Spent()
    at_once: int = 0
    in_use: int = 0
    waiting: int = 0
    ends_at: str | None = None


class Budgets(Page, frozen=True, kw_only=True):
    items: list[BudgetView]


class BreakerView(Shape, frozen=True, kw_only=True):
    """state: closed, open or half_open.  until: open, when one try is let through.  waiting: work that waits for it."""

    id: str
    state: str
    failures: int = 0
    failure: str = ""
    opened: int = 0
    since: str | None = None
    until: str | None = None
    probe: str = ""
    waiting: int = 0


class Breakers(Page, frozen=True, kw_only=True):
    items: list[BreakerView]


class DeadLetterOpened(DeadLetterView, frozen=True, kw_only=True):
    """All that is known of work that gave up.

    inputs, input, context  of its run; of its step, as the agent saw them last; `input_seq` is their event
    failures                every try: {"attempt", "at", "agent", "error"}
    """

    agent: str = ""
    playbook: str = ""
    action: str = ""
    diagnosis: str = ""
    cause: str = ""
    labels: Labels = Labels()
    failures: list[Plain] = []
    inputs: Plain = {}
    input: Plain = {}
    context: Plain = {}
    input_seq: int = 0
    escalated: bool = False
