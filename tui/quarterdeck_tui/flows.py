"""Runs and their steps as this program reads them: view models, and what follows from them alone.

Unknown fields are ignored, missing ones have defaults; one run that does not fit never hides the others.
"""

from __future__ import annotations

import msgspec

from .graph import Node
from .replies import Plain, each, moment

STEP_ENDED = frozenset(("succeeded", "failed", "skipped"))
RUN_ENDED = frozenset(("succeeded", "failed", "cancelled", "timed_out", "blocked", "no_op", "exhausted", "stalled"))
WENT_WRONG = frozenset(("failed", "timed_out", "blocked", "exhausted", "stalled", "quarantined"))


class Gate(msgspec.Struct, frozen=True):
    """A question to the operator. `id` as the list of approvals has it."""

    id: str
    step: str = ""
    text: str = ""


class StepView(msgspec.Struct, frozen=True):
    """One step of a run. `needs`: what comes before it. `parent`: the fan-out of which it is a share."""

    id: str
    agent: str = ""
    status: str = "pending"
    attempts: int = 0
    tries_max: int = 0
    input: Plain = {}
    output: Plain = {}
    error: Plain = {}
    actions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    parent: str = ""
    item: object = None
    gate: str = ""
    run: str = ""
    given: bool = False
    does: str = ""
    when: str = ""
    timeout: str = ""
    mode: str = ""
    queued_for: str = ""
    calls: tuple[Plain, ...] = ()
    started_at: str | None = None
    ended_at: str | None = None
    wakes_at: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in STEP_ENDED

    @property
    def message(self) -> str:
        """What went wrong, "" when nothing did."""
        return str(self.error.get("message", ""))

    def seconds(self, now_us: int) -> float | None:
        """How long it has been at work; None before it began."""
        began = moment(self.started_at)
        if began is None:
            return None
        return max((moment(self.ended_at) or now_us) - began, 0) / 1_000_000


class FlowView(msgspec.Struct, frozen=True):
    """A run: in a list without its steps, by itself with them."""

    id: str
    playbook: str = ""
    status: str = ""
    reason: str = ""
    trouble: str = ""
    origin: str = ""
    parent: str = ""
    priority: str = ""
    mode: str = ""
    steps_done: int = 0
    steps_total: int = 0
    waits_for: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    inputs: Plain = {}
    outputs: Plain = {}
    remedies: tuple[str, ...] = ()
    steps: tuple[StepView, ...] = ()
    at: str | None = None
    ended_at: str | None = None
    late_at: str | None = None
    deadline_at: str | None = None
    opens_at: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in RUN_ENDED

    @property
    def asks(self) -> tuple[str, ...]:
        """Ids of what waits for the operator's word: questions, then actions."""
        return (*(gate.id for gate in self.gates), *self.waits_for)

    @property
    def at_us(self) -> int | None:
        return moment(self.at)

    def step(self, id: str) -> StepView | None:
        return next((one for one in self.steps if one.id == id), None)

    def asks_at(self, step: StepView) -> tuple[str, ...]:
        """Ids of what waits for the operator's word at one step."""
        return (*(gate.id for gate in self.gates if gate.step == step.id), *step.actions)


def flows(result: Plain) -> tuple[tuple[FlowView, ...], int]:
    """Return the runs of `run.list`, and how many could not be read."""
    found, unreadable = each(result.get("items"), FlowView)
    return tuple(found), unreadable


def flow(result: Plain) -> FlowView:
    """Return the run of `run.get`. Raises ValidationError when it is none."""
    return msgspec.convert(result, FlowView, strict=False)


def nodes(run: FlowView, now_us: int) -> list[Node]:
    """The plan as a graph. Shares of a fan-out stand under it and are no nodes of their own."""
    return [
        Node(step.id, step.needs, 0 if step.ended or run.ended else 1, step.seconds(now_us) or 0.0)
        for step in run.steps
        if not step.parent
    ]


def shares(run: FlowView, step: StepView) -> tuple[StepView, ...]:
    return tuple(one for one in run.steps if one.parent == step.id)
