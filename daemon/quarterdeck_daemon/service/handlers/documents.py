"""Documents by hand: handed in whole or in pieces, and how far their reading is."""

from __future__ import annotations

import asyncio
import time

from quarterdeck_protocol import document_params as dp
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels, join
from quarterdeck_protocol.media import HEAD_BYTES, HTML, MAIL, XHTML, media_type_of

from ...core.commands import ReceiveDocument
from ...core.documents import content_alias
from ...core.entities import Alias, Document, Plain, Receipt
from ...core.turn import strings
from ...store.blobs import blob_hash
from ..house import House
from ..rpc import Asked, Handler

CONNECTOR = "remember"
SOMEBODY_ELSES = frozenset((MAIL, HTML, XHTML))  # Whoever hands it in, somebody else wrote it.
POLL_S = 0.02


def handlers(house: House) -> dict[str, Handler]:
    async def upload(asked: Asked, params: dp.DocumentUpload) -> object:
        received, complete = house.uploads.add(params.hash, params.size_bytes, params.offset, params.data)
        return {"received_bytes": received, "complete": complete}

    async def status(asked: Asked, params: dp.DocumentStatus) -> object:
        as_of = house.position(params.as_of)
        until = time.monotonic() + (params.wait_ms / 1000 if as_of is None else 0)
        while (states := _states(house, params.ids, as_of)) and time.monotonic() < until:
            if all(state["status"] != "received" for state in states):
                break
            await asyncio.sleep(POLL_S)
        return {"items": states}

    return {"document.upload": upload, "document.status": status}


async def receive_document(house: House, asked: Asked, params: p.MemoryRemember, labels: Labels) -> object:
    """Keep the bytes, then record them. Raises QuarterdeckError `not_found` for an upload that is not here."""
    data = params.document if params.document is not None else house.uploads.take(params.upload)
    head = data[:HEAD_BYTES] if data is not None else b""
    media_type = params.media_type or media_type_of(params.path or params.name, head)
    blob = blob_hash(data) if data is not None else params.upload
    if media_type in SOMEBODY_ELSES:
        labels = join((labels, Labels(integrity="external")))
    command = ReceiveDocument(
        connector=CONNECTOR,
        external_id=f"{params.path or params.name or 'document'}#{blob[:32]}",
        media_type=media_type,
        name=params.title or params.name or params.path,
        blob=blob,
        size_bytes=len(data) if data is not None else 0,
        labels=labels,
        tags=params.tags,
        namespace=params.namespace,
        tier=params.tier,
        memory_kind="document" if params.kind == "note" else params.kind,
        place=params.path,
        again=asked.role == "operator",
    )
    if data is not None:
        await asyncio.to_thread(house.store.put_blob, data)
    elif not _is_known(house, asked, command):
        raise QuarterdeckError(
            "not_found", "these bytes have not been sent", hint="Send them first, with document.upload."
        )
    reply, seq = await house.change(asked, command)
    return {**reply, "document": reply["id"]}, seq


def _is_known(house: House, asked: Asked, command: ReceiveDocument) -> bool:
    """Whether the bytes are not needed: they are here already, or this very request was answered before."""
    if asked.request_id and house.store.get(Receipt, asked.request_id) is not None:
        return True
    for name in (f"{command.connector}:{command.external_id}", content_alias(command)):
        alias = house.store.get(Alias, name)
        document = house.store.get(Document, alias.target) if alias is not None else None
        if document is not None and not (document.forgotten or document.superseded_by):
            return True
    return False


def _states(house: House, ids: tuple[str, ...], as_of: int | None) -> list[Plain]:
    found = (house.store.get(Document, id, as_of=as_of) for id in ids)
    return [_state(document) for document in found if document is not None]


def _state(document: Document) -> Plain:
    return {
        "id": document.id,
        "status": document.status,
        "title": document.title,
        "error": document.error,
        "reason": str(document.meta.get("unreadable") or ""),
        "media_type": document.media_type,
        "chunks": len(document.chunks),
        "supersedes": document.supersedes,
        "superseded_by": document.superseded_by,
        "withdrawn": document.withdrawn,
        "same_text_as": str(document.meta.get("same_text_as") or ""),
        "warnings": list(strings(document.meta.get("warnings"))),
    }
