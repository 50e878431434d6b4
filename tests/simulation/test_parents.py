"""In whatever order things happen: what was derived has parents, the rest has somebody who brought it."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.entities import Action, DeadLetter, Document, Entity, Fact, Memory, Run, Schedule
from quarterdeck_daemon.service.provenance import BACK, origin_of
from quarterdeck_daemon.store.in_memory import InMemoryStore

from .life import live

KINDS: tuple[type[Entity], ...] = (Memory, Document, Fact, Run, Action, DeadLetter)
OUTSIDE = ("operator", "script", "editor")  # Who may bring something that was made from nothing.


def orphans(store: InMemoryStore) -> list[str]:
    """Entities that were made from nothing and that nobody outside of the house brought."""
    found: list[str] = []
    for cls in KINDS:
        for entity in store.scan(cls):
            name = f"{entity.kind}:{entity.id}"
            if any(link.relation in BACK for link in store.links_from(name)):
                continue
            if isinstance(entity, DeadLetter) and store.get(Run, entity.run) is not None:
                continue  # Its run is a field of it.
            if isinstance(entity, Run) and store.get(Schedule, entity.origin.removeprefix("schedule:")) is not None:
                continue
            origin = origin_of(store, entity)
            if origin not in OUTSIDE and not origin.startswith("connector:"):
                found.append(f"{name} by {origin!r}")
    return found


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_derived_without_parents_in_any_life(seed: int) -> None:
    assert orphans(live(seed).store) == []
