"""Who does the work of an agent: code of this package, code of a plugin, or the prompt in its file."""

from __future__ import annotations

import functools
from importlib.metadata import entry_points
from typing import Final

from quarterdeck_daemon.core.orders import RunStep, StepAsks, StepDone

from .asking import turn
from .clerk import CLERK
from .composer import COMPOSER
from .contract import Agent, AgentFailure
from .coordinator import COORDINATOR
from .corrector import CORRECTOR
from .extractor import EXTRACTOR
from .finance import FINANCE
from .outreach import OUTREACH
from .planner import PLANNER
from .prompted import run_prompt
from .qualifier import QUALIFIER
from .researcher import RESEARCHER
from .reviewer import REVIEWER
from .scheduler import SCHEDULER

PLUGINS: Final = "quarterdeck.agents"

_TEAM = (
    CLERK, COMPOSER, COORDINATOR, CORRECTOR, EXTRACTOR, FINANCE, OUTREACH, PLANNER, QUALIFIER, RESEARCHER, REVIEWER,
    SCHEDULER,
)  # fmt: skip
AGENTS: dict[str, Agent] = {agent.name: agent for agent in _TEAM}


_strangers_allowed = [False]  # Of this process; said once, by the worker, when it knows how far it is shut in.


def allow_strangers(allowed: bool) -> None:
    """Say whether this process may run agents that did not come with this package."""
    _strangers_allowed[0] = allowed


def run_agent(step: RunStep) -> StepDone | StepAsks:
    """Run the step's agent. Raises AgentFailure. What it returns is held against its contract by the kernel."""
    if step.file:
        return turn(step, run_prompt)
    agent = AGENTS.get(step.agent) or _plugged(step.agent)
    if agent is None:
        hint = f"Known agents: {', '.join(sorted(AGENTS))}."
        raise AgentFailure("contract", "unknown_agent", f"there is no agent {step.agent!r}", hint)
    return turn(step, agent.run)


@functools.cache
def _plugged(name: str) -> Agent | None:
    """The agent of a plugin, loaded when it is wanted first, and only where nothing that it does gets out."""
    for point in entry_points(group=PLUGINS):
        if point.name != name:
            continue
        if not _strangers_allowed[0]:
            said = f"{name} did not come with this package, and this machine cannot shut it in"
            raise AgentFailure("contract", "unconfined", said, "quarterdeck doctor says what the machine lacks.")
        try:
            run = point.load()
        except Exception as error:
            raise AgentFailure("contract", "unloadable", f"{point.value}: {type(error).__name__}: {error}") from error
        if not callable(run):
            raise AgentFailure("contract", "unloadable", f"{point.value} is no function of a step")
        return Agent(name=name, run=run)
    return None
