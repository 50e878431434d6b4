"""Gates: steps of runs that wait for the operator's word. Each is asked about, put away and expires as a proposed action does.

A gate is no entity: it is the waiting step of its run, and its id is `RUN/STEP`. What the operator sees of it is the question
and what the steps before it gave; the hash of exactly that is what an answer binds. A yes lets nothing out by itself: each
action after it still meets its own rules. So a gate is a medium risk, and never in a group.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .entities import Plain, Risk, Run, Step
from .hashing import action_hash
from .table import Table

CONNECTOR, VERB = "run", "go_on"
RISK: Risk = "medium"


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One question of one run."""

    run: Run
    step: Step

    @property
    def id(self) -> str:
        return f"{self.run.id}/{self.step.id}"

    @property
    def args(self) -> Plain:
        """What is shown: the question, and the outputs of the steps that it comes after."""
        steps = (self.run.steps.get(id) for id in self.step.about)
        made: Plain = {step.id: step.output for step in steps if step is not None and step.output}
        return {"question": self.step.gate, **({"after": made} if made else {})}

    @property
    def shown_hash(self) -> str:
        return action_hash(CONNECTOR, VERB, self.args, ())

    @property
    def expires_us(self) -> int | None:
        return self.step.until_us

    @property
    def agents(self) -> tuple[str, ...]:
        """Who made what it asks about."""
        steps = (self.run.steps.get(id) for id in self.step.about)
        return tuple(dict.fromkeys(step.agent for step in steps if step is not None and step.agent))


def is_gate(id: str) -> bool:
    """Whether it is the id of a gate, by its look: no id of an action has a stroke."""
    return "/" in id


def gates_of(run: Run) -> Iterator[Gate]:
    """The questions of a run that has not ended, in the order of its steps."""
    if run.live:
        yield from (Gate(run=run, step=step) for step in run.steps.values() if step.status == "waiting" and step.gate)


def gate_of(table: Table, id: str) -> Gate | None:
    """The gate of this id, None when its step does not wait for a word."""
    name, _, step = id.partition("/")
    run = table.get(Run, name)
    return next((gate for gate in gates_of(run) if gate.step.id == step), None) if run is not None else None


def live_gates(table: Table) -> Iterator[Gate]:
    for run in table.live(Run, "gate"):
        yield from gates_of(run)


def moments(run: Run) -> Iterator[int]:
    """When one of them has to be looked at, beside its end."""
    if run.status == "running":
        for gate in gates_of(run):
            yield from (at for at in (gate.step.warn_us, gate.step.away_us) if at is not None)
