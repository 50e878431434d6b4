"""Documents: what arrives whole (a mail, a file) and where it lies.

One content is one document, however many files hold it: `places` names them. When a file changes, its new content is a
new document that `supersedes` the one before, unless that still lies elsewhere. When the last file is gone, the
document is withdrawn; when one comes back, so does it. What a document says is in document_text.py.

Aliases (all names are hashed, since paths and message ids may name people):
    <connector>:<external id>   what a connector calls it          place:…    what a file holds, or held last
    content:…                   the same bytes under the same trust, tier of secrecy, namespace and media type
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import INTEGRITY_ORDER

from . import document_text
from .commands import Command, LoseDocuments, ReceiveDocument
from .entities import Alias, Document, Memory, Plain, Tier
from .hashing import text_hash, value_hash
from .table import Draft, Table
from .turn import Applier, Turn, strings, take_number

TIERS = ("project", "long-term", "review")  # The others hold single sentences, not documents.
WATCHER = "files"  # The connector that watches folders.
NAMED_BY_PLACE = "application/toml"  # Where such a file lies decides what it is.


def place_alias(place: str) -> str:
    return f"place:{text_hash(place)[:32]}"


def content_alias(command: ReceiveDocument) -> str:
    """Documents under one such name are interchangeable; "" when this one is not interchangeable with any."""
    if command.media_type == NAMED_BY_PLACE or not command.blob:
        return ""
    labels = command.labels
    same = [
        command.blob,
        command.media_type,
        labels.integrity,
        labels.sensitivity,
        command.namespace,
        command.trigger,
    ]
    return f"content:{value_hash(same)[:32]}"


def lies_there(table: Table, connector: str, external_id: str, place: str) -> bool:
    """Whether nothing needs to be done about a file that holds this."""
    known = table.get(Alias, f"{connector}:{external_id}")
    there = table.get(Alias, place_alias(place))
    return known is not None and there is not None and not there.gone and there.target == known.target


# --- arriving -------------------------------------------------------------------------------------


def receive(turn: Turn, command: ReceiveDocument) -> Plain:
    if command.tier not in TIERS:
        raise QuarterdeckError(
            "bad_value",
            f"a document cannot lie in the tier {command.tier}",
            hint=f"One of {', '.join(TIERS)}; single sentences of it may go elsewhere.",
        )
    if command.place and _would_suppress(turn.draft, command):
        command = msgspec.structs.replace(command, place="")
    known = _known(turn, command)
    return _take_in(turn, command) if known is None else _met_again(turn, command, known)


def _would_suppress(draft: Draft, command: ReceiveDocument) -> bool:
    """Whether less trusted words, by their own account of a path, would take the place of better ones.

    The watcher of files gives no account of its own: it says what the disk holds.
    """
    before = _displaced(draft, command.place, "")
    if before is None or command.connector == WATCHER:
        return False
    return INTEGRITY_ORDER[command.labels.integrity] < INTEGRITY_ORDER[before.labels.integrity]


def _known(turn: Turn, command: ReceiveDocument) -> Document | None:
    """The document with this content, if it still counts. What was forgotten comes back by hand only."""
    for name in (f"{command.connector}:{command.external_id}", content_alias(command)):
        alias = turn.draft.get(Alias, name) if name else None
        document = turn.draft.get(Document, alias.target) if alias is not None else None
        if document is not None and not document.superseded_by and not (document.forgotten and command.again):
            return document
    return None


def _take_in(turn: Turn, command: ReceiveDocument) -> Plain:
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
        "namespace": command.namespace,
        "tier": command.tier,
        "memory_kind": command.memory_kind,
        "content": content_alias(command),
    }
    replaced = _displaced(turn.draft, command.place, id)
    if command.place:
        body |= {"place": command.place, "displaces": replaced.id if replaced else ""}
        body |= _displaced_to(replaced, command.place)
    supersedes = replaced.id if replaced and not _elsewhere(replaced, command.place) else ""
    labels = msgspec.structs.replace(command.labels, sources=(f"document:{id}",))
    turn.emit("document.received", body | {"supersedes": supersedes}, labels=labels)
    return {"id": id, "known": False, "updates": replaced.id if replaced else ""}


def _displaced(draft: Draft, place: str, by: str) -> Document | None:
    """What the file held before, if that was something else."""
    alias = draft.get(Alias, place_alias(place)) if place else None
    before = draft.get(Document, alias.target) if alias is not None else None
    return before if before is not None and before.id != by and not before.forgotten else None


def _displaced_to(before: Document | None, place: str) -> Plain:
    """Where the content lies that this file held and that was moved before it got another."""
    if before is None or named_after(before) != place:
        return {}
    left = [other for other in before.places if other != place]
    return {"displaced_to": left[-1]} if left else {}


def _elsewhere(document: Document, place: str) -> bool:
    return any(other != place for other in document.places)


def _met_again(turn: Turn, command: ReceiveDocument, known: Document) -> Plain:
    """The content is known: note where else it lies, bring back what was withdrawn, try again what was asked for."""
    reply: Plain = {"id": known.id, "known": True}
    if known.forgotten:
        return reply
    if command.again and known.status == "unreadable":
        turn.emit("document.retried", {"document": known.id}, labels=known.labels)
        return {**reply, "again": True}
    restored = known.withdrawn and (command.again or not known.places)
    named = turn.draft.get(Alias, f"{command.connector}:{command.external_id}")
    settled = named is not None and named.target == known.id
    if settled and command.place and not known.withdrawn:
        settled = lies_there(turn.draft, command.connector, command.external_id, command.place)
    if settled and not restored:
        return reply
    before = _displaced(turn.draft, command.place, known.id)
    replaced = before if before is not None and not _elsewhere(before, command.place) else None
    body: Plain = {
        "document": known.id,
        "alias": f"{command.connector}:{command.external_id}",
        "place": command.place,
        "restored": restored,
        "displaces": before.id if before else "",
        "replaced": document_text.replaced_by(turn.draft, replaced, known.id) if replaced else [],
    }
    body |= _displaced_to(before, command.place)
    if restored and known.withdrawn and command.place and command.place != named_after(known):
        body["renamed"] = command.place
    turn.emit("document.found_again", body, labels=known.labels)
    return {**reply, "restored": restored}


def apply_received(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Received)
    meta: Plain = {"trigger": body.trigger, "tags": list(body.tags), "name": body.name}
    document = Document(
        id=body.document,
        seq=event.seq,
        external_id=body.external_id,
        media_type=body.media_type,
        blob=body.blob,
        size_bytes=body.size_bytes,
        at_us=event.at_us,
        labels=event.labels,
        connector=body.connector,
        title=body.name,
        meta=meta,
        namespace=body.namespace,
        tier=body.tier,
        memory_kind=body.memory_kind,
        places=(body.place,) if body.place else (),
        supersedes=body.supersedes,
    )
    draft.put(document)
    _name(draft, f"{body.connector}:{body.external_id}", body.document, event.seq)
    if body.content:
        _name(draft, body.content, body.document, event.seq)
    if body.place:
        _lay(draft, body.place, body.document, body.displaces, event.seq, displaced_to=body.displaced_to)
    if body.supersedes:
        draft.link(f"document:{body.document}", "supersedes", f"document:{body.supersedes}", event.seq)
    take_number(draft, body.document, event.seq)


class _Received(msgspec.Struct):
    document: str
    connector: str
    external_id: str
    media_type: str
    name: str
    blob: str
    size_bytes: int
    trigger: bool
    tags: tuple[str, ...] = ()
    namespace: str = "default"
    tier: Tier = "long-term"
    memory_kind: str = "document"
    content: str = ""
    place: str = ""
    displaces: str = ""
    displaced_to: str = ""
    supersedes: str = ""


def _name(draft: Draft, alias: str, target: str, seq: int) -> None:
    draft.puts["alias", alias] = Alias(id=alias, target=target, seq=seq)


def _lay(draft: Draft, place: str, document: str, displaced: str, seq: int, *, displaced_to: str) -> None:
    """Note that the file holds this document, and no longer the one before."""
    _name(draft, place_alias(place), document, seq)
    before = draft.get(Document, displaced) if displaced else None
    if before is not None and place in before.places:
        places = tuple(other for other in before.places if other != place)
        draft.put(_renamed(draft, msgspec.structs.replace(before, seq=seq, places=places), displaced_to))


def apply_found_again(draft: Draft, event: Event) -> None:
    document = draft.get(Document, str(event.body["document"]))
    assert document is not None, "only what is known is found again"
    place, restored = str(event.body["place"]), bool(event.body["restored"])
    _name(draft, str(event.body["alias"]), document.id, event.seq)
    places = document.places
    if place:
        moved = str(event.body.get("displaced_to", ""))
        _lay(draft, place, document.id, str(event.body["displaces"]), event.seq, displaced_to=moved)
        places = (*(other for other in places if other != place), place)
    if restored:
        _stand(draft, document, event.seq, withdrawn=False)
    withdrawn = document.withdrawn and not restored
    document = msgspec.structs.replace(document, seq=event.seq, places=places, withdrawn=withdrawn)
    draft.put(_renamed(draft, document, str(event.body.get("renamed", ""))))
    document_text.supersede(draft, strings(event.body["replaced"]), document.id, event.seq)


def apply_retried(draft: Draft, event: Event) -> None:
    document = draft.get(Document, str(event.body["document"]))
    assert document is not None, "only what is known is tried again"
    meta = {name: value for name, value in document.meta.items() if name != "unreadable"}
    draft.put(msgspec.structs.replace(document, seq=event.seq, status="received", error="", meta=meta))


# --- being lost -----------------------------------------------------------------------------------


def lose(turn: Turn, command: LoseDocuments) -> Plain:
    lost = 0
    for place in command.places:
        alias = turn.draft.get(Alias, place_alias(place))
        document = turn.draft.get(Document, alias.target) if alias is not None and not alias.gone else None
        if document is None or place not in document.places:
            continue
        withdrawn = not _elsewhere(document, place) and not document.superseded_by
        body: Plain = {"document": document.id, "place": place, "withdrawn": withdrawn}
        left = [other for other in document.places if other != place]
        if left and named_after(document) == place:
            body["renamed"] = left[-1]
        turn.emit("document.lost", body, labels=document.labels)
        lost += 1
    return {"lost": lost}


def apply_lost(draft: Draft, event: Event) -> None:
    place = str(event.body["place"])
    document = draft.get(Document, str(event.body["document"]))
    assert document is not None, "only what is known is lost"
    alias = Alias(id=place_alias(place), target=document.id, gone=True, seq=event.seq)
    draft.puts["alias", alias.id] = alias
    withdrawn = document.withdrawn or bool(event.body["withdrawn"])
    if withdrawn and not document.withdrawn:
        _stand(draft, document, event.seq, withdrawn=True)
    places = tuple(other for other in document.places if other != place)
    document = msgspec.structs.replace(document, seq=event.seq, places=places, withdrawn=withdrawn)
    draft.put(_renamed(draft, document, str(event.body.get("renamed", ""))))


def named_after(document: Document) -> str:
    """The file that it and its chunks name as their source."""
    return document.external_id.partition("#")[0]


def _stem(place: str) -> str:
    """The file's name without folder and ending; the readers of files take it for a title."""
    name = place.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _renamed(draft: Draft, document: Document, place: str) -> Document:
    """The document as one of the file `place`, to which it was moved; its chunks, too. Older versions keep the name."""
    old = named_after(document)
    if not place:
        return document
    titles = {_stem(old): _stem(place), old: place}  # Where a file has no title of its own.
    for id in document.chunks:
        memory = draft.get(Memory, id)
        if memory is None or memory.document != document.id or memory.source != old or memory.forgotten:
            continue
        title = titles.get(memory.title, memory.title)
        draft.put(msgspec.structs.replace(memory, seq=document.seq, source=place, title=title))
    return msgspec.structs.replace(
        document,
        external_id=f"{place}#{document.external_id.partition('#')[2]}",
        title=titles.get(document.title, document.title),
        meta=document.meta | ({"name": place} if document.meta.get("name") == old else {}),
    )


def _stand(draft: Draft, document: Document, seq: int, *, withdrawn: bool) -> None:
    """Withdraw or bring back its chunks. Those that were withdrawn on another occasion stay so."""
    for id in document.chunks:
        memory = draft.get(Memory, id)
        if memory is None or memory.document != document.id or memory.withdrawn == withdrawn or memory.forgotten:
            continue
        if withdrawn or memory.seq == document.seq:  # Both were last changed by the event that withdrew them.
            draft.put(msgspec.structs.replace(memory, seq=seq, withdrawn=withdrawn))


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    ReceiveDocument: receive,
    LoseDocuments: lose,
    **document_text.DECIDE,
}
APPLY: dict[str, Applier] = {
    "document.received": apply_received,
    "document.found_again": apply_found_again,
    "document.retried": apply_retried,
    "document.lost": apply_lost,
    **document_text.APPLY,
}
