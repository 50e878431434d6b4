"""Clerk: proposes exactly the effects that its step spells out, and decides nothing. For playbooks that know what to do."""

from __future__ import annotations

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ProposedAction, RunStep, StepDone
from quarterdeck_daemon.core.verbs import VERBS, argument_fault

from .contract import Agent, AgentFailure, plain_map

ACTIONS_MAX = 50
UNDO = "Until the hold ends it can be withdrawn; later: quarterdeck undo."


def run(step: RunStep) -> StepDone:
    wanted = step.input.get("actions")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= ACTIONS_MAX:
        raise AgentFailure("contract", "missing_input", f"`actions` is a list of 1 to {ACTIONS_MAX} effects")
    actions = tuple(_proposed(plain_map(one)) for one in wanted)
    return StepDone(output={"proposed": len(actions)}, actions=actions)


def _proposed(one: Plain) -> ProposedAction:
    name, args = str(one.get("do", "")), plain_map(one.get("args"))
    if name not in VERBS:
        raise AgentFailure("contract", "unknown_verb", f"no connector offers {name!r}", f"Known: {', '.join(VERBS)}.")
    fault = argument_fault(name, args)
    if fault:
        raise AgentFailure("contract", "bad_argument", f"{name}: {fault}")
    connector, _, verb = name.partition(".")
    return ProposedAction(
        connector=connector,
        verb=verb,
        args=args,
        targets=(),
        summary=str(one.get("summary") or name),
        why=str(one.get("why") or "The playbook says so."),
        confidence=1.0,
        undo=UNDO,
        compensation=plain_map(one.get("compensation")),
    )


CLERK = Agent(name="clerk", run=run)
