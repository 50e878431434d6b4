"""Lessons: memories of the kind `lesson`, at hand for every context without a search.

A lesson is for every agent, or for those that its tags name: `agent:composer`. They stand on a shelf of their own, that
follows from the memories as the other shelves do; the newest stay on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from quarterdeck_protocol.events import Event

from .entities import Document, Fact, Memory, Place, Shelf
from .table import Draft, Table
from .tokens import tokens_of
from .turn import Applier
from .validity import in_force

KIND: Final = "lesson"
SHELF: Final = "lessons"
LESSONS_MAX: Final = 500
FACTS_MAX: Final = 200


def for_agent(memory: Memory, agent: str) -> bool:
    """Whether it concerns this agent: it names no agent, or this one."""
    named = [tag for tag in memory.tags if tag.startswith("agent:")]
    return not named or f"agent:{agent}" in named


def keep_lessons(apply: Applier) -> Applier:
    """Return an applier that also keeps the shelf of lessons."""

    def applied(draft: Draft, event: Event) -> None:
        apply(draft, event)
        for memory in draft.touched(Memory):
            _shelve(draft, memory, event.seq)

    return applied


def _shelve(draft: Draft, memory: Memory, seq: int) -> None:
    wanted = None
    if memory.memory_kind == KIND and memory.current and memory.tier != "review":
        wanted = Place(tier=memory.tier, tokens=tokens_of(memory.text))
    shelf = draft.get(Shelf, SHELF)
    places = shelf.places if shelf is not None else {}
    if places.get(memory.id) == wanted:
        return
    kept = {id: place for id, place in places.items() if id != memory.id}
    if wanted is not None:
        kept[memory.id] = wanted
    kept = dict(list(kept.items())[-LESSONS_MAX:])
    draft.puts["shelf", SHELF] = Shelf(id=SHELF, seq=seq, places=kept)


def lessons_for(
    table: Table, agent: str, now_us: int, about: Iterable[str] | None = None
) -> list[Memory | Fact]:  # fmt: skip
    """Return the lessons of an agent, newest first: memories, and facts of the operator that are in force.

    about: what the run has read (`kind:id`); a lesson about one recipient is left out when that is all about others
    """
    people = addresses_in(table, about) if about is not None else frozenset()
    shelf = table.get(Shelf, SHELF)
    found: list[Memory | Fact] = []
    for id in shelf.places if shelf is not None else ():
        memory = table.get(Memory, id)
        if memory is not None and memory.current and memory.tier != "review" and for_agent(memory, agent):
            found += [memory] if _fits(memory, people) else []
    for count, fact in enumerate(table.scan(Fact, prefix=f"{KIND}/")):
        if count == FACTS_MAX:
            break
        if fact.canonical and fact.labels.integrity == "operator" and in_force(fact, now_us) is not None:
            found.append(fact)
    return sorted(found, key=lambda one: (-one.at_us, -one.seq))


def _fits(memory: Memory, people: frozenset[str]) -> bool:
    """A lesson about a recipient (`to:ana@x.test`, or `to:@x.test` for all there) fits where they are spoken of, or nobody is."""
    wanted = {tag.partition(":")[2].lower() for tag in memory.tags if tag.startswith("to:")}
    spoken_of = people | {"@" + one.rpartition("@")[2] for one in people}
    return not (wanted and people) or bool(wanted & spoken_of)


def addresses_in(table: Table, about: Iterable[str]) -> frozenset[str]:
    """Addresses of those from whom or to whom the mails are that were read, in small letters."""
    found: set[str] = set()
    for name in about:
        kind, _, id = name.partition(":")
        document = table.get(Document, id) if kind == "document" else None
        meta = document.meta if document is not None else {}
        for field in ("from_address", "reply_to"):
            found.add(str(meta.get(field) or "").lower())
    return frozenset(found - {""})
