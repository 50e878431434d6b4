"""Endorsement: the one way in which anything gains trust. It covers exactly the text that the operator saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, Endorse
from .entities import Document, Fact, Memory, Plain, Tier
from .hashing import text_hash, value_hash
from .lookup import find
from .table import Draft
from .tiers import make_room
from .turn import Applier, Turn

Endorsed = Memory | Document | Fact
E = TypeVar("E", Memory, Document, Fact)


def endorse(turn: Turn, command: Endorse) -> Plain:
    """The exact text of a memory or of a whole document, or the value of a fact, becomes the operator's own."""
    if turn.actor != "operator":
        raise QuarterdeckError("policy_denied", "only the operator vouches for anything")
    entity = _named(turn, command.id)
    hash = hash_of(entity)
    if command.hash and command.hash != hash:
        raise QuarterdeckError(
            "conflict", f"{command.id} is no longer what you saw", hint="Read it again, then endorse."
        )
    tier: Tier = "long-term"
    if isinstance(entity, Memory):
        tier = _tier_of(entity)
        make_room(turn, msgspec.structs.replace(entity, tier=tier))
    body: Plain = {"id": entity.id, "kind": entity.kind, "hash": hash, "tier": tier}
    turn.emit("memory.endorsed", body)
    return {"id": entity.id, "tier": tier, "hash": hash}


def _named(turn: Turn, id: str) -> Endorsed:
    if "/" in id:
        return find(turn, Fact, id)
    document = turn.draft.get(Document, id)
    if document is None:
        return find(turn, Memory, id)
    if document.status != "parsed":
        raise QuarterdeckError(
            "conflict", f"{id} has no text that could be read", hint=f"quarterdeck memory show {id}"
        )
    return document


def hash_of(entity: Endorsed) -> str:
    """What an endorsement binds."""
    return value_hash(entity.value) if isinstance(entity, Fact) else text_hash(entity.text)


def _tier_of(memory: Memory) -> Tier:
    if memory.tier != "review":
        return memory.tier
    return "prospective" if memory.when else "long-term"


def apply_endorsed(draft: Draft, event: Event) -> None:
    id = str(event.body["id"])
    classes: dict[str, type[Endorsed]] = {"fact": Fact, "document": Document, "memory": Memory}
    entity = draft.get(classes[str(event.body["kind"])], id)
    assert entity is not None, "only what exists is endorsed"
    tier = msgspec.convert(event.body.get("tier", "long-term"), Tier)
    if isinstance(entity, Document):
        draft.put(_trusted(entity, event.seq))
        chunks = [draft.get(Memory, chunk) for chunk in entity.chunks]
        for memory in (chunk for chunk in chunks if chunk is not None and not chunk.forgotten):
            draft.put(_believed(memory, event.seq, _tier_of(memory)))
    elif isinstance(entity, Memory):
        draft.put(_believed(entity, event.seq, tier))
    else:
        draft.put(msgspec.structs.replace(_trusted(entity, event.seq), tier=tier))


def _trusted(entity: E, seq: int) -> E:
    labels = msgspec.structs.replace(entity.labels, integrity="operator")
    return msgspec.structs.replace(entity, seq=seq, labels=labels)


def _believed(memory: Memory, seq: int, tier: Tier) -> Memory:
    """One's own note is only confirmed; what came from somebody else keeps the hash of what was vouched for."""
    endorsed = memory.endorsed if memory.labels.integrity == "operator" else text_hash(memory.text)
    return msgspec.structs.replace(_trusted(memory, seq), tier=tier, endorsed=endorsed)


DECIDE: dict[type[Command], Callable[..., Plain]] = {Endorse: endorse}
APPLY: dict[str, Applier] = {"memory.endorsed": apply_endorsed}
