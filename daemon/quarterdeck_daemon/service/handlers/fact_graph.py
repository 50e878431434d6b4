"""fact.link, unlink, neighbours, path: the graph of facts, now or as it was at a position."""

from __future__ import annotations

from collections.abc import Iterator

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import MakeLink
from ...core.edges import INTO, KERNEL_RELATIONS, OUT, edge_prefix
from ...core.entities import Edge as KeptEdge
from ...core.entities import Fact, Link, Plain
from ...core.graph import Edge, Edges, neighbours, shortest
from ...store.api import Store
from ..house import House
from ..rpc import Asked, Handler


def handlers(house: House) -> dict[str, Handler]:
    async def link(asked: Asked, params: p.FactLink) -> object:
        return await _link(house, asked, params, remove=False)

    async def unlink(asked: Asked, params: p.FactLink) -> object:
        return await _link(house, asked, params, remove=True)

    async def near(asked: Asked, params: p.FactNeighbours) -> object:
        return _neighbours(house, params)

    async def path(asked: Asked, params: p.FactPath) -> object:
        return _path(house, params)

    return {"fact.link": link, "fact.unlink": unlink, "fact.neighbours": near, "fact.path": path}


def entity_name(end: str) -> str:
    """`kind/key` as `fact:kind/key`; what has its kind before a colon stays."""
    return end if ":" in end.partition("/")[0] else f"fact:{end}"


async def _link(house: House, asked: Asked, params: p.FactLink, *, remove: bool) -> object:
    source, target = (entity_name(end) for end in (params.source, params.target))
    command = MakeLink(source=source, relation=params.relation, target=target, remove=remove)
    reply, seq = await house.change(asked, command)
    return {"id": f"{source} {params.relation} {target}", **reply}, seq


def _neighbours(house: House, params: p.FactNeighbours) -> Plain:
    as_of = house.position(params.as_of)
    start = f"fact:{params.kind}/{params.key}"
    edges = edges_of(house.store, _relations(params.relation), as_of, params.direction)
    reached, cut = neighbours(start, edges, depth=params.depth)
    if not reached and house.store.get(Fact, f"{params.kind}/{params.key}", as_of=as_of) is None:
        raise QuarterdeckError(
            "not_found", f"no fact {params.kind}/{params.key}", hint=f"quarterdeck fact query {params.kind}"
        )
    first = int(params.cursor) if params.cursor and params.cursor.isdecimal() else 0
    end = first + params.limit
    items: list[Plain] = [
        {
            "id": one.edge.target,
            "relation": one.edge.relation,
            "direction": one.edge.direction,
            "seq": one.edge.seq,
            "depth": one.depth,
            "via": one.edge.source if one.depth > 1 else "",
        }
        for one in reached[first:end]
    ]
    return {"items": items, "next": str(end) if end < len(reached) else None, "cut": cut}


def _path(house: House, params: p.FactPath) -> Plain:
    as_of = house.position(params.as_of)
    ends = [entity_name(end) for end in (params.source, params.target)]
    for end in ends:
        kind, _, id = end.partition(":")
        if kind == "fact" and house.store.get(Fact, id, as_of=as_of) is None:
            raise QuarterdeckError(
                "not_found", f"no fact {id}", hint=f"quarterdeck fact query {id.partition('/')[0]}"
            )
    edges = edges_of(house.store, _relations(params.relation), as_of, "both")
    way, cut = shortest(ends[0], ends[1], edges, steps_max=params.max)
    steps = [edge._asdict() for edge in way or ()]
    return {"found": way is not None, "steps": steps, "cut": cut}


def _relations(relation: str | tuple[str, ...] | None) -> frozenset[str] | None:
    if not relation:
        return None
    return frozenset((relation,) if isinstance(relation, str) else relation)


def edges_of(store: Store, relations: frozenset[str] | None, as_of: int | None, direction: str) -> Edges:
    """Return the function that gives the edges of an entity, in a stable order.

    Provenance (`derived_from`, `read` …) counts only when it is asked for by name: everything hangs together there.
    """

    def wanted(relation: str) -> bool:
        return relation in relations if relations is not None else relation not in KERNEL_RELATIONS

    def edges(name: str) -> Iterator[Edge]:
        if direction != "in":
            for link in _links(store, OUT, name, as_of):
                if wanted(link.relation):
                    yield Edge(name, link.relation, link.target, "out", link.seq)
        if direction != "out":
            for link in _links(store, INTO, name, as_of):
                if wanted(link.relation):
                    yield Edge(name, link.relation, link.source, "in", link.seq)

    return edges


def _links(store: Store, side: str, name: str, as_of: int | None) -> list[Link]:
    present = store.links_from(name) if side == OUT else store.links_to(name)
    if as_of is None:
        return present
    # Kernel relations are never taken back; the others have a past.
    then = [link for link in present if link.seq <= as_of and link.relation in KERNEL_RELATIONS]
    for edge in store.scan(KeptEdge, prefix=edge_prefix(side, name), as_of=as_of):
        if not edge.removed:
            then.append(Link(source=edge.source, relation=edge.relation, target=edge.target, seq=edge.seq))
    return then
