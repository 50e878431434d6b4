"""Originals: the files of documents that gave way to newer ones, kept as long as the settings say.

Owns     which originals may go: of a document that is not current for longer than `[memory] originals`, whose bytes no
         other document has that stays, on which no fact that stands rests, and which no snapshot shows as current.
Promises first the log says that they go, then the files go; a restart finds those that were left. In small slices,
         between which others are served; at most CANDIDATES_MAX of them in one pass.
Leaves   texts, pieces and history, which stay; forgetting for good to forgetting.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from ..core.commands import Command, PruneOriginals
from ..core.durations import length_of
from ..core.entities import Document, Fact, Plain, Snapshot
from ..core.pruning import is_past
from ..core.turn import strings
from ..store.api import Store
from .pace import Pace

BATCH = 200
CANDIDATES_MAX = 100_000
GRACE_S = 3_600.0  # A file that was written or met again within that time stays: its document may be on its way.

Execute = Callable[[Command], Awaitable[Plain]]


class Pruned(msgspec.Struct):
    """What went, or would go. files: that nobody needs; documents that share one count once there."""

    documents: list[Document] = []
    files: int = 0
    size_bytes: int = 0


async def prune(store: Store, execute: Execute, pace: Pace, *, keep_us: int, now_us: int, dry_run: bool) -> Pruned:
    """One pass. keep_us: how long an original is kept after its document gave way; 0 is for ever."""
    done = Pruned(documents=[])
    if not keep_us:
        return done
    candidates = await _candidates(store, pace, now_us - keep_us)
    going = await _unshared(candidates, pace)
    fresh = [document for document in going if not document.pruned]
    done.documents = fresh
    sizes = {document.blob: document.size_bytes for document in (going if not dry_run else fresh)}
    if dry_run:
        done.files, done.size_bytes = len(sizes), sum(sizes.values())
        return done
    rule = f"originals are kept {length_of(keep_us)}"
    for start in range(0, len(going), BATCH):
        batch = going[start : start + BATCH]
        asked = tuple(document.id for document in batch if not document.pruned)
        gone = (
            frozenset(strings((await execute(PruneOriginals(ids=asked, rule=rule)))["pruned"]))
            if asked
            else frozenset()
        )
        names = [document.blob for document in batch if document.pruned or document.id in gone]
        dropped = await asyncio.to_thread(store.drop_blobs, names, unused_s=GRACE_S)
        done.files += len(dropped)
        done.size_bytes += sum(sizes[name] for name in dropped)
    return done


def original_of(store: Store, document: Document) -> str:
    """Whether the file of a document is there: kept, pruned, forgotten or none. Reads it only when it was pruned once."""
    if document.forgotten:
        return "forgotten"
    if not document.blob:
        return "none"
    once = any(event.kind == "document.pruned" for event in store.events_of(f"document:{document.id}"))
    return "pruned" if once and store.get_blob(document.blob) is None else "kept"


async def _candidates(store: Store, pace: Pace, before_us: int) -> list[Document]:
    found: list[Document] = []
    async for document in pace.walk(Document):
        if len(found) < CANDIDATES_MAX and is_past(document) and _old(store, document, before_us):
            needed = _bears_a_fact(store, document) or _in_a_snapshot(store, document)
            found += [] if needed else [document]
    return found


async def _unshared(candidates: list[Document], pace: Pace) -> list[Document]:
    """Without those whose bytes are those of a document that stays."""
    left = {document.id: document for document in candidates}
    blobs = {document.blob for document in candidates}
    async for document in pace.walk(Document):
        if document.blob in blobs and document.id not in left and not document.forgotten:
            blobs.discard(document.blob)
    return [document for document in candidates if document.blob in blobs]


def _old(store: Store, document: Document, before_us: int) -> bool:
    """Its last change is what took it out of use, or came after. What was pruned and is still there was cut short."""
    changed = store.event(document.seq)
    return document.pruned or (changed is not None and changed.at_us < before_us)


def _bears_a_fact(store: Store, document: Document) -> bool:
    """A fact that stands needs its proof, be it drawn from the document or from a piece of it."""
    for name in (f"document:{document.id}", *(f"memory:{chunk}" for chunk in document.chunks)):
        for link in store.links_to(name, "derived_from"):
            kind, _, id = link.source.partition(":")
            fact = store.get(Fact, id) if kind == "fact" else None
            if fact is not None and not fact.withdrawn:
                return True
    return False


def _in_a_snapshot(store: Store, document: Document) -> bool:
    """Whether it was current at a moment that the operator named."""
    for snapshot in store.scan(Snapshot):
        if not snapshot.removed and snapshot.at_seq < document.seq:
            then = store.get(Document, document.id, as_of=snapshot.at_seq)
            if then is not None and not is_past(then):
                return True
    return False
