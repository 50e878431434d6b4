"""Finds joined with what they stand for, as of the asked position: how a hit looks on the wire.

Promises nothing is shown that did not exist at that position, that is forgotten, or that had been superseded or
withdrawn by then, unless the past was asked for; whatever the index said.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.entities import Fact, Memory, Plain
from ..core.hashing import text_hash, value_hash
from ..recall.api import Find, Question
from ..store.api import Store
from .index_rows import fact_text
from .views import iso, plain

DAY_US = 86_400_000_000
RECENT_DAYS = 7.0


def hits(store: Store, question: Question, finds: Sequence[Find], now_us: int) -> list[Plain]:
    """One item for each find that stands, in their order."""
    items: list[Plain] = []
    for find in finds:
        item = _item(store, question, find)
        if item is not None:
            superseded, view, at_us = item
            view |= {"score": find.score, "why": _why(find, now_us - at_us), "superseded": superseded}
            items.append(view)
    return items


def _item(store: Store, question: Question, find: Find) -> tuple[bool, Plain, int] | None:
    kind, _, id = find.entity.partition(":")
    cls: type[Memory] | type[Fact] = Fact if kind == "fact" else Memory
    now = store.get(cls, id)
    if now is None or (isinstance(now, Memory) and now.forgotten):
        return None
    # A version that something has replaced is shown as it was when it came.
    position = find.from_seq if find.superseded else question.as_of
    entity = now if position is None else store.get(cls, id, as_of=position)
    if entity is None:
        return None
    superseded = find.superseded or not _counts(entity)
    if superseded and not question.past:
        return None
    return superseded, _view(entity), entity.at_us


def _counts(entity: Memory | Fact) -> bool:
    return entity.canonical if isinstance(entity, Fact) else entity.current


def _view(entity: Memory | Fact) -> Plain:
    """What a hit shows; `memory.get` and `fact.get` have the rest. Made ten times a search, so nothing is counted here."""
    view: Plain = {
        "seq": entity.seq,
        "source": entity.source,
        "at": iso(entity.at_us),
        "tier": entity.tier,
        "namespace": entity.namespace,
        "labels": plain(entity.labels),
    }
    if isinstance(entity, Memory):
        view |= {
            "id": entity.id,
            "entity": f"memory:{entity.id}",
            "text": entity.text,
            "title": entity.title,
            "span": list(entity.span) if entity.span else None,
            "document": entity.document,
            "kind": entity.memory_kind,
            "tags": list(entity.tags),
            "hash": text_hash(entity.text),
        }
        return view
    view |= {
        "id": f"fact:{entity.id}",
        "entity": f"fact:{entity.id}",
        "text": fact_text(entity),
        "title": f"{entity.fact_kind} {entity.key}",
        "span": None,
        "document": "",
        "kind": entity.fact_kind,
        "tags": [],
        "hash": value_hash(entity.value),
        "version": entity.version,
    }
    return view


def _why(find: Find, age_us: int) -> Plain:
    return {
        "keyword": find.keyword,
        "vector": find.vector,
        "recency": find.recency,
        "relevance": find.relevance,
        "terms": list(find.terms),
        "words": _words(find, max(0.0, age_us / DAY_US)),
    }


def _words(find: Find, age_days: float) -> str:
    """The same for people: `has “invoice”, “paid”; close in meaning; 3 days old`."""
    said: list[str] = []
    if find.terms:
        said.append("has " + ", ".join(f"“{term}”" for term in find.terms))
    if find.vector >= 0.5:
        said.append("close in meaning")
    if find.superseded:
        said.append("no longer so")
    if age_days < RECENT_DAYS:
        said.append("from today" if age_days < 1 else f"{age_days:.0f} days old")
    return "; ".join(said)
