"""Who else could do a step: agents whose contracts say that they do the same, with no more power.

An agent is capable of another's step when its file
    declares one of the same intents        takes the inputs that the step gives, of the same types, and needs no other
    needs no read that the step has not     gives all that the other gives, of the same types
    proposes no effects and facts that the other may not
and its breaker is closed, and it has not tried this step before. The one that shares the most intents goes first, then by
name: the same state always gives the same choice. Why the others were passed over is told with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from .agent_files import AgentFile
from .agent_form import AgentForm, ValueForm
from .breakers import barred_until
from .contracts import contract_of
from .declared import ANY
from .entities import Asset, Breaker, Run, Step
from .playbook import StepSpec
from .table import Draft

PASSED_OVER_MAX: Final = 20  # Of which the reason is told.


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """agent: "" when nobody is capable.  passed_over: who shares an intent and cannot do it, with why."""

    agent: str
    intents: tuple[str, ...] = ()
    passed_over: dict[str, str] = {}


def substitute(draft: Draft, run: Run, spec: StepSpec, now_us: int) -> Choice:
    """Return who takes the step from the agent that has it."""
    step = run.steps[spec.id]
    has = contract_of(draft, step.agent, run.agents.get(step.agent, ""))
    if has is None or not has.form.intents:
        return Choice(agent="", passed_over={step.agent: "it declares no intents"})
    passed: dict[str, str] = {}
    fit: list[tuple[int, str, tuple[str, ...]]] = []
    for other in _others(draft, step):
        shared = _shared(has.form, other.form)
        if not shared:
            continue
        breaker = draft.get(Breaker, f"agent:{other.name}")
        barred = barred_until(breaker, f"{run.id}/{spec.id}", now_us) is not None
        why = "its breaker is open" if barred else _against(has.form, other.form, spec, step)
        if not why:
            fit.append((-len(shared), other.name, shared))
        elif len(passed) < PASSED_OVER_MAX:
            passed[other.name] = why
    if not fit:
        return Choice(agent="", passed_over=passed)
    _, name, shared = min(fit)
    return Choice(agent=name, intents=shared, passed_over=passed)


def _others(draft: Draft, step: Step) -> Iterator[AgentFile]:
    for asset in draft.scan(Asset, prefix="agent/"):
        if "@" not in asset.id and asset.name != step.agent and (agent := contract_of(draft, asset.name)):
            yield agent


def _shared(one: AgentForm, other: AgentForm) -> tuple[str, ...]:
    wanted = {intent.casefold() for intent in one.intents}
    return tuple(intent for intent in other.intents if intent.casefold() in wanted)


def _against(has: AgentForm, other: AgentForm, spec: StepSpec, step: Step) -> str:
    if any(failure.get("agent") == other.name for failure in step.failures):
        return "it has tried this step"
    given = {*spec.input, *step.override}
    return (
        _needless("takes no input", given - set(_names(other.inputs)))
        or _needless("needs the input", _needed(other.inputs) - given)
        or _needless("needs the read", _needed(other.reads) - {*spec.reads, "workspace"})
        or _needless("takes another kind of", _differing(has.inputs, other.inputs, given))
        or _needless("does not give", _lacking(has.outputs, other.outputs))
        or _needless("may propose", _beyond(has.effects, other.effects) | _beyond(has.facts, other.facts))
    )


def _needless(what: str, names: set[str]) -> str:
    return f"it {what} {', '.join(sorted(names))}" if names else ""


def _names(values: dict[str, ValueForm]) -> dict[str, ValueForm]:
    return {name.removesuffix("?"): value for name, value in values.items()}


def _needed(names: Mapping[str, object]) -> set[str]:
    return {name for name in names if not name.endswith("?")}


def _differing(has: dict[str, ValueForm], other: dict[str, ValueForm], names: set[str]) -> set[str]:
    mine, others = _names(has), _names(other)
    return {name for name in names if name in mine and others[name].type not in ("any", mine[name].type)}


def _lacking(has: dict[str, ValueForm], other: dict[str, ValueForm]) -> set[str]:
    """Outputs that later steps may rely on, and that the other one does not always give as they are."""
    return {
        name
        for name, value in has.items()
        if not name.endswith("?") and (name not in other or value.type not in ("any", other[name].type))
    }


def _beyond(allowed: tuple[str, ...], wanted: tuple[str, ...]) -> set[str]:
    return set() if ANY in allowed else set(wanted) - set(allowed)
