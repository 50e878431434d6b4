"""Provenance: from anything back to what it was made from, and forward to what was made with it."""

from __future__ import annotations

from typing import TypeVar

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import ENTITIES, Action, Asset, DeadLetter, Document, Entity, Fact, Memory, Plain, Run
from ..store.api import Store
from .views import EXCERPT_CHARS, evidence_view, iso, plain

DEPTH_MAX = 8
NODES_MAX = 400
USES_MAX = 500
BACK: tuple[str, ...] = ("derived_from", "read", "compensates")

E = TypeVar("E", bound=Entity)
_GUESSES: tuple[type[Entity], ...] = (Action, Memory, Document, Fact, Run, DeadLetter, Asset)


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


def why(store: Store, id: str, *, depth: int = DEPTH_MAX) -> Plain:
    """Return what is behind an entity: `tree` as nested nodes, `items` the same as a flat list, nearest first."""
    tree = _Tree(store, depth)
    root = tree.node(find_entity(store, id), "", "", 0)
    items = sorted(tree.items, key=lambda item: int(str(item["depth"])))
    return {"items": items, "tree": root}


class _Tree:
    """Opens each entity once, so that shared ancestors do not multiply."""

    def __init__(self, store: Store, depth_max: int) -> None:
        self._store = store
        self._depth_max = depth_max
        self._opened: set[str] = set()
        self.items: list[Plain] = []

    def node(self, entity: Entity, relation: str, via: str, depth: int) -> Plain:
        name = f"{entity.kind}:{entity.id}"
        node: Plain = {"id": name, "entity": name, "kind": entity.kind, "relation": relation, **_summary(entity)}
        if name in self._opened:
            return {**node, "parents": [], "repeated": True}
        self._opened.add(name)
        self.items.append({**node, "via": via, "depth": depth})
        return {**node, "parents": self._parents(name, depth) if depth < self._depth_max else []}

    def _parents(self, name: str, depth: int) -> list[Plain]:
        parents: list[Plain] = []
        for link in self._store.links_from(name):
            if link.relation not in BACK or len(self._opened) >= NODES_MAX:
                continue
            parent = _named(self._store, link.target)
            if parent is not None:
                parents.append(self.node(parent, link.relation, name, depth + 1))
        return parents


def _named(store: Store, name: str) -> Entity | None:
    kind, _, id = name.partition(":")
    cls = ENTITIES.get(kind)
    return store.get(cls, id) if cls is not None else None


def used_by(store: Store, id: str, *, depth: int = DEPTH_MAX) -> list[Plain]:
    """Return what read an entity or was made from it, nearest first."""
    start = find_entity(store, id)
    found: dict[str, Plain] = {}
    edge = [(f"{start.kind}:{start.id}", 1)]
    while edge and len(found) < USES_MAX:
        name, away = edge.pop(0)
        for link in store.links_to(name):
            user = _named(store, link.source)
            if user is None or link.relation not in BACK or link.source in found or away > depth:
                continue
            item: Plain = {"id": link.source, "entity": link.source, "kind": user.kind, "relation": link.relation}
            found[link.source] = {**item, "via": name, "depth": away, "seq": link.seq, **_summary(user)}
            edge.append((link.source, away + 1))
    return list(found.values())


def _summary(entity: Entity) -> Plain:
    """What a reader needs to recognise it."""
    if isinstance(entity, Action):
        return _action_summary(entity)
    if isinstance(entity, Memory):
        return {
            "title": entity.title,
            "quote": entity.text[:EXCERPT_CHARS],
            "source": entity.source,
            "span": list(entity.span) if entity.span else None,
            "at": iso(entity.at_us),
            "labels": plain(entity.labels),
        }
    if isinstance(entity, Document):
        sender = entity.meta.get("from_address")
        return {
            "title": entity.title,
            "from": sender,
            "source": f"{entity.connector}: {entity.external_id.partition('#')[0]}",
            "at": iso(entity.at_us),
            "labels": plain(entity.labels),
        }
    if isinstance(entity, Fact):
        return {
            "title": entity.id,
            "value": entity.value,
            "version": entity.version,
            "source": entity.source,
            "at": iso(entity.at_us),
            "labels": plain(entity.labels),
        }
    if isinstance(entity, Run):
        return {
            "title": f"{entity.playbook} ({entity.status})",
            "at": iso(entity.at_us),
            "labels": plain(entity.labels),
        }
    if isinstance(entity, Asset):
        return {"title": entity.path, "hash": entity.hash, "at": iso(entity.at_us)}
    return {"title": entity.id}


def _action_summary(action: Action) -> Plain:
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
        "evidence": [evidence_view(one) for one in action.evidence],
        "confidence": action.confidence,
        "risks": list(action.risks),
        "undo": action.undo,
        "approval": plain(action.approval) if action.approval else None,
        "labels": plain(action.labels),
    }
