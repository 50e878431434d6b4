"""Links with a past: what the operator linked and unlinked can be read as of any position.

The links of the store say what is linked now. A link that can be taken back is kept as two `Edge` entities besides,
one for either end, so that the links of a record at a position are one scan of its prefix. What the kernel links
itself (`derived_from`, `read`, `compensates`) is never taken back and needs none.
"""

from __future__ import annotations

import msgspec

from .entities import ENTITIES, Edge
from .table import Draft

KERNEL_RELATIONS: frozenset[str] = frozenset(("derived_from", "read", "compensates", "supersedes"))
OUT, INTO = "f", "t"
SEPARATOR = "\x1f"  # In no id: control characters are refused wherever ids are chosen.


def edge_prefix(side: str, entity: str, relation: str | None = None) -> str:
    """Ids of the edges of `kind:id`: those that begin there (OUT) or end there (INTO)."""
    parts = (side, entity) if relation is None else (side, entity, relation)
    return SEPARATOR.join(parts) + SEPARATOR


def edge_ids(source: str, relation: str, target: str) -> tuple[str, str]:
    return edge_prefix(OUT, source, relation) + target, edge_prefix(INTO, target, relation) + source


def keep_edge(draft: Draft, source: str, relation: str, target: str, seq: int, *, removed: bool) -> None:
    """Note that a link was made or removed, seen from both ends. The event concerns what it joins, too."""
    out, into = edge_ids(source, relation, target)
    edge = Edge(id=out, seq=seq, source=source, relation=relation, target=target, removed=removed)
    draft.put(edge)
    draft.puts[edge.kind, into] = msgspec.structs.replace(edge, id=into)
    for end in (source, target):
        kind, _, id = end.partition(":")
        entity = draft.get(ENTITIES[kind], id) if kind in ENTITIES else None
        if entity is not None:
            draft.touch(entity)
