"""Provenance: from anything back to what it was made from, down to the line, and forward to what was made with it.

Promises now or as of a position; everything that was not made from something says who brought it (`origin`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import (
    ENTITIES,
    Action,
    Asset,
    DeadLetter,
    Document,
    Entity,
    Evidence,
    Fact,
    Link,
    Memory,
    Objective,
    Plain,
    Run,
    Schedule,
    Task,
)
from ..core.time_travel import is_current
from ..store.api import Store
from .past_links import links_from, links_to
from .views import EXCERPT_CHARS, evidence_view, iso, plain

DEPTH_MAX = 8
NODES_MAX = 400
USES_MAX = 500
BACK: tuple[str, ...] = ("derived_from", "read", "compensates", "supersedes")
_PAGE = re.compile(r"\bp\. (\d+(?:–\d+)?)")  # Chunks of paged documents carry their page in the title.

E = TypeVar("E", bound=Entity)
_GUESSES: tuple[type[Entity], ...] = (
    Action, Memory, Document, Fact, Run, DeadLetter, Task, Objective, Schedule, Asset,
)  # fmt: skip


def find_entity(store: Store, id: str, as_of: int | None = None) -> Entity:
    """Return what an id names: `kind:id`, or a bare id such as a17, m12, doc3, r1, client/acme."""
    kind, colon, rest = id.partition(":")
    if colon and kind in ENTITIES:
        entity = store.get(ENTITIES[kind], rest, as_of=as_of)
        if entity is not None:
            return entity
    for cls in _GUESSES:
        entity = store.get(cls, id, as_of=as_of)
        if entity is not None:
            return entity
    raise QuarterdeckError(
        "not_found",
        f"nothing is called {id!r}",
        hint="Ids look like a17 (action), m12, doc3, r1, client/acme (fact).",
    )


def why(store: Store, id: str, *, depth: int = DEPTH_MAX, as_of: int | None = None) -> Plain:
    """Return what is behind an entity: `tree` as nested nodes, `items` the same as a flat list, nearest first."""
    tree = _Tree(store, depth, as_of)
    root = tree.node(find_entity(store, id, as_of), "", "", 0)
    items = sorted(tree.items, key=lambda item: int(str(item["depth"])))
    return {"items": items, "tree": root}


class _Tree:
    """Opens each entity once, so that shared ancestors do not multiply."""

    def __init__(self, store: Store, depth_max: int, as_of: int | None) -> None:
        self._store = store
        self._depth_max = depth_max
        self._as_of = as_of
        self._opened: set[str] = set()
        self.items: list[Plain] = []

    def node(self, entity: Entity, relation: str, via: str, depth: int) -> Plain:
        name = f"{entity.kind}:{entity.id}"
        node: Plain = {"id": name, "entity": name, "kind": entity.kind, "relation": relation}
        node |= summary(self._store, entity, self._as_of)
        if name in self._opened:
            return {**node, "parents": [], "repeated": True}
        self._opened.add(name)
        links = [link for link in links_from(self._store, name, self._as_of) if link.relation in BACK]
        if not links:
            node["origin"] = origin_of(self._store, entity)
        self.items.append({**node, "via": via, "depth": depth})
        return {**node, "parents": self._parents(name, links, depth) if depth < self._depth_max else []}

    def _parents(self, name: str, links: list[Link], depth: int) -> list[Plain]:
        parents: list[Plain] = []
        for link in links:
            if len(self._opened) >= NODES_MAX:
                break
            parent = _named(self._store, link.target, self._as_of)
            if parent is not None:
                parents.append(self.node(parent, link.relation, name, depth + 1))
        return parents


def _named(store: Store, name: str, as_of: int | None) -> Entity | None:
    kind, _, id = name.partition(":")
    cls = ENTITIES.get(kind)
    return store.get(cls, id, as_of=as_of) if cls is not None else None


def origin_of(store: Store, entity: Entity) -> str:
    """Who brought something that was made from nothing we know: the actor of the event that began it."""
    first = next(store.events_of(f"{entity.kind}:{entity.id}"), None)
    return first.actor if first is not None else ""


def used_by(store: Store, id: str, *, depth: int = DEPTH_MAX, as_of: int | None = None) -> list[Plain]:
    """Return what read an entity or was made from it, nearest first, up to the decisions that came of it."""
    start = find_entity(store, id, as_of)
    found: dict[str, Plain] = {}
    edge = [(f"{start.kind}:{start.id}", 1)]
    while edge and len(found) < USES_MAX:
        name, away = edge.pop(0)
        for link in links_to(store, name, as_of):
            user = _named(store, link.source, as_of)
            if user is None or link.relation not in BACK or link.source in found or away > depth:
                continue
            item: Plain = {"id": link.source, "entity": link.source, "kind": user.kind, "relation": link.relation}
            item |= {"via": name, "depth": away, "seq": link.seq}
            found[link.source] = item | summary(store, user, as_of)
            edge.append((link.source, away + 1))
    return list(found.values())


# --- the source line --------------------------------------------------------------------------------


def place_in(store: Store, document: str, span: tuple[int, int] | None, as_of: int | None, title: str = "") -> Plain:
    """Return where a span of a document's text stands: `{document, line, to_line, page, quote}`; {} when unknown.

    Lines count from 1 in the readable text; of a paged document the page is given, as printed in the chunk's title.
    """
    source = store.get(Document, document.removeprefix("document:"), as_of=as_of) if document and span else None
    if source is None or span is None or not 0 <= span[0] <= span[1] <= len(source.text):
        return {}
    begin, end = span
    found = _PAGE.search(title)
    line = source.text.count("\n", 0, begin) + 1
    return {
        "document": source.id,
        "source": source.external_id.partition("#")[0],
        "line": line,
        "to_line": line + source.text.count("\n", begin, max(begin, end - 1)),
        "page": found.group(1) if found else "",
        "quote": source.text[begin:end][:EXCERPT_CHARS],
    }


def _evidence(store: Store, evidence: Evidence, as_of: int | None) -> Plain:
    """A piece of evidence with its line: its source is a document, or a chunk of one."""
    kind, _, id = evidence.source.partition(":")
    document, span, title = id if kind == "document" else "", evidence.span, ""
    chunk = store.get(Memory, id, as_of=as_of) if kind == "memory" else None
    if chunk is not None and chunk.document and chunk.span is not None:
        document, title, start = chunk.document, chunk.title, chunk.span[0]
        span = (start + span[0], start + span[1]) if span is not None else chunk.span
    return {**evidence_view(evidence), "place": place_in(store, document, span, as_of, title)}


# --- what a reader needs to recognise it ------------------------------------------------------------


def summary(store: Store, entity: Entity, as_of: int | None) -> Plain:
    summarise = SUMMARIES.get(type(entity))
    told: Plain = summarise(store, entity, as_of) if summarise is not None else {"title": entity.id}
    if isinstance(entity, Memory | Document | Fact) and not is_current(entity):
        told["standing"] = _standing(entity)
    return told


def _standing(entity: Memory | Document | Fact) -> str:
    if getattr(entity, "forgotten", False):
        return "forgotten"
    by = str(getattr(entity, "superseded_by", ""))
    return f"superseded by {by}" if by else "withdrawn"


def _memory(store: Store, memory: Memory, as_of: int | None) -> Plain:
    return {
        "title": memory.title,
        "quote": memory.text[:EXCERPT_CHARS],
        "source": memory.source,
        "span": list(memory.span) if memory.span else None,
        "place": place_in(store, memory.document, memory.span, as_of, memory.title) or _own_place(memory),
        "at": iso(memory.at_us),
        "labels": plain(memory.labels),
    }


def _own_place(memory: Memory) -> Plain:
    """Of a section of a file of instructions: the file and the line."""
    path, _, line = memory.source.rpartition(":")
    if not (memory.tier == "instructions" and path and line.isdigit()):
        return {}
    return {"source": path, "line": int(line), "to_line": int(line)}


def _document(store: Store, document: Document, as_of: int | None) -> Plain:
    return {
        "title": document.title,
        "from": document.meta.get("from_address"),
        "source": f"{document.connector}: {document.external_id.partition('#')[0]}",
        "at": iso(document.at_us),
        "labels": plain(document.labels),
    }


def _fact(store: Store, fact: Fact, as_of: int | None) -> Plain:
    return {
        "title": fact.id,
        "value": fact.value,
        "version": fact.version,
        "source": fact.source,
        "evidence": [_evidence(store, one, as_of) for one in fact.evidence],
        "at": iso(fact.at_us),
        "labels": plain(fact.labels),
    }


def _run(store: Store, run: Run, as_of: int | None) -> Plain:
    title = f"{run.playbook} ({run.status})"
    return {"title": title, "status": run.status, "at": iso(run.at_us), "labels": plain(run.labels)}


def _asset(store: Store, asset: Asset, as_of: int | None) -> Plain:
    return {"title": asset.path, "hash": asset.hash, "at": iso(asset.at_us)}


def _action(store: Store, action: Action, as_of: int | None) -> Plain:
    return {
        "title": action.summary,
        "status": action.status,
        "why": action.why,
        "at": iso(action.at_us),
        "rule": {
            "verdict": action.verdict.verdict,
            "rule": action.verdict.rule,
            "where": action.verdict.where,
            "reasons": list(action.verdict.reasons),
        },
        "evidence": [_evidence(store, one, as_of) for one in action.evidence],
        "confidence": action.confidence,
        "risks": list(action.risks),
        "undo": action.undo,
        "approval": plain(action.approval) if action.approval else None,
        "labels": plain(action.labels),
    }


def _task(store: Store, task: Task, as_of: int | None) -> Plain:
    return {
        "title": task.title,
        "quote": task.text[:EXCERPT_CHARS],
        "status": task.state,
        "at": iso(task.at_us),
        "labels": plain(task.labels),
    }


def _objective(store: Store, objective: Objective, as_of: int | None) -> Plain:
    at, labels = iso(objective.at_us), plain(objective.labels)
    return {"title": objective.title, "status": objective.state, "at": at, "labels": labels}


def _schedule(store: Store, schedule: Schedule, as_of: int | None) -> Plain:
    title = f"{schedule.playbook}: {schedule.rule.kind} {schedule.rule.text}"
    return {"title": title, "at": iso(schedule.at_us), "labels": plain(schedule.labels)}


SUMMARIES: dict[type[Entity], Callable[..., Plain]] = {
    Memory: _memory,
    Document: _document,
    Fact: _fact,
    Run: _run,
    Asset: _asset,
    Action: _action,
    Task: _task,
    Objective: _objective,
    Schedule: _schedule,
}
