"""What a plan would do, said before anything is done: effects, questions, time, models, and what could go wrong.

It knows what the contracts, the playbook and the policies say; not what the agents will find. So it says the most: an effect that
a contract allows counts as one, a verdict that depends on what is not known yet is `ask`, times and tokens are upper bounds.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quarterdeck_protocol.labels import OPERATOR

from .agent_files import AgentFile
from .contracts import contract_of, longest_us
from .declared import ANY
from .durations import duration_us
from .entities import Asset, Plain
from .playbook import Playbook, StepSpec
from .policy import judge
from .questions import Asker, policies, question_of
from .settings import settings_of
from .table import Table
from .verbs import VERBS

UNDO_FREE = "can be taken back"


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """One effect that a step may propose. word: allow, ask or deny, as the rules stand; known: its arguments are."""

    do: str
    word: str
    why: str
    risk: str
    reversible: bool
    undo: str
    outward: bool
    known: bool


def foresee(table: Table, playbook: Playbook, inputs: Plain, *, now_us: int) -> Plain:
    """Return {steps, effects, asks, cannot_undo, risks, most_ms, tokens, models, unknown}."""
    steps = [_step(table, spec, now_us) for spec in playbook.steps]
    effects = [effect for step in steps for effect in _maps(step["effects"])]
    gates = sum(spec.wait is not None and bool(spec.wait.approval) for spec in playbook.steps)
    return {
        "steps": steps,
        "effects": len(effects),
        "asks": sum(effect["word"] == "ask" for effect in effects) + gates,
        "cannot_undo": sorted({str(effect["do"]) for effect in effects if not effect["reversible"]}),
        "risks": list(dict.fromkeys(_risks(playbook, steps, inputs))),
        "most_ms": sum(int(str(step["most_ms"])) for step in steps),
        "tokens": sum(int(str(step["tokens"])) for step in steps),
        "models": sorted({str(step["model"]) for step in steps if step["model"]}),
        "unknown": [str(step["agent"]) for step in steps if step["unknown"]],
    }


def _maps(value: object) -> list[Plain]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _step(table: Table, spec: StepSpec, now_us: int) -> Plain:
    agent = contract_of(table, spec.agent) if spec.agent else None
    effects = [msgspec.to_builtins(one) for one in _effects(table, spec, agent, now_us)]
    form = agent.form if agent is not None else None
    asks_model = form is not None and agent is not None and bool(agent.prompt) and form.mode != "deterministic"
    known = table.get(Asset, f"playbook/{spec.playbook}") if spec.playbook else None
    return {
        "id": spec.id,
        "agent": spec.agent,
        "playbook": spec.playbook,
        "does": spec.description or (form.purpose if form is not None else "") or _waits(spec),
        "needs": list(spec.after),
        "when": spec.when,
        "each": spec.each,
        "mode": form.mode if form is not None else "",
        "effects": effects,
        "facts": list(form.facts) if form is not None else [],
        "most_ms": _most_ms(table, spec, agent),
        "model": form.model.purpose if asks_model and form is not None else "",
        "tokens": form.model.tokens_max if asks_model and form is not None else 0,
        "unknown": bool(spec.agent and agent is None) or bool(spec.playbook and known is None),
    }


def _waits(spec: StepSpec) -> str:
    wait = spec.wait
    if wait is None:
        return ""
    named = {"your word": wait.approval, "a signal": wait.signal, "an answer": wait.reply_to, "a time": wait.until}
    return f"waits for {next((name for name, said in named.items() if said), 'a while')}"


def _most_ms(table: Table, spec: StepSpec, agent: AgentFile | None) -> int:
    """One try of it; a wait counts nothing, as it is the world's time and not ours."""
    if not spec.agent:
        return 0
    longest = duration_us(spec.timeout) if spec.timeout else longest_us(agent)
    return longest // 1_000 if longest is not None else settings_of(table).step_deadline_ms


# --- effects --------------------------------------------------------------------------------------


def _effects(table: Table, spec: StepSpec, agent: AgentFile | None, now_us: int) -> Iterator[Foreseen]:
    """Those that the step spells out, else all that the contract of its agent allows."""
    spelled = spec.input.get("actions")
    if agent is not None and ANY in agent.form.effects and isinstance(spelled, list):
        for one in _maps(spelled):
            args = one.get("args")
            yield _foreseen(table, spec, str(one.get("do", "")), args if isinstance(args, dict) else {}, now_us)
    elif agent is not None:
        for name in VERBS if ANY in agent.form.effects else agent.form.effects:
            yield _foreseen(table, spec, name, {}, now_us)


def _foreseen(table: Table, spec: StepSpec, name: str, args: Plain, now_us: int) -> Foreseen:
    verb = VERBS.get(name)
    connector, _, act = name.partition(".")
    known = bool(args) and "${" not in str(args)
    question = question_of(
        table, connector, act, args if known else {}, OPERATOR, Asker(agent=spec.agent, now_us=now_us)
    )
    verdict = judge(question, policies(table), hold_us=settings_of(table).hold_us)
    reversible = verb is not None and verb.reversible
    undo = (
        UNDO_FREE
        if reversible
        else (verb.mended_by if verb is not None and verb.mended_by else "cannot be taken back")
    )
    return Foreseen(
        do=name,
        word=verdict.verdict,
        why="; ".join(verdict.reasons) or verdict.rule,
        risk=verdict.risk,
        reversible=reversible,
        undo=undo,
        outward=verb is not None and verb.outward,
        known=known,
    )


def _risks(playbook: Playbook, steps: list[Plain], inputs: Plain) -> Iterator[str]:
    """What could go wrong, in words."""
    for step in steps:
        for effect in _maps(step["effects"]):
            if effect["outward"] and not effect["reversible"]:
                yield f"{effect['do']} reaches somebody outside and cannot be called back ({effect['undo']})"
            if effect["word"] == "deny":
                yield f"the rules deny {effect['do']}: {effect['why']}"
        if step["unknown"]:
            yield f"step {step['id']}: there is no {step['agent'] or step['playbook']}"
        if step["model"]:
            yield f"step {step['id']} is a model's work; read what it writes"
        if step["each"]:
            yield f"step {step['id']} is done once for each of {step['each']}"
    unset = [
        name for name, spec in playbook.inputs.items() if not spec.required and name not in inputs and spec.default
    ]
    if unset:
        yield f"left as the playbook has it: {', '.join(unset)}"
