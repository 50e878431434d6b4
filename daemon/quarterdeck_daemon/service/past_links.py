"""The links of an entity now or as of a position, from either end."""

from __future__ import annotations

from ..core.edges import INTO, OUT, edge_ids, edge_prefix
from ..core.entities import Edge, Link
from ..store.api import Store


def links_from(store: Store, name: str, as_of: int | None = None) -> list[Link]:
    """Links that begin at `kind:id`."""
    present = store.links_from(name)
    return present if as_of is None else _then(store, present, OUT, name, as_of)


def links_to(store: Store, name: str, as_of: int | None = None) -> list[Link]:
    """Links that end at `kind:id`."""
    present = store.links_to(name)
    return present if as_of is None else _then(store, present, INTO, name, as_of)


def _then(store: Store, present: list[Link], side: str, name: str, as_of: int) -> list[Link]:
    """What cannot be taken back stands since its sequence; what can has its past in edges."""
    then = [link for link in present if link.seq <= as_of and store.get(Edge, _id(link)) is None]
    for edge in store.scan(Edge, prefix=edge_prefix(side, name), as_of=as_of):
        if not edge.removed:
            then.append(Link(source=edge.source, relation=edge.relation, target=edge.target, seq=edge.seq))
    return then


def _id(link: Link) -> str:
    return edge_ids(link.source, link.relation, link.target)[0]
