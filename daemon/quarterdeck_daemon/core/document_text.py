"""What documents say: their text, its chunks as memories, how a mail answers another, how a new version replaces an old.

A new version keeps the chunks that did not change, with all that was linked to them or said about them; the others are
superseded when the new text is there, not before, so that a version that cannot be read takes nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels

from .commands import Command, DocumentAnswered
from .entities import Alias, Document, Fact, Memory, Plain, Tier
from .facts import assert_from_file
from .hashing import text_hash
from .lookup import find
from .orders import Failed, Parsed, ParsedChunk
from .table import Draft
from .turn import Applier, Turn, strings, take_number

CHUNKS_MAX = 5_000
VERSIONS_MAX = 100  # Versions of one file that are looked back at.
ANSWERS_MAX = 500  # Answers that came before the mail they answer.
SAME_TEXT_CHARS_MIN = 80  # Shorter texts are alike by accident.
FACT_FILE = "application/toml"
REFERENCES_LOOKED_AT = 20
_NOT_WORDS = re.compile(r"[\W_]+")


def document_answered(turn: Turn, command: DocumentAnswered) -> Plain:
    document = find(turn, Document, command.document)
    if document.status != "received" or document.forgotten:
        return {"id": document.id, "status": document.status}
    if isinstance(command.outcome, Parsed):
        _take_in(turn, document, command.outcome)
    elif isinstance(command.outcome, Failed):
        failure = command.outcome.failure
        _cannot_be_read(turn, document, failure.message, {"unreadable": failure.failure}, "")
    else:
        _cannot_be_read(turn, document, "an answer of the wrong kind", {"unreadable": "contract"}, "")
    return {"id": document.id}


def _cannot_be_read(turn: Turn, document: Document, reason: str, meta: Plain, title: str) -> None:
    body: Plain = {"document": document.id, "reason": reason, "meta": meta, "title": title}
    turn.emit("document.unreadable", body, labels=document.labels)


def _take_in(turn: Turn, document: Document, parsed: Parsed) -> None:
    if parsed.unreadable and not parsed.text:
        _cannot_be_read(turn, document, parsed.unreadable, parsed.meta, parsed.title)
        return
    replaced = _versions_before(turn.draft, document)
    twin = _twin(turn.draft, document, parsed)
    repeated = twin is not None and bool(parsed.meta.get("message_id"))  # The same mail, stored in another way.
    chunks = [] if repeated else _chunks(turn, document, parsed, replaced)
    kept = {str(chunk["id"]) for chunk in chunks if chunk.get("kept")}
    body: Plain = {
        "document": document.id,
        "title": parsed.title,
        "text": parsed.text,
        "meta": parsed.meta | ({"same_text_as": twin.id} if twin is not None else {}),
        "chunks": chunks,
        "unreadable": parsed.unreadable,
        "words": _words_alias(document, parsed.text),
        "replaced": [name for old in replaced for name in _names(turn.draft, old, kept)],
        "repeated": repeated,
        **_thread(turn.draft, parsed.meta),
    }
    turn.emit("document.parsed", body, labels=document.labels)
    for fact in parsed.facts:
        if document.media_type == FACT_FILE or _may_assert(turn.draft, document, f"{fact.fact_kind}/{fact.key}"):
            assert_from_file(turn, document, fact.fact_kind, fact.key, fact.value)


def _may_assert(draft: Draft, document: Document, id: str) -> bool:
    """A file that is no fact file only adds what is not known yet, or what it said itself before."""
    present = draft.get(Fact, id)
    said_here = present is not None and present.source == document.external_id.partition("#")[0]
    return document.labels.integrity == "operator" and (present is None or said_here)


# --- chunks ---------------------------------------------------------------------------------------


def _chunks(turn: Turn, document: Document, parsed: Parsed, replaced: list[Document]) -> list[Plain]:
    there = _unchanged(turn.draft, document, replaced)
    number = turn.number("m")
    found: list[Plain] = []
    for chunk in parsed.chunks[:CHUNKS_MAX]:
        old = there.get(chunk.text)
        if old:
            found.append(_chunk(old.pop(0).id, chunk, parsed.title) | {"kept": True})
        else:
            found.append(_chunk(f"m{number}", chunk, parsed.title))
            number += 1
    return found


def _chunk(id: str, chunk: ParsedChunk, title: str) -> Plain:
    begin, end = chunk.span
    return {"id": id, "title": chunk.title or title, "from": begin, "to": end, "language": chunk.language}


def _unchanged(draft: Draft, document: Document, replaced: list[Document]) -> dict[str, list[Memory]]:
    """Chunks of the versions before, by text: as much believed and guarded as the new version is."""
    found: dict[str, list[Memory]] = {}
    for old in replaced:
        for id in old.chunks if old.namespace == document.namespace else ():
            memory = draft.get(Memory, id)
            if memory is None or memory.forgotten or memory.superseded_by or memory.document != old.id:
                continue
            lost = memory.withdrawn and old.withdrawn and memory.seq == old.seq
            if _as_trusted(memory, document.labels) and (lost or not memory.withdrawn):
                found.setdefault(memory.text, []).append(memory)
    return found


def _as_trusted(memory: Memory, labels: Labels) -> bool:
    same = memory.labels.integrity == labels.integrity or bool(memory.endorsed)
    return same and memory.labels.sensitivity == labels.sensitivity


# --- versions -------------------------------------------------------------------------------------


def _versions_before(draft: Draft, document: Document) -> list[Document]:
    """The documents that this one replaces, nearest first: those that lie in no file any more."""
    found: list[Document] = []
    old = draft.get(Document, document.supersedes) if document.supersedes else None
    while old is not None and len(found) < VERSIONS_MAX and old not in found:
        if not (old.places or old.superseded_by or old.forgotten):
            found.append(old)
        old = draft.get(Document, old.supersedes) if old.supersedes else None
    return found if not document.superseded_by else []


def _names(draft: Draft, old: Document, kept: set[str]) -> list[str]:
    """The old version and its chunks that are not kept, as `kind:id`."""
    chunks = [draft.get(Memory, id) for id in old.chunks if id not in kept]
    left = [one.id for one in chunks if one is not None and one.document == old.id and not one.superseded_by]
    return [f"document:{old.id}", *(f"memory:{id}" for id in left)]


def replaced_by(draft: Draft, old: Document, by: str) -> list[str]:
    """What is superseded when the content `by`, which is known already, takes the place of a version."""
    found = [] if old.superseded_by or old.forgotten else [old]
    found += [one for one in _versions_before(draft, old) if one.id != by]
    return [name for one in found for name in _names(draft, one, set())]


def supersede(draft: Draft, names: Iterable[str], by: str, seq: int) -> None:
    for name in names:
        kind, _, id = name.partition(":")
        cls: type[Memory | Document] = Memory if kind == "memory" else Document
        old = draft.get(cls, id)
        if old is not None and not old.forgotten and id != by:
            draft.put(msgspec.structs.replace(old, seq=seq, superseded_by=by))


# --- texts and mails that belong together ---------------------------------------------------------


def _words_alias(document: Document, text: str) -> str:
    """The same words under the same trust, whatever their layout; "" for too few of them."""
    words = _NOT_WORDS.sub(" ", text.casefold()).strip()
    if len(words) < SAME_TEXT_CHARS_MIN:
        return ""
    labels = document.labels
    return f"words:{text_hash(f'{labels.integrity}/{labels.sensitivity}/{document.namespace}/{words}')[:32]}"


def _twin(draft: Draft, document: Document, parsed: Parsed) -> Document | None:
    """Another document with the same words; of a mail, with the same message id too."""
    name = _words_alias(document, parsed.text)
    alias = draft.get(Alias, name) if name else None
    twin = draft.get(Document, alias.target) if alias is not None else None
    if twin is None or twin.id in (document.id, document.supersedes) or twin.forgotten or twin.superseded_by:
        return None
    return twin if twin.meta.get("message_id") == parsed.meta.get("message_id") else None


def _message_alias(message_id: str) -> str:
    return f"message:{text_hash(message_id)[:32]}"


def _thread(draft: Draft, meta: Plain) -> Plain:
    """Which known mail this one answers, which ones answer it, and which it waits for."""
    message_id, parent = str(meta.get("message_id") or ""), str(meta.get("in_reply_to") or "")
    asked = [parent, *reversed(strings(meta.get("references")))] if parent else []
    known = (draft.get(Alias, _message_alias(one)) for one in asked[:REFERENCES_LOOKED_AT])
    waiting: list[str] = []
    for alias in draft.scan(Alias, prefix=f"awaits:{text_hash(message_id)[:32]}/") if message_id else ():
        if len(waiting) < ANSWERS_MAX:
            waiting.append(alias.target)
    return {
        "replies_to": next((alias.target for alias in known if alias is not None), ""),
        "answered_by": waiting,
        "message": _message_alias(message_id) if message_id else "",
        "awaits": text_hash(parent)[:32] if parent and draft.get(Alias, _message_alias(parent)) is None else "",
    }


# --- applying -------------------------------------------------------------------------------------


class _Chunk(msgspec.Struct, rename={"start": "from", "end": "to"}):
    id: str
    title: str
    start: int
    end: int
    language: str = ""
    kept: bool = False


class _ParsedBody(msgspec.Struct):
    document: str
    title: str
    text: str
    meta: Plain
    chunks: tuple[_Chunk, ...]
    unreadable: str = ""
    words: str = ""
    replaced: tuple[str, ...] = ()
    repeated: bool = False
    replies_to: str = ""
    answered_by: tuple[str, ...] = ()
    message: str = ""
    awaits: str = ""


def apply_parsed(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _ParsedBody)
    document = draft.get(Document, body.document)
    assert document is not None, "only a document that was received is parsed"
    for chunk in body.chunks:
        draft.put(_memory(draft, document, chunk, body, event))
        draft.link(f"memory:{chunk.id}", "derived_from", f"document:{document.id}", event.seq)
        take_number(draft, chunk.id, event.seq)
    meta = {**document.meta, **body.meta}
    draft.put(
        msgspec.structs.replace(
            document,
            seq=event.seq,
            status="parsed",
            title=body.title or document.title,
            text=body.text,
            meta=meta | {"trigger": False} if body.repeated else meta,
            chunks=tuple(chunk.id for chunk in body.chunks),
            error=body.unreadable,
        )
    )
    supersede(draft, body.replaced, document.id, event.seq)
    _tie(draft, body, event.seq)


def _memory(draft: Draft, document: Document, chunk: _Chunk, body: _ParsedBody, event: Event) -> Memory:
    tier: Tier = document.tier if document.labels.integrity == "operator" else "review"
    made = Memory(
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
        memory_kind=document.memory_kind,
        tags=strings(document.meta.get("tags")),
        namespace=document.namespace,
        language=chunk.language,
        superseded_by=document.superseded_by,
        withdrawn=document.withdrawn,
    )
    old = draft.get(Memory, chunk.id) if chunk.kept else None
    if old is None:
        return made
    sources = tuple(dict.fromkeys((*event.labels.sources, *old.labels.sources)))
    return msgspec.structs.replace(
        old,
        seq=event.seq,
        title=made.title,
        source=made.source,
        document=made.document,
        span=made.span,
        tags=tuple(dict.fromkeys((*old.tags, *made.tags))),
        language=made.language,
        withdrawn=made.withdrawn,
        labels=msgspec.structs.replace(old.labels, sources=sources),
    )


def _tie(draft: Draft, body: _ParsedBody, seq: int) -> None:
    """Names by which others find it, and links along the thread."""
    if body.words:
        draft.puts["alias", body.words] = Alias(id=body.words, target=body.document, seq=seq)
    if body.message and draft.get(Alias, body.message) is None:
        draft.puts["alias", body.message] = Alias(id=body.message, target=body.document, seq=seq)
    if body.awaits:
        id = f"awaits:{body.awaits}/{body.document}"
        draft.puts["alias", id] = Alias(id=id, target=body.document, seq=seq)
    if body.replies_to and body.replies_to != body.document:
        draft.link(f"document:{body.document}", "replies_to", f"document:{body.replies_to}", seq)
    for answer in body.answered_by:
        if answer != body.document:
            draft.link(f"document:{answer}", "replies_to", f"document:{body.document}", seq)


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


DECIDE: dict[type[Command], Callable[..., Plain]] = {DocumentAnswered: document_answered}
APPLY: dict[str, Applier] = {"document.parsed": apply_parsed, "document.unreadable": apply_unreadable}
