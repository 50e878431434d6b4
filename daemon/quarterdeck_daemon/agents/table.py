"""Which agents there are, and the one way to run them: with their contract checked."""

from __future__ import annotations

import msgspec

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import RunStep, StepDone

from .clerk import CLERK
from .composer import COMPOSER
from .contract import Agent, AgentFailure, breach
from .corrector import CORRECTOR
from .extractor import EXTRACTOR
from .outreach import OUTREACH
from .planner import PLANNER
from .qualifier import QUALIFIER

AGENTS: dict[str, Agent] = {
    agent.name: agent for agent in (EXTRACTOR, QUALIFIER, COMPOSER, OUTREACH, CORRECTOR, CLERK, PLANNER)
}


_strangers_allowed = [False]  # Of this process; said once, by the worker, when it knows how far it is shut in.


def allow_strangers(allowed: bool) -> None:
    """Say whether this process may run agents that did not come with this package."""
    _strangers_allowed[0] = allowed


def contracts() -> tuple[Plain, ...]:
    """Every agent with its contract, as it is shown to the operator."""
    return tuple(
        {
            "name": agent.name,
            "version": agent.version,
            "purpose": agent.contract.purpose,
            "reads": dict(agent.contract.reads),
            "inputs": dict(agent.contract.inputs),
            "outputs": dict(agent.contract.outputs),
            "effects": list(agent.contract.effects),
            "facts": list(agent.contract.facts),
            "scope": msgspec.to_builtins(agent.contract.scope),
        }
        for agent in AGENTS.values()
    )


def run_agent(step: RunStep) -> StepDone:
    """Run the step's agent. Raises AgentFailure, also when the agent broke its own contract."""
    agent = AGENTS.get(step.agent)
    if agent is None:
        hint = f"Known agents: {', '.join(sorted(AGENTS))}."
        raise AgentFailure("contract", "unknown_agent", f"there is no agent {step.agent!r}", hint)
    if agent.stranger and not _strangers_allowed[0]:
        said = f"{agent.name} did not come with this package, and this machine cannot shut it in"
        raise AgentFailure("contract", "unconfined", said, "quarterdeck doctor says what the machine lacks.")
    done = agent.run(step)
    wrong = breach(agent, done)
    if wrong:
        raise AgentFailure("contract", "breach", f"{agent.name} broke its contract: {wrong}")
    return done
