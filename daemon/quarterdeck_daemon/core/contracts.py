"""The contract of an agent, enforced: what it is given must fit, and nothing is taken from it that it did not declare.

An agent without a file has no contract here; then its scope alone bounds it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .agent_files import AgentFile, misfit_of, read_agent
from .declared import ANY
from .durations import duration_us
from .entities import Asset, Plain
from .orders import Failure, StepDone
from .table import Draft, Table

CODE_MARK: Final = "+"
"""In the version of an agent whose work is code: before it the version of its file, behind it that of the code."""


def contract_of(table: Table | Draft, agent: str, version: str = "") -> AgentFile | None:
    """The agent's file as it is now, or as it was in that version."""
    asset = table.get(Asset, f"agent/{agent}@{version.partition(CODE_MARK)[0]}") if version else None
    asset = asset or table.get(Asset, f"agent/{agent}")
    if asset is None or (asset.removed and "@" not in asset.id):
        return None
    try:
        return read_agent(asset.text)
    except QuarterdeckError:
        return None  # Written by an earlier version of this program, under rules that were others.


def kept_version(table: Table | Draft, agent: str, pinned: str, now: str) -> str:
    """Which version a run goes on with: the one that it began with, as long as its text alone does the work.

    Code cannot be kept back: what this program has now is what runs, and the log says that it is another one.
    """
    if pinned == now or CODE_MARK in pinned or table.get(Asset, f"agent/{agent}@{pinned}") is None:
        return now
    return pinned


def check_input(agent: AgentFile | None, given: Plain) -> None:
    """Raise QuarterdeckError `schema` when the agent does not take this input."""
    if agent is not None and (wrong := misfit_of(agent.takes, given)):
        named = ", ".join(name.removesuffix("?") for name in agent.form.inputs) or "none"
        raise QuarterdeckError(
            "schema", f"{agent.name} does not take this input: {wrong}", hint=f"Its inputs: {named}."
        )


def breach(agent: AgentFile, done: StepDone) -> str:
    """Return how the result breaks the contract, "" when it does not."""
    form = agent.form
    if wrong := misfit_of(agent.gives, done.output):
        return f"its output does not fit: {wrong}"
    allowed = set(form.effects)
    verbs = {f"{action.connector}.{action.verb}" for action in done.actions} - allowed
    if verbs and ANY not in allowed:
        return f"it proposes {', '.join(sorted(verbs))}, which it does not declare"
    kinds = {fact.fact_kind for fact in done.facts} - set(form.facts)
    return f"it proposes facts of the kind {', '.join(sorted(kinds))}, which it does not declare" if kinds else ""


def broken(agent: AgentFile | None, done: StepDone) -> Failure | None:
    """The failure that is recorded when the result breaks the contract."""
    wrong = breach(agent, done) if agent is not None else ""
    if agent is None or not wrong:
        return None
    hint = "Mend the agent, or what it declares in its file."
    return Failure(failure="contract", code="breach", message=f"{agent.name} broke its contract: {wrong}", hint=hint)


def advised(agent: AgentFile | None, failure: Failure) -> Failure:
    """The failure with what the contract says to do about it, when it says nothing itself."""
    said = agent.form.failures.get(failure.code, "") if agent is not None else ""
    return msgspec.structs.replace(failure, hint=said) if said and not failure.hint else failure


def longest_us(agent: AgentFile | None) -> int | None:
    """Longest time of one step, None when the contract says nothing."""
    return duration_us(agent.form.sla) if agent is not None and agent.form.sla else None
