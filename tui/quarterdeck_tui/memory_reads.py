"""What the Memory screen asks of the daemon, always as of one moment. Every reading raises QuarterdeckError."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from .memories import ForgetPlan, Memory, MemoryRow, Node, Query, memories, newest_first, nodes, rows
from .past import Past
from .replies import Plain
from .timeline_reads import Ask

HITS_MAX = 100
LISTED_MAX = 200  # Of notes, and of facts; more is found by words.
KIND_FACTS_MAX = 50
VERSIONS_MAX = 50


@dataclass(frozen=True, slots=True)
class Found:
    """`cut`: there is more than is listed. `note`: what the reader of the list should know."""

    rows: tuple[MemoryRow, ...] = ()
    cut: bool = False
    note: str = ""


class MemoryReads:
    """Reads by `ask`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def _at(self, method: str, past: Past | None, params: Plain) -> Plain:
        return await self._ask(method, params if past is None else {**params, "as_of": past.as_of})

    async def find(self, asked: Query, past: Past | None) -> Found:
        if asked.words:
            return await self._search(asked, past)
        return await self._list(asked, past)

    async def _search(self, asked: Query, past: Past | None) -> Found:
        answer = await self._at("memory.search", past, {**asked.filters, "query": asked.words, "limit": HITS_MAX})
        notes = ["by words only" if answer.get("words_only") else ""]
        behind = answer.get("behind")
        notes.append(f"the index is {behind} events behind" if behind else "")
        hits = memories(answer)
        return Found(rows(hits, asked), len(hits) == HITS_MAX, ", ".join(note for note in notes if note))

    async def _list(self, asked: Query, past: Past | None) -> Found:
        found: list[Memory] = []
        cut = False
        if asked.view != "facts":
            pinned: Plain = {"pinned": True} if asked.view == "pinned" else {}
            page = await self._at("memory.list", past, {**asked.filters, **pinned, "limit": LISTED_MAX})
            found += memories(page)
            cut = bool(page.get("next"))
        if asked.view in ("all", "facts") and not (asked.tags or asked.source):
            facts, more = await self._facts(asked, past)
            found += facts
            cut = cut or more
        return Found(rows(newest_first(found), asked), cut)

    async def _facts(self, asked: Query, past: Past | None) -> tuple[list[Memory], bool]:
        kinds = await self._at("fact.kinds", past, {"limit": LISTED_MAX})
        items = kinds.get("items")
        names = [str(one["id"]) for one in items if one.get("facts")] if isinstance(items, (list, tuple)) else []
        found: list[Memory] = []
        cut = False
        for name in [asked.kind] if asked.kind else names:
            tier: Plain = {"tier": asked.tier} if asked.tier else {}
            page = await self._at("fact.query", past, {"kind": name, "limit": KIND_FACTS_MAX, **tier})
            found += memories(page)
            cut = cut or bool(page.get("next")) or len(found) >= LISTED_MAX
            if len(found) >= LISTED_MAX:
                break
        return found, cut

    async def one(self, about: str, past: Past | None) -> Memory:
        answer = await self._at("memory.get", past, {"id": about})
        return msgspec.convert(answer, Memory, strict=False)

    async def history(self, about: str, past: Past | None) -> tuple[Memory, ...]:
        return tuple(memories(await self._at("memory.history", past, {"id": about, "limit": VERSIONS_MAX})))

    async def used_by(self, about: str, past: Past | None) -> tuple[Node, ...]:
        return nodes(await self._at("memory.used_by", past, {"id": about}))

    async def made_from(self, about: str, past: Past | None) -> tuple[Node, ...]:
        return nodes(await self._at("memory.why", past, {"id": about}))


def forget_plan(answer: Plain) -> ForgetPlan:
    """Return the plan of a dry run. Raises ValidationError when it is none."""
    return msgspec.convert(answer, ForgetPlan, strict=False)
