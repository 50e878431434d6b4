"""What a lesson or template was worth: how its scope stood before, how since, and how what was made with it stands.

    before  the records of its scope when it was learned (a template: when it was first used)
    since   the same records, what has come to them after that
    given   the actions before whose maker it lay, or that were made from it; counted when they end, by record.noted (track.py)

A lesson's scope are its agents and the kind of action that its tags name; without either, all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.events import Event

from .calibration import standing
from .entities import Memory, Merit, Plain, Record, Tally
from .lessons import KIND
from .table import Draft, Table
from .turn import Applier, Turn, strings

SCOPE_MAX = 50
TALLIED = ("unchanged", "edited", "rejected", "done", "failed", "undone", "observed")


def tagged(memory: Memory, name: str) -> list[str]:
    """What the tags `name:…` of a lesson say."""
    return [tag.partition(":")[2] for tag in memory.tags if tag.startswith(f"{name}:")]


def scope_of(table: Table | Draft, memory: Memory) -> tuple[str, ...]:
    """The records of the actions that a lesson is about."""
    agents, verbs = tagged(memory, "agent"), tagged(memory, "verb")
    found = [one.id for one in table.scan(Record) if _concerns(one.id, agents, verbs)]
    return tuple(found[:SCOPE_MAX])


def _concerns(id: str, agents: list[str], verbs: list[str]) -> bool:
    agent, _, verb = id.partition("/")
    return (not agents or agent in agents) and (not verbs or verb in verbs)


def sum_of(table: Table | Draft, scope: Iterable[str]) -> Tally:
    tallies = [record.tally for id in scope if (record := table.get(Record, id)) is not None]
    return msgspec.convert({name: sum(getattr(one, name) for one in tallies) for name in TALLIED}, Tally)


def less(now: Tally, then: Tally) -> Tally:
    return msgspec.convert({name: max(0, getattr(now, name) - getattr(then, name)) for name in TALLIED}, Tally)


def effect(table: Table, name: str, scope: tuple[str, ...]) -> Plain:
    """{"scope", "before", "since", "given"} of `memory:m12` or `asset:template/x`; scope: when nothing was noted yet."""
    merit = table.get(Merit, name) or Merit(id=name, scope=scope, before=sum_of(table, scope))
    return {
        "scope": list(merit.scope),
        "before": standing(merit.before),
        "since": standing(less(sum_of(table, merit.scope), merit.before)),
        "given": standing(merit.tally),
    }


# --- events ---------------------------------------------------------------------------------------


def begin(turn: Turn, event: Event) -> None:
    """Something was learned: note how its scope stands. The decision that taught it is counted already."""
    if event.body.get("kind") != KIND:
        return
    memory = turn.draft.get(Memory, str(event.body["id"]))
    if memory is None or memory.tier == "review":
        return
    scope = scope_of(turn.draft, memory)
    before = {
        name: value for name, value in msgspec.to_builtins(sum_of(turn.draft, scope)).items() if name in TALLIED
    }
    turn.emit("lesson.began", {"id": f"memory:{memory.id}", "scope": list(scope), "before": before}, actor="kernel")


def _began(draft: Draft, event: Event) -> None:
    id = str(event.body["id"])
    before = msgspec.convert(event.body["before"], Tally)
    draft.put(Merit(id=id, seq=event.seq, scope=strings(event.body["scope"]), before=before))


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"memory.remembered": begin}
APPLY: dict[str, Applier] = {"lesson.began": _began}
