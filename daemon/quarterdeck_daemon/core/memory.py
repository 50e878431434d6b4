"""Memory: notes and the links between entities."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, Endorse, MakeLink, Remember
from .entities import ENTITIES, Fact, Memory, Plain, Tier
from .hashing import text_hash, value_hash
from .lookup import find
from .table import Draft
from .turn import Applier, Turn, take_number

TEXT_CHARS_MAX = 200_000  # Of one `remember`; longer text comes as a document.


# --- notes ----------------------------------------------------------------------------------------


def remember(turn: Turn, command: Remember) -> Plain:
    if not command.text.strip():
        raise QuarterdeckError("bad_value", "there is no text to remember", hint="Give some text, a file or `-`.")
    if len(command.text) > TEXT_CHARS_MAX:
        raise QuarterdeckError(
            "out_of_range",
            f"a note has at most {TEXT_CHARS_MAX:,} characters, this one {len(command.text):,}",
            hint="Send it as a document: `quarterdeck remember FILE`.",
        )
    id = f"m{turn.number('m')}"
    tier = command.tier if command.labels.integrity == "operator" else "review"
    body: Plain = {
        "id": id,
        "text": command.text,
        "title": command.title or command.text.strip().splitlines()[0][:80],
        "source": command.source or "operator",
        "tier": tier,
        "kind": command.memory_kind,
        "tags": list(command.tags),
        "namespace": command.namespace,
    }
    turn.emit("memory.remembered", body, labels=command.labels)
    return {"id": id, "tier": tier}


def apply_remembered(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Remembered)
    draft.put(
        Memory(
            id=body.id,
            seq=event.seq,
            text=body.text,
            at_us=event.at_us,
            labels=event.labels,
            title=body.title,
            source=body.source,
            tier=body.tier,
            memory_kind=body.kind,
            tags=body.tags,
            namespace=body.namespace,
        )
    )
    take_number(draft, body.id, event.seq)


class _Remembered(msgspec.Struct):
    id: str
    text: str
    title: str
    source: str
    tier: Tier
    kind: str
    tags: tuple[str, ...]
    namespace: str


def endorse(turn: Turn, command: Endorse) -> Plain:
    """Only the exact text that the operator saw becomes trusted."""
    entity: Memory | Fact
    entity = find(turn, Fact, command.id) if "/" in command.id else find(turn, Memory, command.id)
    hash = text_hash(entity.text) if isinstance(entity, Memory) else value_hash(entity.value)
    if command.hash and command.hash != hash:
        raise QuarterdeckError(
            "conflict", f"{command.id} is no longer what you saw", hint="Read it again, then endorse."
        )
    turn.emit("memory.endorsed", {"id": command.id, "kind": entity.kind, "hash": hash})
    return {"id": command.id, "tier": "long-term", "hash": hash}


def apply_endorsed(draft: Draft, event: Event) -> None:
    id = str(event.body["id"])
    cls: type[Memory | Fact] = Fact if event.body["kind"] == "fact" else Memory
    entity = draft.get(cls, id)
    assert entity is not None, "only what exists is endorsed"
    labels = msgspec.structs.replace(entity.labels, integrity="operator")
    draft.put(msgspec.structs.replace(entity, seq=event.seq, tier="long-term", labels=labels))


# --- links ----------------------------------------------------------------------------------------


def make_link(turn: Turn, command: MakeLink) -> Plain:
    for end in (command.source, command.target):
        kind, _, id = end.partition(":")
        cls = ENTITIES.get(kind)
        if cls is None or turn.draft.get(cls, id) is None:
            raise QuarterdeckError(
                "not_found", f"there is no {end!r} to link", hint="Write it as kind:id, e.g. fact:client/acme."
            )
    if command.relation in ("derived_from", "read", "compensates"):
        raise QuarterdeckError("bad_value", f"the relation {command.relation!r} is kept by the kernel itself")
    body: Plain = {"source": command.source, "relation": command.relation, "target": command.target}
    turn.emit("link.removed" if command.remove else "link.made", body)
    return body


def apply_link(draft: Draft, event: Event) -> None:
    source, relation, target = (str(event.body[part]) for part in ("source", "relation", "target"))
    if event.kind == "link.made":
        draft.link(source, relation, target, event.seq)
    else:
        draft.unlink(source, relation, target)


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    Remember: remember,
    Endorse: endorse,
    MakeLink: make_link,
}
APPLY: dict[str, Applier] = {
    "memory.remembered": apply_remembered,
    "memory.endorsed": apply_endorsed,
    "link.made": apply_link,
    "link.removed": apply_link,
}
