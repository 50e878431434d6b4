"""fact.*: canonical records, their kinds, their two clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import MakeLink, PutFact, RetractFact, TransactFacts
from ...core.entities import Asset, Fact, Plain
from ...core.fact_query import conditions_of, matches, orders_of, page_of
from ...core.kind_schema import Described, built_in, compiled, schemas_of
from ...core.kinds import BUILT_IN
from ..fact_reading import believed, history_view, moment_of, not_found, read_fact
from ..house import House
from ..rpc import Asked, Handler
from ..views import fact_view
from . import fact_graph, proposals
from .memory import labels_for
from .pages import offset_of

YIELD_EVERY = 2_000  # Facts looked at before others may have their turn.


def handlers(house: House) -> dict[str, Handler]:
    async def put(asked: Asked, params: p.FactPut) -> object:
        return await house.change(asked, _put(asked, params))

    async def retract(asked: Asked, params: p.FactRetract) -> object:
        command = RetractFact(
            fact_kind=params.kind,
            key=params.key,
            if_version=params.if_version,
            reason=params.reason,
            labels=labels_for(asked, None),
        )
        return await house.change(asked, command)

    async def transact(asked: Asked, params: p.FactTransact) -> object:
        return await house.change(asked, _transaction(asked, params))

    async def get(asked: Asked, params: p.FactGet) -> object:
        return _get(house, params)

    async def history(asked: Asked, params: p.FactHistory) -> object:
        return _history(house, params)

    async def query(asked: Asked, params: p.FactQuery) -> object:
        return await _query(house, params)

    async def kinds(asked: Asked, params: p.FactKinds) -> object:
        return _kinds(house, params)

    return {
        "fact.put": put,
        "fact.retract": retract,
        "fact.transact": transact,
        "fact.get": get,
        "fact.history": history,
        "fact.query": query,
        "fact.kinds": kinds,
        **fact_graph.handlers(house),
        **proposals.handlers(house),
    }


# --- writing --------------------------------------------------------------------------------------


def _put(asked: Asked, params: p.FactPut) -> PutFact:
    return PutFact(
        fact_kind=params.kind,
        key=params.key,
        value=params.value,
        if_version=params.if_version,
        valid_from=params.valid_from,
        valid_to=params.valid_to,
        source=params.source,
        labels=labels_for(asked, params.labels),
        namespace=params.namespace,
    )


def _transaction(asked: Asked, params: p.FactTransact) -> TransactFacts:
    items: list[PutFact | RetractFact] = []
    for index, item in enumerate(params.items):
        if item.retract and item.value:
            raise QuarterdeckError("schema", f"items[{index}] has a value and retract", hint="One or the other.")
        if item.retract:
            labels = labels_for(asked, item.labels)
            items.append(RetractFact(fact_kind=item.kind, key=item.key, if_version=item.if_version, labels=labels))
        else:
            items.append(_put(asked, item))
    name = fact_graph.entity_name
    links = tuple(
        MakeLink(source=name(link.source), relation=link.relation, target=name(link.target), remove=link.remove)
        for link in params.links
    )
    return TransactFacts(items=tuple(items), links=links)


# --- reading --------------------------------------------------------------------------------------


def _get(house: House, params: p.FactGet) -> Plain:
    as_of, moment = house.position(params.as_of), moment_of(params.valid_at)
    id = f"{params.kind}/{params.key}"
    found = read_fact(house.store, id, as_of=as_of, valid_at=moment, now_us=_now_us(house, as_of))
    if found is None:
        raise not_found(params.kind, params.key, _when(params), house.store)
    return found


def _when(params: p.FactGet | p.FactHistory) -> str:
    then = f" as of {params.as_of}" if params.as_of is not None else ""
    return then + (f" that was true at {params.valid_at}" if params.valid_at else "")


def _now_us(house: House, as_of: int | None) -> int:
    """The time of the reading: now, or that of the position that is read at."""
    event = house.store.event(as_of) if as_of else None
    return event.at_us if event is not None else house.engine.now_us()


def _history(house: House, params: p.FactHistory) -> Plain:
    as_of, moment = house.position(params.as_of), moment_of(params.valid_at)
    id = f"{params.kind}/{params.key}"
    start = offset_of(params.cursor)
    items, more = history_view(
        house.store,
        id,
        as_of=as_of,
        valid_at=moment,
        reason_of=lambda fact: _reason(house, fact),
        start=start,
        limit=params.limit,
    )
    if not items and house.store.get(Fact, id, as_of=as_of) is None:
        raise not_found(params.kind, params.key, _when(params), house.store)
    return {"items": items, "next": str(start + params.limit) if more else None}


def _reason(house: House, fact: Fact) -> str:
    event = house.store.event(fact.seq) if fact.withdrawn else None
    return str(event.body.get("reason", "")) if event is not None else ""


async def _query(house: House, params: p.FactQuery) -> Plain:
    as_of, moment = house.position(params.as_of), moment_of(params.valid_at)
    conditions, orders = conditions_of(params.where), orders_of(params.order)
    found = await _facts(house, params, as_of, after=params.cursor if not orders else None)
    wanted = (fact for fact in found if _belongs(fact, params))
    answers = believed(house.store, wanted, as_of=as_of, valid_at=moment, now_us=_now_us(house, as_of))
    matching: list[Fact] = []
    for count, fact in enumerate(answers):
        if count % YIELD_EVERY == YIELD_EVERY - 1:
            await asyncio.sleep(0)
        if matches(fact, conditions):
            matching.append(fact)
            if not orders and len(matching) > params.limit:
                break
    if orders:
        page, cursor = page_of(matching, orders, limit=params.limit, cursor=params.cursor)
    else:
        page = matching[: params.limit]
        cursor = page[-1].id if len(matching) > params.limit else None
    return {"items": [fact_view(fact) for fact in page], "next": cursor}


async def _facts(house: House, params: p.FactQuery, as_of: int | None, *, after: str | None) -> Iterable[Fact]:
    """The facts of the kind by id, beyond `after`. Those of now lie on the shelf, if they are not too many."""
    kept = await house.shelf.of_kind(params.kind) if house.shelf is not None and as_of is None else None
    if kept is None:
        return house.store.scan(Fact, prefix=f"{params.kind}/", after=after, as_of=as_of)
    return kept if after is None else [fact for fact in kept if fact.id > after]


def _belongs(fact: Fact, params: p.FactQuery) -> bool:
    if fact.proposes and not (params.proposed or params.tier == "review"):
        return False
    if params.namespace is not None and fact.namespace != params.namespace:
        return False
    return params.tier is None or fact.tier == params.tier


# --- kinds ----------------------------------------------------------------------------------------


def _kinds(house: House, params: p.FactKinds) -> Plain:
    as_of = house.position(params.as_of)
    counts = _counts(house, params.kind, as_of)
    if params.kind:
        return {"items": [_kind_view(house, params.kind, counts, as_of)], "next": None}
    own = {asset.name for asset in house.store.scan(Asset, prefix="kind/", as_of=as_of) if _named(asset)}
    names = sorted({*BUILT_IN, *own, *counts})
    start = offset_of(params.cursor)
    end = start + params.limit
    items = [_kind_view(house, name, counts, as_of) for name in names[start:end]]
    return {"items": items, "next": str(end) if end < len(names) else None}


def _in_use(asset: Asset) -> bool:
    return not asset.removed and "@" not in asset.id


def _named(asset: Asset) -> bool:
    """Whether a file of this kind lies there, in order or not."""
    return _in_use(asset) or bool(asset.refused)


def _counts(house: House, kind: str, as_of: int | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    for fact in house.store.scan(Fact, prefix=f"{kind}/" if kind else "", as_of=as_of):
        if fact.canonical:
            counts[fact.fact_kind] = counts.get(fact.fact_kind, 0) + 1
    return counts


def _kind_view(house: House, kind: str, counts: dict[str, int], as_of: int | None) -> Plain:
    described = schemas_of(house.store, kind) if as_of is None else list(_described_then(house, kind, as_of))
    asset = house.store.get(Asset, f"kind/{kind}", as_of=as_of)
    refused = asset.refused if asset is not None else ""
    if not described and kind not in counts and not refused:
        raise QuarterdeckError("not_found", f"no kind {kind!r}", hint="List them: quarterdeck fact kinds")
    doc = BUILT_IN[kind].__doc__ if kind in BUILT_IN else described[-1].schema.get("description") if described else ""
    return {
        "id": kind,
        "origin": ", ".join(one.origin for one in described),
        "about": str(doc or "").split("\n")[0],
        "version": described[-1].version if described else 0,
        "fields": list(dict.fromkeys(name for one in described for name in one.fields)),
        "schemas": [one.schema for one in described],
        "facts": counts.get(kind, 0),
        "refused": refused,
    }


def _described_then(house: House, kind: str, as_of: int) -> Iterator[Described]:
    if kind in BUILT_IN:
        yield built_in(kind)
    asset = house.store.get(Asset, f"kind/{kind}", as_of=as_of)
    if asset is not None and _in_use(asset):
        yield compiled(asset.text, asset.path)
