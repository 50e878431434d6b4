"""Planner: composes a plan from agents whose contracts fit, when no playbook does what was asked.

How    From the agent that was asked for back to what is known: an input that is another agent's output (`of` in its contract) is
       made by a step of that agent, what the intent names fills the rest, and what nobody gives becomes an input of the plan,
       which the operator is asked for. A model may choose the agents when the words did not; the contracts still decide what
       fits. What cannot be composed is a question, never a half of a plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import yaml

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ModelRequest, RunStep, StepDone

from .asking import ask
from .contract import Agent, plain_map
from .outside_text import one_line
from .slots import WORDED, Slots, fill, slots_in

STEPS_MAX: Final = 8
CHOICES_MAX: Final = 24
COMPOSED: Final = "composed-"  # Begins the name of a plan that was composed; behind it, whose result is wanted.
WHOLE: Final = frozenset(("map", "any"))


@dataclass
class _Draft:
    """A plan in the making. inputs: of the playbook; given: what the intent fills of them."""

    contracts: dict[str, Plain]
    slots: Slots
    steps: list[Plain] = field(default_factory=list)
    inputs: Plain = field(default_factory=dict)
    given: Plain = field(default_factory=dict)
    question: str = ""


def run(step: RunStep) -> StepDone:
    contracts = {str(one["name"]): one for one in _maps(step, "agents")}
    intent = str(step.input.get("intent") or "")
    slots = slots_in(intent, _maps(step, "contacts"), _maps(step, "clients"), step.now_us)
    wanted, source = _wanted(step, contracts, intent)
    if not wanted:
        return StepDone(output={"text": "", "inputs": {}, "question": "", "why": {}, "source": ""})
    draft = _Draft(contracts, slots)
    for name in wanted:
        _visit(draft, name, ())
    if draft.question:
        return StepDone(output={"text": "", "inputs": {}, "question": draft.question, "why": {}, "source": ""})
    why: Plain = {"rule": "contracts that fit", "agents": [str(one["agent"]) for one in draft.steps]}
    text = _text(intent, wanted[-1], draft)
    return StepDone(output={"text": text, "inputs": draft.given, "question": "", "why": why, "source": source})


def _maps(step: RunStep, name: str) -> list[Plain]:
    found = step.context.get(name)
    return [plain_map(one) for one in found] if isinstance(found, list) else []


def _wanted(step: RunStep, contracts: dict[str, Plain], intent: str) -> tuple[list[str], str]:
    """Which agents' outputs are wanted, and who said so."""
    asked = step.input.get("wanted")
    named = [str(one) for one in asked if str(one) in contracts] if isinstance(asked, list) else []
    if named:
        return named, "composed"
    offered = [name for name, one in contracts.items() if one.get("intents")][:CHOICES_MAX]
    told = "\n".join(f"- {name}: {contracts[name].get('purpose', '')}" for name in offered)
    request = ModelRequest(
        purpose="plan",
        system="Name the agents whose results are wanted, in order. Name none when none of them does what is asked.",
        prompt=f"{told}\n\nAsked: {intent}",
        schema={
            "type": "object", "additionalProperties": False, "required": ["agents"],
            "properties": {"agents": {"type": "array", "items": {"enum": offered}, "maxItems": STEPS_MAX}},
        },
    )  # fmt: skip
    reply = ask(step, request)
    chosen = plain_map(reply.value).get("agents") if not reply.refused else None
    return (list(dict.fromkeys(map(str, chosen))) if isinstance(chosen, list) else []), "model"


def _visit(draft: _Draft, name: str, above: tuple[str, ...]) -> str:
    """Add the step of this agent and of those whose output it takes; return the id of its step."""
    known = next((str(one["id"]) for one in draft.steps if one["agent"] == name), "")
    if known or draft.question:
        return known
    if name in above:
        draft.question = f"{' needs '.join((*above, name))}: these agents wait for each other."
        return ""
    if name not in draft.contracts:
        draft.question = f"There is no agent {name}, whose output {above[-1] if above else 'the plan'} needs."
        return ""
    contract = draft.contracts[name]
    step: Plain = {"id": name.replace("-", "_"), "agent": name}
    if purpose := contract.get("purpose"):
        step["description"] = one_line(str(purpose), 200)
    needs, given = _inputs(draft, contract, (*above, name))
    reads = _reads(draft, contract)
    if len(draft.steps) >= STEPS_MAX:
        draft.question = f"That needs more than {STEPS_MAX} steps; write it as a playbook."
    draft.steps.append(
        step | {key: value for key, value in (("needs", needs), ("reads", reads), ("in", given)) if value}
    )
    return str(step["id"])


def _inputs(draft: _Draft, contract: Plain, path: tuple[str, ...]) -> tuple[list[str], Plain]:
    needs: list[str] = []
    given: Plain = {}
    for label, form in plain_map(contract.get("inputs")).items():
        name, needed, spec = label.removesuffix("?"), not label.endswith("?"), plain_map(form)
        source, _, part = str(spec.get("of") or "").partition(".")
        if source and (needed or source in draft.contracts):
            if wrong := _type_fault(draft, path[-1], name, spec, source, part):
                draft.question = wrong
                return needs, given
            id = _visit(draft, source, path)
            needs.append(id)
            given[name] = f"${{steps.{id}.output{'.' + part if part else ''}}}"
        elif needed or fill({name: spec}, draft.slots):
            given[name] = _asked(draft, name, spec, needed)
    for name, spec in _unsaid(contract, given, draft.slots):
        given[name] = _asked(draft, name, spec, True)
    return list(dict.fromkeys(needs)), given


def _unsaid(contract: Plain, given: Plain, slots: Slots) -> list[tuple[str, Plain]]:
    """What may be missing in general, and is asked for here.

    Who is told to whom is asked what to say; and one that may act, of which the intent names nothing, is asked the first thing
    that it could take: a plan that acts on nothing that was named is half understood.
    """
    optional = {
        label.removesuffix("?"): plain_map(form)
        for label, form in plain_map(contract.get("inputs")).items()
        if label.endswith("?") and plain_map(form).get("type") == "string"
    }
    missing = [(name, spec) for name, spec in optional.items() if name not in given]
    if any(name in given for name in optional):
        return [(name, spec) for name, spec in missing if WORDED.search(name)]
    named = slots.ids or slots.people or slots.clients
    return missing[:1] if contract.get("effects") and not named else []


def _type_fault(draft: _Draft, agent: str, name: str, spec: Plain, source: str, part: str) -> str:
    """Why what is made does not fit what is taken; "" when it does."""
    taken = str(spec.get("type", "any"))
    if not part:
        return "" if taken in WHOLE else f"{agent} takes a {taken} as {name}, and the output of {source} is a map."
    outputs = plain_map(draft.contracts.get(source, {}).get("outputs"))
    made = plain_map(outputs.get(part) or outputs.get(f"{part}?"))
    if not made:
        return f"{agent} takes {source}.{part}, and {source} gives no {part}."
    kind = str(made.get("type", "any"))
    return (
        ""
        if "any" in (kind, taken) or kind == taken
        else f"{agent} takes a {taken} as {name}; {source}.{part} is a {kind}."
    )


def _asked(draft: _Draft, name: str, spec: Plain, needed: bool) -> str:
    """Make it an input of the plan, filled by what the intent names."""
    if name not in draft.inputs:
        kind = str(spec.get("type", "any"))
        form: Plain = {"type": "string" if kind == "any" else kind}
        if needed:
            form["required"] = True
        if about := spec.get("about"):
            form["description"] = str(about)
        draft.inputs[name] = form
        draft.given |= fill({name: {**spec, **form, "required": needed}}, draft.slots)
    return f"${{inputs.{name}}}"


def _reads(draft: _Draft, contract: Plain) -> Plain:
    """What the contract says a composed plan reads for it. An input that it names becomes one of the plan.

    What may be missing is read only when the intent names it, or the plan asks for it anyway.
    """
    found: Plain = {}
    for label, form in plain_map(contract.get("reads")).items():
        read = plain_map(plain_map(form).get("read"))
        spec = {name: _spec(name, form) for name in _asked_by(read)}
        known = all(name in draft.inputs or fill({name: spec[name]}, draft.slots) for name in spec)
        if not read or (label.endswith("?") and not known):
            continue
        for name in spec:
            _asked(draft, name, spec[name], True)
        found[label.removesuffix("?")] = read
    return found


def _asked_by(read: Plain) -> list[str]:
    """Inputs that a read names, also within."""
    found: list[str] = []
    for value in read.values():
        found += _asked_by(plain_map(value)) if isinstance(value, dict) else filter(None, [asked_input(value)])
    return found


def _spec(name: str, form: object) -> Plain:
    about = str(plain_map(form).get("about", ""))
    return {"type": "string", "about": f"id of {about}" if name in ("document", "action") else about}


def asked_input(value: object) -> str:
    """The input that a read names, `document` of `${inputs.document}`; "" for none."""
    said = str(value)
    return said[len("${inputs.") : -1] if said.startswith("${inputs.") and said.endswith("}") else ""


def _text(intent: str, wanted: str, draft: _Draft) -> str:
    plain: Plain = {"name": f"{COMPOSED}{wanted}", "description": one_line(intent, 200)}
    if draft.inputs:
        plain["inputs"] = draft.inputs
    return yaml.safe_dump({**plain, "steps": draft.steps}, sort_keys=False, allow_unicode=True, width=110)


PLANNER = Agent(name="planner", run=run)
