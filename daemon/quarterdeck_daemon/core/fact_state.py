"""What events about facts do to the state."""

from __future__ import annotations

from typing import Literal

import msgspec

from quarterdeck_protocol.events import Event

from .edges import keep_edge
from .entities import CaptureMark, Evidence, Fact, Plain
from .table import Draft
from .turn import Applier, take_number
from .validity import ahead_of


class _Asserted(msgspec.Struct):
    kind: str
    key: str
    value: Plain
    version: int
    source: str
    made_from: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_to: str | None = None
    since_us: int | None = None
    namespace: str = "default"
    kind_version: int = 0
    refs: tuple[tuple[str, str], ...] = ()


def _asserted(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Asserted)
    id = f"{body.kind}/{body.key}"
    present = draft.get(Fact, id)
    fact = Fact(
        id=id,
        seq=event.seq,
        fact_kind=body.kind,
        key=body.key,
        value=body.value,
        version=body.version,
        at_us=event.at_us,
        labels=event.labels,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        source=body.source,
        tier="long-term" if event.labels.integrity == "operator" else "review",
        namespace=body.namespace,
        since_us=body.since_us,
        kind_version=body.kind_version,
        refs=body.refs,
    )
    draft.put(msgspec.structs.replace(fact, ahead=ahead_of(present, fact, event.at_us)))
    for parent in body.made_from:
        draft.link(f"fact:{fact.id}", "derived_from", parent, event.seq)
    relate(draft, id, present.refs if present is not None else (), body.refs, event.seq)


def relate(
    draft: Draft, id: str, old: tuple[tuple[str, str], ...], new: tuple[tuple[str, str], ...], seq: int
) -> None:
    """Keep the links that follow from a value in step with it."""
    name = f"fact:{id}"
    for relation, target in set(old) - set(new):
        draft.unlink(name, relation, f"fact:{target}")
        keep_edge(draft, name, relation, f"fact:{target}", seq, removed=True)
    for relation, target in dict.fromkeys(new):
        if (relation, target) not in old:
            draft.link(name, relation, f"fact:{target}", seq)
            keep_edge(draft, name, relation, f"fact:{target}", seq, removed=False)


def _retracted(draft: Draft, event: Event) -> None:
    id = f"{event.body['kind']}/{event.body['key']}"
    fact = draft.get(Fact, id)
    assert fact is not None, "only what was asserted is taken back"
    version = int(str(event.body["version"]))
    relate(draft, id, fact.refs, (), event.seq)
    gone = msgspec.structs.replace(
        fact, seq=event.seq, version=version, at_us=event.at_us, withdrawn=True, refs=(), ahead=()
    )
    draft.put(gone)


# --- proposals ------------------------------------------------------------------------------------


class _Proposed(msgspec.Struct):
    kind: str
    key: str
    proposes: str
    number: str
    value: Plain
    source: str
    evidence: tuple[Evidence, ...]
    kind_version: int = 0
    namespace: str = "default"


def _proposed(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Proposed)
    fact = Fact(
        id=f"{body.kind}/{body.key}",
        seq=event.seq,
        fact_kind=body.kind,
        key=body.key,
        value=body.value,
        version=1,
        at_us=event.at_us,
        labels=event.labels,
        source=body.source,
        tier="review",
        namespace=body.namespace,
        kind_version=body.kind_version,
        evidence=body.evidence,
        proposes=body.proposes,
        proposal="open",
    )
    draft.put(fact)
    draft.link(f"fact:{fact.id}", "derived_from", body.source, event.seq)
    take_number(draft, body.number, event.seq)


def _decided(draft: Draft, event: Event) -> None:
    fact = draft.get(Fact, f"{event.body['kind']}/{event.body['key']}")
    assert fact is not None, "only what was proposed is decided"
    outcome = msgspec.convert(event.body["outcome"], Literal["accepted", "rejected"])
    draft.put(msgspec.structs.replace(fact, seq=event.seq, proposal=outcome))


def _marked(draft: Draft, event: Event) -> None:
    draft.put(CaptureMark(id="mark", seq=event.seq, upto=int(str(event.body["upto"]))))


APPLY: dict[str, Applier] = {
    "fact.asserted": _asserted,
    "fact.retracted": _retracted,
    "fact.proposed": _proposed,
    "fact.decided": _decided,
    "capture.done": _marked,
}
