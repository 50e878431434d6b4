"""What lay before whoever made a proposal, and what else was considered: known when it is proposed, kept with it.

lessons     of all that the run's steps have read          template  the one that the evidence names
others      what the agent itself says it weighed, other variants of the template, other plans for the intent
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from .entities import Alternative, Evidence, Fact, Memory, Plan, Run, Shelf
from .lessons import KIND, SHELF
from .table import Draft, Table

ALTERNATIVES_MAX: Final = 8
TEXT_CHARS_MAX: Final = 300
TEMPLATE: Final = "asset:template/"
INTENT: Final = "intent:"  # Begins the origin of a run that a plan became.


def made_with(table: Table | Draft, sources: Iterable[str], evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """The lessons among what was read, and the template that the evidence names; each once."""
    shelf = table.get(Shelf, SHELF)
    taught = {f"memory:{id}" for id in shelf.places} if shelf is not None else set()
    lessons = [name for name in sources if name in taught or name.startswith(f"fact:{KIND}/")]
    return tuple(dict.fromkeys((*lessons, *templates_in(evidence))))


def templates_in(evidence: Iterable[Evidence]) -> list[str]:
    return [one.source.partition("@")[0] for one in evidence if one.source.startswith(TEMPLATE)]


def is_lesson(table: Table | Draft, name: str) -> bool:
    """Whether `memory:m12` or `fact:lesson/x` is a lesson that still counts."""
    kind, _, id = name.partition(":")
    if kind == "memory":
        memory = table.get(Memory, id)
        return memory is not None and memory.memory_kind == KIND and memory.current
    fact = table.get(Fact, id) if kind == "fact" and id.startswith(f"{KIND}/") else None
    return fact is not None and fact.canonical


def alternatives(
    table: Table | Draft, run: Run | None, said: Iterable[Alternative], sources: Iterable[str], evidence: Iterable[Evidence]
) -> tuple[Alternative, ...]:  # fmt: skip
    """What else was considered, what the agent says first; no more than fit a card."""
    found = [_short(one) for one in said]
    found += _variants(tuple(sources), templates_in(evidence))
    found += _plans(table, run)
    return tuple(dict.fromkeys(found))[:ALTERNATIVES_MAX]


def _short(one: Alternative) -> Alternative:
    return Alternative(what=one.what[:TEXT_CHARS_MAX], id=one.id[:TEXT_CHARS_MAX], why=one.why[:TEXT_CHARS_MAX])


def _variants(sources: tuple[str, ...], used: list[str]) -> Iterator[Alternative]:
    """Templates that were before it and were not taken."""
    if used:
        for name in sources:
            if name.startswith(TEMPLATE) and name not in used:
                shown = name.removeprefix(TEMPLATE)
                yield Alternative(what=f"the template {shown}", id=name, why=f"{used[0].removeprefix(TEMPLATE)} fits")


def _plans(table: Table | Draft, run: Run | None) -> Iterator[Alternative]:
    """Other ways to do what was asked for, when a plan began the run."""
    if run is None or not run.origin.startswith(INTENT):
        return
    plan = table.get(Plan, run.origin.removeprefix(INTENT))
    for one in plan.alternatives if plan is not None else ():
        kind, name, score = (str(one.get(word, "")) for word in ("kind", "name", "score"))
        why = f"nearer to what was said: {plan.playbook}" if plan is not None and plan.playbook else ""
        yield Alternative(
            what=f"the {kind or 'way'} {name} (score {score})", id=f"{kind}/{name}" if kind else "", why=why
        )
