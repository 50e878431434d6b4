"""Memory: notes, documents, facts and the links between them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, DocumentAnswered, Endorse, MakeLink, ReceiveDocument, Remember
from .entities import ENTITIES, Alias, Document, Fact, Memory, Plain, Tier
from .facts import assert_from_file
from .hashing import text_hash, value_hash
from .lookup import find
from .orders import Failed, Parsed
from .table import Draft
from .turn import Applier, Turn, strings, take_number

TEXT_CHARS_MAX = 200_000  # Of one `remember`; longer text comes as a document.
CHUNKS_MAX = 5_000


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


# --- documents ------------------------------------------------------------------------------------


def receive(turn: Turn, command: ReceiveDocument) -> Plain:
    known = turn.draft.get(Alias, f"{command.connector}:{command.external_id}")
    if known is not None:
        return {"id": known.target, "known": True}
    id = f"doc{turn.number('doc')}"
    body: Plain = {
        "document": id,
        "connector": command.connector,
        "external_id": command.external_id,
        "media_type": command.media_type,
        "name": command.name,
        "blob": command.blob,
        "size_bytes": command.size_bytes,
        "trigger": command.trigger,
        "tags": list(command.tags),
    }
    labels = msgspec.structs.replace(command.labels, sources=(f"document:{id}",))
    turn.emit("document.received", body, labels=labels)
    return {"id": id, "known": False}


def apply_received(draft: Draft, event: Event) -> None:
    body = event.body
    id = str(body["document"])
    meta: Plain = {"trigger": bool(body["trigger"]), "tags": body["tags"], "name": body["name"]}
    draft.put(
        Document(
            id=id,
            seq=event.seq,
            external_id=str(body["external_id"]),
            media_type=str(body["media_type"]),
            blob=str(body["blob"]),
            size_bytes=int(str(body["size_bytes"])),
            at_us=event.at_us,
            labels=event.labels,
            connector=str(body["connector"]),
            title=str(body["name"]),
            meta=meta,
        )
    )
    alias = f"{body['connector']}:{body['external_id']}"
    draft.puts["alias", alias] = Alias(id=alias, target=id, seq=event.seq)
    take_number(draft, id, event.seq)


def document_answered(turn: Turn, command: DocumentAnswered) -> Plain:
    document = find(turn, Document, command.document)
    if document.status != "received":
        return {"id": document.id, "status": document.status}
    if isinstance(command.outcome, Parsed):
        _take_in(turn, document, command.outcome)
    else:
        reason = (
            command.outcome.failure.message if isinstance(command.outcome, Failed) else "an answer of the wrong kind"
        )
        turn.emit("document.unreadable", {"document": document.id, "reason": reason}, labels=document.labels)
    return {"id": document.id}


def _take_in(turn: Turn, document: Document, parsed: Parsed) -> None:
    if parsed.unreadable and not parsed.text:
        body: Plain = {
            "document": document.id,
            "reason": parsed.unreadable,
            "meta": parsed.meta,
            "title": parsed.title,
        }
        turn.emit("document.unreadable", body, labels=document.labels)
        return
    first = turn.number("m")
    chunks: list[Plain] = [
        {"id": f"m{first + index}", "title": chunk.title or parsed.title, "from": chunk.span[0], "to": chunk.span[1]}
        for index, chunk in enumerate(parsed.chunks[:CHUNKS_MAX])
    ]
    body = {
        "document": document.id,
        "title": parsed.title,
        "text": parsed.text,
        "meta": parsed.meta,
        "chunks": chunks,
        "unreadable": parsed.unreadable,
    }
    turn.emit("document.parsed", body, labels=document.labels)
    for fact in parsed.facts:
        assert_from_file(turn, document, fact.fact_kind, fact.key, fact.value)


def apply_parsed(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _ParsedBody)
    document = draft.get(Document, body.document)
    assert document is not None, "only a document that was received is parsed"
    tier: Tier = "long-term" if document.labels.integrity == "operator" else "review"
    for chunk in body.chunks:
        draft.put(
            Memory(
                id=chunk.id,
                seq=event.seq,
                text=body.text[chunk.start : chunk.end],
                at_us=event.at_us,
                labels=event.labels,
                title=chunk.title,
                source=document.external_id.partition("#")[0],
                document=document.id,
                span=(chunk.start, chunk.end),
                tier=tier,
                memory_kind="document",
                tags=strings(document.meta.get("tags")),
            )
        )
        draft.link(f"memory:{chunk.id}", "derived_from", f"document:{document.id}", event.seq)
        take_number(draft, chunk.id, event.seq)
    draft.put(
        msgspec.structs.replace(
            document,
            seq=event.seq,
            status="parsed",
            title=body.title or document.title,
            text=body.text,
            meta={**document.meta, **body.meta},
            chunks=tuple(chunk.id for chunk in body.chunks),
            error=body.unreadable,
        )
    )


class _Chunk(msgspec.Struct, rename={"start": "from", "end": "to"}):
    id: str
    title: str
    start: int
    end: int


class _ParsedBody(msgspec.Struct):
    document: str
    title: str
    text: str
    meta: Plain
    chunks: tuple[_Chunk, ...]
    unreadable: str = ""


def apply_unreadable(draft: Draft, event: Event) -> None:
    document = draft.get(Document, str(event.body["document"]))
    assert document is not None, "only a document that was received can be unreadable"
    meta = event.body.get("meta")
    draft.put(
        msgspec.structs.replace(
            document,
            seq=event.seq,
            status="unreadable",
            error=str(event.body["reason"]),
            title=str(event.body.get("title") or document.title),
            meta={**document.meta, **(meta if isinstance(meta, dict) else {})},
        )
    )


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
    ReceiveDocument: receive,
    DocumentAnswered: document_answered,
    MakeLink: make_link,
}
APPLY: dict[str, Applier] = {
    "memory.remembered": apply_remembered,
    "memory.endorsed": apply_endorsed,
    "document.received": apply_received,
    "document.parsed": apply_parsed,
    "document.unreadable": apply_unreadable,
    "link.made": apply_link,
    "link.removed": apply_link,
}
