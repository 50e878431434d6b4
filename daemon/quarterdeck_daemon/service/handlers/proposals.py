"""fact.proposed, accept, reject: what was found in texts and waits for the operator's word."""

from __future__ import annotations

from collections.abc import Iterator

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import DecideProposal
from ...core.entities import Fact, Plain
from ...core.hashing import value_hash
from ...core.likeness import compare
from ...core.proposals import MARK
from ..house import House
from ..rpc import Asked, Handler
from ..views import evidence_view, iso, plain


def handlers(house: House) -> dict[str, Handler]:
    async def proposed(asked: Asked, params: p.FactProposed) -> object:
        return _proposed(house, params)

    async def accept(asked: Asked, params: p.FactDecide) -> object:
        return await house.change(asked, _decision(params, accept=True))

    async def reject(asked: Asked, params: p.FactDecide) -> object:
        return await house.change(asked, _decision(params, accept=False))

    return {"fact.proposed": proposed, "fact.accept": accept, "fact.reject": reject}


def _decision(params: p.FactDecide, *, accept: bool) -> DecideProposal:
    id = params.id.removeprefix("fact:")
    return DecideProposal(id=id, accept=accept, hash=params.hash, reason=params.reason, if_version=params.if_version)


def _proposed(house: House, params: p.FactProposed) -> Plain:
    """Newest first. A page goes on below the sequence at which the page before ended."""
    as_of = house.position(params.as_of)
    if params.cursor is not None and not params.cursor.isdecimal():
        raise QuarterdeckError("bad_value", f"{params.cursor[:40]!r} is no cursor", hint="Hand back a `next`.")
    before = int(params.cursor) if params.cursor else None
    found = [
        fact for fact in _all(house, params, as_of) if _wanted(fact, params) and (not before or _since(fact) < before)
    ]
    found.sort(key=_since, reverse=True)
    page = found[: params.limit]
    items = [proposal_view(house, fact, as_of) for fact in page]
    return {"items": items, "next": str(_since(page[-1])) if len(found) > params.limit else None}


def _since(fact: Fact) -> int:
    """The number of a proposal: proposals are numbered in the order in which they came."""
    return int(fact.id.rpartition(f"{MARK}p")[2])


def _all(house: House, params: p.FactProposed, as_of: int | None) -> Iterator[Fact]:
    if params.outcome == "open" and as_of is None:
        return house.store.live(Fact)
    return house.store.scan(Fact, prefix=f"{params.kind}/" if params.kind else "", as_of=as_of)


def _wanted(fact: Fact, params: p.FactProposed) -> bool:
    if not fact.proposes or fact.withdrawn or (params.kind and fact.fact_kind != params.kind):
        return False
    if params.source and params.source not in (fact.source, fact.source.partition(":")[2]):
        return False
    return params.outcome in ("all", fact.proposal)


def proposal_view(house: House, fact: Fact, as_of: int | None = None) -> Plain:
    held = house.store.get(Fact, fact.proposes, as_of=as_of)
    known = held.value if held is not None and held.canonical else {}
    against = compare(known, fact.value).against if fact.proposal == "open" else ()
    return {
        "id": fact.id,
        "number": f"p{_since(fact)}",
        "fact": fact.proposes,
        "value": fact.value,
        "held": {name: known[name] for name in fact.value if name in known},
        "conflicts": [one.field for one in against],
        "version": held.version if held is not None else 0,
        "outcome": fact.proposal,
        "source": fact.source,
        "evidence": [evidence_view(one) for one in fact.evidence],
        "at": iso(fact.at_us),
        "labels": plain(fact.labels),
        "hash": value_hash(fact.value),
        "seq": fact.seq,
    }
