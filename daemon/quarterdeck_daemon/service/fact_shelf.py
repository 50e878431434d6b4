"""The shelf: facts of the kinds that were asked for, kept decoded, so that a query need not read them again.

Owns     a copy in memory of the current value of every fact of some kinds, at most SHELF_MAX together.
Promises what it gives is what the store has, as long as `notice` hears of every event; what may have been forgotten
         is dropped at once.
Leaves   the past to the store; which facts fit to core/fact_query.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from quarterdeck_protocol.events import Event

from ..core.entities import Fact
from ..store.api import Store

SHELF_MAX = 50_000
READ_EVERY = 200  # Facts read before others have their turn.
# What may change facts without naming one: then all are read again when somebody asks.
_SWEEPING = re.compile(r"rewind|restored|forgotten|eras|expired|imported|merged")


class FactShelf:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[str, dict[str, Fact]] = {}
        self._changed: set[str] = set()
        self._sweeps = 0

    def notice(self, events: Sequence[Event]) -> None:
        for event in events:
            if _SWEEPING.search(event.kind):
                self._kinds.clear()
                self._sweeps += 1
            elif event.kind.startswith("fact.") and "key" in event.body:
                self._changed.add(f"{event.body.get('kind')}/{event.body['key']}")
            elif event.kind == "memory.endorsed":
                self._changed.add(str(event.body.get("id")))

    async def of_kind(self, kind: str) -> list[Fact] | None:
        """Return the facts of the kind by id; None when they are too many to keep."""
        while kind not in self._kinds:
            sweeps, found = self._sweeps, await self._read(kind)
            if found is None:
                return None
            if sweeps == self._sweeps:
                self._kinds[kind] = found
        self._refresh()
        facts = self._kinds[kind]
        return [facts[id] for id in sorted(facts)]

    async def _read(self, kind: str) -> dict[str, Fact] | None:
        room = SHELF_MAX - sum(map(len, self._kinds.values()))
        found: dict[str, Fact] = {}
        for fact in self._store.scan(Fact, prefix=f"{kind}/"):
            found[fact.id] = fact
            if len(found) > room:
                return None
            if len(found) % READ_EVERY == 0:
                await asyncio.sleep(0)
        return found

    def _refresh(self) -> None:
        """Read again what has changed since the last question, also while a kind was being read."""
        for id in self._changed:
            held = self._kinds.get(id.partition("/")[0])
            fact = self._store.get(Fact, id) if held is not None else None
            if held is not None and fact is not None:
                held[id] = fact
        self._changed.clear()
