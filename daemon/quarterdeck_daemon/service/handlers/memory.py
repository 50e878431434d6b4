"""memory.*: remember, recall, look at, explain, endorse."""

from __future__ import annotations

import itertools

from quarterdeck_protocol import params as p
from quarterdeck_protocol.labels import OPERATOR, Labels, join

from ...core.commands import Endorse, Remember
from ...core.entities import Document, Memory, Tier
from ...core.tiers import STANDING
from ..house import House
from ..originals import original_of
from ..provenance import find_entity, used_by, why
from ..rpc import Asked, Handler
from ..views import record_view
from .documents import receive_document
from .pages import offset_of
from .tiers import expiry_us

FETCHED_MAX = 1_000
OVERFETCH = 4  # Filters by time are applied after ranking, so more is fetched.
RECENCY_HALF_LIFE_DAYS = 90.0
DAY_US = 86_400_000_000


def handlers(house: House) -> dict[str, Handler]:
    async def remember(asked: Asked, params: p.MemoryRemember) -> object:
        labels = labels_for(asked, params.labels)
        if params.document is not None or params.upload:
            return await receive_document(house, asked, params, labels)
        command = Remember(
            text=params.text,
            title=params.title,
            source=params.source,
            tier=tier_wanted(params),
            memory_kind=params.kind,
            tags=params.tags,
            namespace=params.namespace,
            labels=labels,
            pinned=params.pinned,
            when=params.when,
            repeats=params.repeats,
            run=params.run,
            expires_us=expiry_us(house, params.expires),
            made_from=made_from(house, params),
        )
        return await house.change(asked, command)

    async def get(asked: Asked, params: p.ReadOne) -> object:
        found = find_entity(house.store, params.id, house.position(params.as_of))
        shown = record_view(found)
        return shown | {"original": original_of(house.store, found)} if isinstance(found, Document) else shown

    async def history(asked: Asked, params: p.Versions) -> object:
        upto = house.position(params.as_of)
        entity = find_entity(house.store, params.id, upto)
        versions = house.store.history(type(entity), entity.id)
        known = (one for one in versions if upto is None or one.seq <= upto)
        start = offset_of(params.cursor)
        page = list(itertools.islice(known, start, start + params.limit + 1))
        more = len(page) > params.limit
        items = [record_view(one) for one in page[: params.limit]]
        return {"items": items, "next": str(start + params.limit) if more else None}

    async def explain(asked: Asked, params: p.Linked) -> object:
        return why(house.store, params.id, depth=params.depth, as_of=house.position(params.as_of))

    async def uses(asked: Asked, params: p.Linked) -> object:
        as_of = house.position(params.as_of)
        return {"items": used_by(house.store, params.id, depth=params.depth, as_of=as_of)}

    async def endorse(asked: Asked, params: p.MemoryEndorse) -> object:
        return await house.change(asked, Endorse(id=params.id.partition(":")[2] or params.id, hash=params.hash))

    return {
        "memory.remember": remember,
        "memory.get": get,
        "memory.history": history,
        "memory.why": explain,
        "memory.used_by": uses,
        "memory.endorse": endorse,
    }


def tier_wanted(params: p.MemoryRemember) -> Tier:
    """Words to wait for make a reminder; a run's text is working memory, unless another tier is named."""
    if params.tier != "long-term":
        return params.tier
    return "prospective" if params.when else "working" if params.run else "long-term"


def made_from(house: House, params: p.MemoryRemember) -> tuple[str, ...]:
    """What the text was made from: as the caller says, or as we know it again from what recall has shown."""
    if params.made_from:
        return params.made_from
    found = [house.store.get(Memory, name.removeprefix("memory:")) for name in house.echo.parents(params.text)]
    parents = [one for one in found if one is not None and not one.forgotten]
    own = all(one.labels.integrity == "operator" and not one.depth for one in parents)
    if own and (params.tier in STANDING or any(one.text == params.text for one in parents)):
        return ()  # One's own words once more, for another shelf.
    return tuple(f"memory:{one.id}" for one in parents)


def labels_for(asked: Asked, wanted: Labels | None) -> Labels:
    """A caller may lower trust and raise secrecy, never the reverse; only the operator speaks as the operator."""
    own = OPERATOR if asked.role == "operator" else Labels(integrity="agent")
    return own if wanted is None else join((own, wanted))
