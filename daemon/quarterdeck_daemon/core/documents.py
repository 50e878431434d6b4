"""Documents: what arrives whole (a mail, a file), is parsed in a worker and kept as text with its chunks."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.events import Event

from .commands import Command, DocumentAnswered, ReceiveDocument
from .entities import Alias, Document, Memory, Plain, Tier
from .facts import assert_from_file
from .lookup import find
from .orders import Failed, Parsed
from .table import Draft
from .turn import Applier, Turn, strings, take_number

CHUNKS_MAX = 5_000


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


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    ReceiveDocument: receive,
    DocumentAnswered: document_answered,
}
APPLY: dict[str, Applier] = {
    "document.received": apply_received,
    "document.parsed": apply_parsed,
    "document.unreadable": apply_unreadable,
}
