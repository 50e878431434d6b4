"""Coordinator: finds what does what was asked: a playbook of the workspace, or agents whose contracts fit.

How    Every playbook and agent says in sentences when it is wanted. The intent is compared with them, without what it names and
       what a letter is to say; one whose inputs are all named comes a little nearer. What the operator approved for such words
       comes nearer, what he rejected goes away. Clear: that one. Unclear: a model that weighs the few candidates, when there
       is one. Still unclear: a question. It never guesses: a second one close behind the first is a question, too, unless
       the first is the workspace's own playbook and the second an agent that would be used without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ModelRequest, RunStep, StepDone

from .asking import ask
from .contract import Agent, AgentFailure, plain_map
from .intent_words import Sentences, words_in
from .outside_text import one_line
from .planner import COMPOSED, asked_input
from .slots import WORDED, Slots, fill, named, slots_in

SCORE_MIN: Final = 0.45  # Below it nothing fits. Chosen on the sentences of tests/daemon/agents/intents.py.
MARGIN_MIN: Final = 0.08  # So far the second must be behind.
PAST_MIN: Final = 0.75  # So like an intent of the past that its decision counts.
REJECTED: Final = 0.4  # What is left of the score of what was rejected for such words.
NAMED: Final = 0.15  # For one that needs inputs, when the intent names them all.
ASKED: Final = 0.55  # What a sentence counts that asks, when nothing is asked: "pay" is not "who has paid".
CLEAR: Final = 0.6  # From here on words decide, also against a question.
MODEL_MIN: Final = 0.6  # Likelihood from which a model's choice counts.
SHOWN_MAX: Final = 5
NONE: Final = "none of these"
QUESTION: Final = re.compile(
    r"\?\s*$|^\s*(?:who|what|when|where|which|why|how|can you tell|tell me|wer|was|wann|wo|wie|welche|qui|que|quand|où|comment)\b"
    r"|^\s*(?:do|does|did|is|are|has|have)\s+(?:i|we|you|they|he|she|it|there|our|my)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Candidate:
    """kind: playbook or agent; sentences: when it is wanted, with what that counts."""

    kind: str
    name: str
    about: str
    sentences: tuple[tuple[str, float], ...]
    inputs: Plain


@dataclass(frozen=True)
class Ranked:
    candidate: Candidate
    score: float
    by: str  # The sentence that it was found by.


def run(step: RunStep) -> StepDone:
    intent = str(step.input.get("intent") or "").strip()
    if not intent:
        raise AgentFailure("contract", "missing_input", "there is no intent", "Say what is to be done.")
    slots = slots_in(intent, _maps(step, "contacts"), _maps(step, "clients"), step.now_us)
    candidates = _candidates(step)
    ranked = rank(intent, slots, candidates, _maps(step, "past"))
    chosen, rule = _choose(step, intent, ranked)
    return StepDone(output=_output(slots, ranked, chosen, rule))


def _maps(step: RunStep, name: str) -> list[Plain]:
    found = step.context.get(name)
    return [plain_map(one) for one in found] if isinstance(found, list) else []


def _candidates(step: RunStep) -> list[Candidate]:
    # What starts by itself is not asked for, unless it says when it is.
    playbooks = [one for one in _maps(step, "playbooks") if one.get("intents") or not one.get("starts_on")]
    agents = [one for one in _maps(step, "agents") if one.get("intents")]
    found = [_candidate("playbook", one, "description") for one in playbooks]
    return found + [_candidate("agent", one, "purpose") for one in agents]


def _candidate(kind: str, one: Plain, about: str) -> Candidate:
    said = str(one.get(about, ""))
    return Candidate(kind, str(one["name"]), said, _said(kind, one, said), _inputs(one))


def _inputs(one: Plain) -> Plain:
    """Its inputs as a playbook has them; of an agent also what the plan composed of it would have to ask for."""
    found: Plain = {}
    for label, form in plain_map(one.get("inputs")).items():
        spec = plain_map(form)
        required = (
            spec.get("required") is True if "purpose" not in one else not (label.endswith("?") or spec.get("of"))
        )
        found[label.removesuffix("?")] = {**spec, "required": required}
    for label, form in plain_map(one.get("reads")).items():
        for value in plain_map(plain_map(form).get("read")).values():
            if not label.endswith("?") and (name := asked_input(value)):
                found.setdefault(name, {"type": "string", "required": True, "about": f"id of a {name}"})
    return found


def _said(kind: str, one: Plain, about: str) -> tuple[tuple[str, float], ...]:
    """A name and a description say less than what people say; of one that never says when it is wanted, less still.

    The name of an agent is a role, and nothing that people want.
    """
    intents = one.get("intents")
    said = [(str(sentence), 1.0) for sentence in intents] if isinstance(intents, list) else []
    name = str(one.get("name", "")).replace("-", " ")
    share = 1.0 if said else 0.8
    named = ((name, 0.9 * share),) if kind == "playbook" else ()
    return (*said, *named, (f"{name} {about}", 0.8 * share))


def rank(intent: str, slots: Slots, candidates: list[Candidate], past: list[Plain]) -> list[Ranked]:
    """Candidates by how near they are to the intent, best first."""
    sentences = Sentences(sentence for one in candidates for sentence, _ in one.sentences)
    wanted = sentences.words(slots.rest) or sentences.words(intent)
    decided = _decided(wanted, sentences, past)
    asks = any(QUESTION.search(text) for text in (intent, sentences.spelled(intent)))
    found: list[Ranked] = []
    for one in candidates:
        score, by = max(
            ((weight * _nearness(sentences, wanted, asks, said), said) for said, weight in one.sentences),
            key=lambda found: found[0],
        )
        if score >= SCORE_MIN / 2 and _all_named(one.inputs, slots):
            score = min(1.0, score + NAMED)
        if before := decided.get(one.name):
            approved, likeness, said = before
            by = (
                f"{'approved' if approved else 'rejected'} before: {said}" if not approved or likeness > score else by
            )
            score = max(score, likeness) if approved else score * REJECTED
        found.append(Ranked(one, round(score, 3), by))
    return sorted(found, key=lambda one: (-one.score, one.candidate.kind != "playbook", one.candidate.name))


def _nearness(sentences: Sentences, wanted: list[str], asks: bool, said: str) -> float:
    likeness = sentences.likeness(wanted, words_in(said))
    return likeness if asks or not QUESTION.search(said) else ASKED * likeness


def _all_named(inputs: Plain, slots: Slots) -> bool:
    """Whether it needs inputs, and the intent names each: an id, a person, or what a letter is to say."""
    needed = {name: plain_map(form) for name, form in inputs.items() if plain_map(form).get("required")}
    return bool(needed) and all(
        named(name, spec, slots) or (WORDED.search(name) and (slots.said or slots.topic))
        for name, spec in needed.items()
    )


def _decided(wanted: list[str], sentences: Sentences, past: list[Plain]) -> dict[str, tuple[bool, float, str]]:
    """What the operator decided last about each playbook, or composed plan of an agent, for nearly the same words:
    (approved, how like, what was said)."""
    found: dict[str, tuple[bool, float, str]] = {}
    for plan in past:  # Newest first.
        intent, name = str(plan.get("intent", "")), str(plan.get("playbook", "")).removeprefix(COMPOSED)
        likeness = sentences.likeness(wanted, sentences.words(intent))
        if likeness >= PAST_MIN and name not in found:
            found[name] = (plan.get("status") == "approved", likeness, one_line(intent, 80))
    return found


def _choose(step: RunStep, intent: str, ranked: list[Ranked]) -> tuple[Ranked | None, str]:
    """(who, by which rule). None: nobody, or nobody clearly."""
    first = ranked[0] if ranked else None
    asked = _named(ranked, "find-out") or _named(ranked, "researcher") if QUESTION.search(intent) else None
    needed = SCORE_MIN if asked is None else CLEAR
    if first is not None and first.score >= needed and first.score - _rival(ranked) >= MARGIN_MIN:
        return first, "words"
    if asked is not None and first is not None and (first.score < CLEAR or first.score - asked.score < MARGIN_MIN):
        return asked, "a question"
    return _by_model(step, intent, ranked[:SHOWN_MAX])


def _rival(ranked: list[Ranked]) -> float:
    """The score of who else could be meant. Agents stand behind a playbook of the workspace that is as near."""
    first, others = ranked[0], ranked[1:]
    if first.candidate.kind == "playbook":
        others = [one for one in others if one.candidate.kind == "playbook"]
    return others[0].score if others else 0.0


def _named(ranked: list[Ranked], name: str) -> Ranked | None:
    return next((one for one in ranked if one.candidate.name == name), None)


def _by_model(step: RunStep, intent: str, ranked: list[Ranked]) -> tuple[Ranked | None, str]:
    if not ranked:
        return None, ""
    told = "\n".join(f"- {one.candidate.name}: {one.candidate.about}" for one in ranked)
    names = tuple(one.candidate.name for one in ranked)
    request = ModelRequest(
        purpose="route",
        system="Choose what does what is asked. When none of these does, say so.",
        prompt=f"{told}\n- {NONE}\n\nAsked: {intent}\nWhat does it:",
        choices=(*names, NONE),
    )
    reply = ask(step, request)
    best = max(reply.scores, key=lambda name: reply.scores[name], default=NONE)
    if reply.refused or best == NONE or reply.scores[best] < MODEL_MIN:
        return None, ""
    return _named(ranked, best), f"a model ({reply.model})"


def _output(slots: Slots, ranked: list[Ranked], chosen: Ranked | None, rule: str) -> Plain:
    near = [one for one in ranked[:SHOWN_MAX] if one.score >= SCORE_MIN / 2]
    alternatives: list[Plain] = [
        {
            "name": one.candidate.name,
            "kind": one.candidate.kind,
            "score": one.score,
            "about": one.candidate.about,
            "by": one.by,
        }
        for one in near
        if one is not chosen
    ]
    plain: Plain = {"found": "", "agents": [], "inputs": {}, "question": "", "alternatives": alternatives, "why": {}}
    plain["slots"] = _told(slots)
    if chosen is None:
        plain["question"] = _question(near)
        return plain
    one = chosen.candidate
    plain["why"] = {"rule": rule, "score": chosen.score, "words": chosen.by, "name": one.name}
    if one.kind == "playbook":
        return {**plain, "found": one.name, "inputs": fill(one.inputs, slots)}
    return {**plain, "agents": [one.name]}


def _question(near: list[Ranked]) -> str:
    if not near:
        return "I know no way to do that. Say it in other words, or name a playbook: quarterdeck playbooks"
    names = [f"{one.candidate.name} ({one_line(one.candidate.about, 60)})" for one in near[:3]]
    return f"Which of these is meant: {'; '.join(names)}? Or something else?"


def _told(slots: Slots) -> Plain:
    """What the intent names, for the planner and for whoever reads the plan."""
    found: Plain = {
        "people": slots.people, "clients": slots.clients, "days": slots.days, "hours": slots.hours, "emails": slots.emails,
        "quoted": slots.quoted, "amounts": [one.text for one in slots.amounts], "numbers": slots.numbers_of,
        "ids": [id for ids in slots.ids.values() for id in ids],
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


COORDINATOR = Agent(name="coordinator", run=run)
