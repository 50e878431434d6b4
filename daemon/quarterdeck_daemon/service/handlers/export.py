"""memory.export: all that is known, in chunks, in plain values that need none of our software."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from quarterdeck_protocol import params as p

from ...core.entities import Document, Entity, Fact, Memory, Plain
from ..house import House
from ..originals import original_of
from ..rpc import Asked, Handler
from ..views import record_view

CHUNK_BYTES = 512 * 1024  # A chunk ends with the record that exceeds it; a record has at most a few megabytes.
ORIGINAL_BYTES_MAX = 256 * 1024  # Of one chunk; clients may not take more than a megabyte at a time.
KEPT_BY_THE_KERNEL = frozenset(("derived_from", "read", "compensates"))

E = TypeVar("E", Memory, Document, Fact)
Known = Memory | Document | Fact


def handlers(house: House) -> dict[str, Handler]:
    async def export(asked: Asked, params: p.MemoryExport) -> object:
        await house.engine.settled()
        head = house.store.head.seq
        as_of = house.position(params.as_of)
        count = 0
        for chunk in _chunks(_records(house, params, as_of)):
            await asked.send({"records": [_record(one) for one in chunk]})
            if links := [link for one in chunk for link in _links(house, one)]:
                await asked.send({"links": links})
            for one in chunk if params.originals else ():
                if isinstance(one, Document):
                    await _send_original(house, asked, one)
            count += len(chunk)
        return {"count": count, "head_seq": head if as_of is None else as_of}

    return {"memory.export": export}


def _records(house: House, params: p.MemoryExport, as_of: int | None) -> Iterator[Known]:
    def of(cls: type[E]) -> Iterator[E]:
        for one in house.store.scan(cls, as_of=as_of):
            if params.namespace is None or one.namespace == params.namespace:
                yield one

    for memory in of(Memory):
        if not memory.forgotten and (params.past or memory.current):
            yield memory
    for document in of(Document):
        if not document.forgotten and (params.past or not (document.withdrawn or document.superseded_by)):
            yield document
    for fact in of(Fact):
        if params.past or not fact.withdrawn:
            yield fact


def _chunks(records: Iterator[Known]) -> Iterator[list[Known]]:
    chunk: list[Known] = []
    size = 0
    for one in records:
        chunk.append(one)
        size += len(msgspec.msgpack.encode(one))
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _record(one: Entity) -> Plain:
    return {name: value for name, value in record_view(one).items() if name != "fields"}


def _links(house: House, one: Entity) -> list[Plain]:
    return [
        {"source": link.source, "relation": link.relation, "target": link.target}
        for link in house.store.links_from(f"{one.kind}:{one.id}")
        if link.relation not in KEPT_BY_THE_KERNEL
    ]


async def _send_original(house: House, asked: Asked, document: Document) -> None:
    data = await asyncio.to_thread(house.store.get_blob, document.blob)
    if data is None:
        why = original_of(house.store, document)
        await asked.send({"absent": {"id": document.id, "why": why if why in ("pruned", "forgotten") else "missing"}})
        return  # `doctor` looks for what is lost.
    for offset in range(0, max(len(data), 1), ORIGINAL_BYTES_MAX):
        part: Plain = {
            "hash": document.blob,
            "name": document.external_id.partition("#")[0],
            "media_type": document.media_type,
            "offset": offset,
            "size_bytes": len(data),
            "data": data[offset : offset + ORIGINAL_BYTES_MAX],
        }
        await asked.send({"original": part})
