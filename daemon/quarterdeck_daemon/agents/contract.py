"""What an agent is: a name, a documented contract, and a function from a step to its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from quarterdeck_daemon.core.declared import Declared
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Failure, FailureClass, RunStep, StepDone


class AgentFailure(Exception):
    """The agent could not do its work; carries the failure that is recorded."""

    def __init__(self, failure: FailureClass, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.failure = Failure(failure=failure, code=code, message=message, hint=hint)


@dataclass(frozen=True)
class Contract:
    """Names with what they mean.

    reads    context values the agent uses; a name ending in "?" may be missing
    inputs   step inputs, likewise
    outputs  every key that the output has
    effects  `connector.verb` it may propose; nothing else is accepted from it
    facts    kinds of fact it may propose
    scope    what the kernel reads for it and takes from it; see agents/scopes.py
    """

    purpose: str
    reads: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    effects: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    scope: Declared = field(default_factory=Declared)


@dataclass(frozen=True)
class Agent:
    """stranger: its code did not come with this package, so it is only run where it is fully shut in."""

    name: str
    version: str
    contract: Contract
    run: Callable[[RunStep], StepDone]
    stranger: bool = False


def breach(agent: Agent, done: StepDone) -> str:
    """Return how `done` breaks the agent's contract, "" when it does not."""
    wanted, got = set(agent.contract.outputs), set(done.output)
    if wanted != got:
        return f"output lacks {sorted(wanted - got)} or has too much: {sorted(got - wanted)}"
    verbs = {f"{action.connector}.{action.verb}" for action in done.actions} - set(agent.contract.effects)
    if verbs:
        return f"proposes {sorted(verbs)}, which it does not declare"
    kinds = {fact.fact_kind for fact in done.facts} - set(agent.contract.facts)
    return f"proposes facts {sorted(kinds)}, which it does not declare" if kinds else ""


def plain_map(value: object) -> Plain:
    """A map with text keys, or an empty one."""
    return {str(name): item for name, item in value.items()} if isinstance(value, dict) else {}
