"""fact.*: canonical records and the links between them."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import MakeLink, PutFact
from ...core.entities import Fact, Plain
from ..house import House, time_us
from ..rpc import Asked, Handler
from ..views import fact_view
from .memory import labels_for

OPEN_START = -(2**62)
OPEN_END = 2**62


def handlers(house: House) -> dict[str, Handler]:
    async def put(asked: Asked, params: p.FactPut) -> object:
        command = PutFact(
            fact_kind=params.kind,
            key=params.key,
            value=params.value,
            if_version=params.if_version,
            valid_from=params.valid_from,
            valid_to=params.valid_to,
            source=params.source,
            labels=labels_for(asked, params.labels),
        )
        return await house.change(asked, command)

    async def get(asked: Asked, params: p.FactGet) -> object:
        return fact_view(_find(house, params))

    async def query(asked: Asked, params: p.FactQuery) -> object:
        return _query(house, params)

    async def link(asked: Asked, params: p.FactLink) -> object:
        return await _link(house, asked, params, remove=False)

    async def unlink(asked: Asked, params: p.FactLink) -> object:
        return await _link(house, asked, params, remove=True)

    async def neighbours(asked: Asked, params: p.FactNeighbours) -> object:
        return {"items": _neighbours(house, params), "next": None}

    return {
        "fact.put": put,
        "fact.get": get,
        "fact.query": query,
        "fact.link": link,
        "fact.unlink": unlink,
        "fact.neighbours": neighbours,
    }


def _find(house: House, params: p.FactGet) -> Fact:
    as_of = house.position(params.as_of)
    id = f"{params.kind}/{params.key}"
    fact = house.store.get(Fact, id, as_of=as_of)
    if fact is not None and params.valid_at and not _valid(fact, time_us(params.valid_at)):
        fact = _version_valid_at(house, id, time_us(params.valid_at), as_of)
    if fact is None:
        when = f" as of {params.as_of}" if params.as_of is not None else ""
        raise QuarterdeckError("not_found", f"no fact {id}{when}", hint=f"quarterdeck fact query {params.kind}")
    return fact


def _version_valid_at(house: House, id: str, at_us: int, as_of: int | None) -> Fact | None:
    """The latest belief, up to `as_of`, about how things were at that time."""
    versions = [one for one in house.store.history(Fact, id) if as_of is None or one.seq <= as_of]
    return next((one for one in reversed(versions) if _valid(one, at_us)), None)


def _valid(fact: Fact, at_us: int) -> bool:
    start = time_us(fact.valid_from) if fact.valid_from else OPEN_START
    end = time_us(fact.valid_to) if fact.valid_to else OPEN_END
    return start <= at_us < end


def _query(house: House, params: p.FactQuery) -> Plain:
    as_of = house.position(params.as_of)
    found = house.store.scan(
        Fact, prefix=f"{params.kind}/", after=params.cursor if not params.order else None, as_of=as_of
    )
    matching = (fact for fact in found if all(fact.value.get(name) == value for name, value in params.where.items()))
    if params.order:
        return _ordered(list(matching), params)
    page: list[Fact] = []
    for fact in matching:
        if len(page) == params.limit:
            return {"items": [fact_view(one) for one in page], "next": page[-1].id}
        page.append(fact)
    return {"items": [fact_view(one) for one in page], "next": None}


def _ordered(facts: list[Fact], params: p.FactQuery) -> Plain:
    field = params.order.removeprefix("-")
    reverse = params.order.startswith("-")

    def key(fact: Fact) -> tuple[bool, float, str]:
        value = fact.value.get(field)
        number = float(value) if isinstance(value, int | float) else 0.0
        return (value is None) != reverse, number, str(value)

    facts.sort(key=key, reverse=reverse)
    start = int(params.cursor) if params.cursor and params.cursor.isdigit() else 0
    end = start + params.limit
    return {"items": [fact_view(one) for one in facts[start:end]], "next": str(end) if end < len(facts) else None}


async def _link(house: House, asked: Asked, params: p.FactLink, *, remove: bool) -> object:
    source, target = (_entity_name(end) for end in (params.source, params.target))
    command = MakeLink(source=source, relation=params.relation, target=target, remove=remove)
    reply, seq = await house.change(asked, command)
    return {"id": f"{source} {params.relation} {target}", **reply}, seq


def _entity_name(end: str) -> str:
    return end if ":" in end.partition("/")[0] else f"fact:{end}"


def _neighbours(house: House, params: p.FactNeighbours) -> list[Plain]:
    name = f"fact:{params.kind}/{params.key}"
    out = [(link.target, "out", link) for link in house.store.links_from(name, params.relation)]
    into = [(link.source, "in", link) for link in house.store.links_to(name, params.relation)]
    found: list[Plain] = [
        {"id": other, "relation": link.relation, "direction": direction, "seq": link.seq}
        for other, direction, link in (*out, *into)
    ]
    return found[: params.limit]
