"""Coordinator: finds what does what was asked: a playbook of the workspace, or agents whose contracts fit.

How    Every playbook and agent says in sentences when it is wanted. The intent is compared with them, and with what the operator
       made of such words before. Clear: that one. Unclear: a model that weighs the few candidates, when there is one. Still
       unclear: a question. It never guesses: a second candidate close behind the first is a question, too.
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
from .slots import Slots, fill, slots_in

SCORE_MIN: Final = 0.34  # Below it nothing fits. Chosen on the sentences of tests/daemon/agents/intents.py.
MARGIN_MIN: Final = 0.08  # So far the second must be behind.
PAST_MIN: Final = 0.75  # So like an intent of the past that its decision counts.
MODEL_MIN: Final = 0.6  # Likelihood from which a model's choice counts.
SHOWN_MAX: Final = 5
NONE: Final = "none of these"
QUESTION: Final = re.compile(
    r"\?\s*$|^\s*(?:who|what|when|where|which|why|how|is|are|does|do|did|has|have|can you tell|tell me"
    r"|wer|was|wann|wo|wie|welche|qui|que|quand|où|comment)\b",
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
    return Candidate(kind, str(one["name"]), said, _said(one, said), plain_map(one.get("inputs")))


def _said(one: Plain, about: str) -> tuple[tuple[str, float], ...]:
    """A name and a description say less than what people say; of one that never says when it is wanted, less still."""
    intents = one.get("intents")
    said = [(str(sentence), 1.0) for sentence in intents] if isinstance(intents, list) else []
    name = str(one.get("name", "")).replace("-", " ")
    share = 1.0 if said else 0.8
    return (*said, (name, 0.9 * share), (f"{name} {about}", 0.8 * share))


def rank(intent: str, slots: Slots, candidates: list[Candidate], past: list[Plain]) -> list[Ranked]:
    """Candidates by how near they are to the intent, best first."""
    sentences = Sentences(sentence for one in candidates for sentence, _ in one.sentences)
    wanted = words_in(slots.rest) or words_in(intent)
    remembered = _remembered(wanted, sentences, past)
    found: list[Ranked] = []
    for one in candidates:
        score, by = max(
            (weight * sentences.likeness(wanted, words_in(sentence)), sentence) for sentence, weight in one.sentences
        )
        before = remembered.get(one.name)
        if before is not None and before[0] > score:
            score, by = before
        found.append(Ranked(one, round(score, 3), by))
    return sorted(found, key=lambda one: (-one.score, one.candidate.kind != "playbook", one.candidate.name))


def _remembered(wanted: list[str], sentences: Sentences, past: list[Plain]) -> dict[str, tuple[float, str]]:
    """Playbooks that the operator approved for nearly the same words, unless the last word on such was a no."""
    found: dict[str, tuple[float, str]] = {}
    seen: set[str] = set()
    for plan in past:  # Newest first.
        intent, name = str(plan.get("intent", "")), str(plan.get("playbook", ""))
        likeness = sentences.likeness(wanted, words_in(intent))
        if likeness < PAST_MIN or name in seen:
            continue
        seen.add(name)
        if plan.get("status") == "approved":
            found[name] = (likeness, f"approved before: {one_line(intent, 80)}")
    return found


def _choose(step: RunStep, intent: str, ranked: list[Ranked]) -> tuple[Ranked | None, str]:
    """(who, by which rule). None: nobody, or nobody clearly."""
    first = ranked[0] if ranked else None
    second = ranked[1].score if len(ranked) > 1 else 0.0
    if first is not None and first.score >= SCORE_MIN and first.score - second >= MARGIN_MIN:
        return first, "words"
    if (
        QUESTION.search(intent)
        and (asked := _named(ranked, "researcher")) is not None
        and (first is None or first.score < 0.6)
    ):
        return asked, "a question"
    return _by_model(step, intent, ranked[:SHOWN_MAX])


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
