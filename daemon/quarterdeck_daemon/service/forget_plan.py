"""The plan of a forgetting: what goes, what stays and why, and what lies outside our reach.

Found     by looking through all content that can be opened, for the identifiers of a person or for what was named;
          then along provenance: what was made of it, and of that; then whatever else has the same content.
Not taken what a run merely had among many facts in front of it, unless it repeats the identifiers: such a run is
          searched like everything else, not condemned for having looked.
Kept      facts of the kinds that the law wants kept, with the documents that they rest on; facts that the operator
          confirmed and that say nothing of the person; what the operator asks to keep.
The plan is a function of the log: what was shown can be recognised by its hash.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.commands import Names
from ..core.entities import (
    ENTITIES,
    Action,
    Alert,
    Alias,
    Asset,
    Document,
    Edge,
    Entity,
    Fact,
    Memory,
    Plain,
    Run,
    Shelf,
)
from ..core.erasure import ON_THE_WIRE
from ..core.hashing import text_hash, value_hash
from ..core.subjects import FORGOTTEN, subject_of, subject_of_entity
from ..core.traces import Traces, probes_of, strings_in, text_of
from ..store.api import Store

SLICE_S = 0.004  # Work at a stretch, before others get their turn.
ENTITIES_MAX = 100_000
ROUNDS_MAX = 20
FOLLOWED: frozenset[str] = frozenset(("derived_from", "read", "supersedes", "compensates"))
CONTENT: tuple[type[Entity], ...] = (Memory, Document, Fact, Run, Action)
T = TypeVar("T")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be forgotten. entities: `kind:id` that were named or found.  keep: entities, or kinds of facts."""

    identifiers: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    source: str = ""
    keep: tuple[str, ...] = ()
    keep_kinds: tuple[str, ...] = ()


@dataclass
class Plan:
    """What would be done. `kept` and `outside` are for reading: {entity or path, why}."""

    removal: Names
    identifiers: tuple[str, ...]
    probes: tuple[str, ...]
    names: tuple[str, ...]
    operations: tuple[str, ...]
    counts: dict[str, int]
    kept: list[Plain]
    clear: tuple[int, ...]
    unsealed: tuple[int, ...]
    leaving: tuple[str, ...]
    shown: list[Plain] = field(default_factory=list)

    @property
    def hash(self) -> str:
        removal = self.removal
        kept = sorted(str(one["entity"]) for one in self.kept)
        return value_hash([removal.epoch, removal.subjects, removal.entities, removal.blobs, kept])


async def make_plan(store: Store, wanted: Wanted) -> Plan:
    """Look through everything. Raises QuarterdeckError `not_found` when there is nothing to forget."""
    planner = _Planner(store, wanted)
    await planner.find()
    return await planner.plan()


async def sliced(rows: Iterable[T]) -> AsyncIterator[T]:
    """The same rows, giving way to others whenever the work on them has taken SLICE_S."""
    began_s = time.monotonic()
    for row in rows:
        yield row
        if time.monotonic() - began_s > SLICE_S:
            await asyncio.sleep(0)
            began_s = time.monotonic()


def all_values(store: Store, kinds: Iterable[type[Entity]] = tuple(ENTITIES.values())) -> Iterator[Entity]:
    for cls in kinds:
        yield from store.scan(cls)


class _Planner:
    def __init__(self, store: Store, wanted: Wanted) -> None:
        self._store, self._wanted = store, wanted
        self._traces = Traces(wanted.identifiers)
        self._taken: dict[str, None] = {}  # Subjects.
        self._fresh: list[str] = []
        self._kept: dict[str, str] = {}  # Entity -> why.
        self._mentions: set[str] = set()  # Subjects whose content has an identifier in it.
        self._clear: list[int] = []

    # --- finding ---

    async def find(self) -> None:
        for entity in self._wanted.entities:
            self._take_named(entity)
        if self._traces or self._wanted.source:
            await self._look_through()
        await self._keep_by_law()
        for _ in range(ROUNDS_MAX):
            await self._follow()
            if not await self._same_content():
                break
        if not self._taken:
            raise QuarterdeckError("not_found", "there is nothing of this to forget", hint="Check the spelling.")

    def _take_named(self, name: str) -> None:
        kind, _, id = name.partition(":")
        entity = self._store.get(ENTITIES[kind], id) if kind in ENTITIES else None
        subject = subject_of_entity(entity) if entity is not None else None
        if entity is not None and getattr(entity, "forgotten", False):
            raise QuarterdeckError("not_found", f"{id} was forgotten already; what is left is its tombstone")
        if subject is None:
            raise QuarterdeckError(
                "not_found", f"there is no {name!r} to forget", hint="quarterdeck recall QUERY shows the ids."
            )
        self._take(subject)

    async def _look_through(self) -> None:
        """All events and all values; versions of the past say nothing that an event did not say."""
        async for event in sliced(self._store.events()):
            if self._traces.in_value((event.body, event.cause, event.run, event.labels.sources)):
                subject = subject_of(event)
                if subject is None:
                    self._clear.append(event.seq)
                else:
                    self._mentions.add(subject)
        async for entity in sliced(all_values(self._store)):
            subject = subject_of_entity(entity)
            if subject is not None and self._traces.in_value(msgspec.to_builtins(entity)):
                self._mentions.add(subject)
            if subject is not None and self._wanted.source and self._comes_from(entity):
                self._take(subject)
        for subject in sorted(self._mentions):
            self._take(subject)

    def _comes_from(self, entity: Entity) -> bool:
        wanted = self._wanted.source.casefold().rstrip("/")
        if isinstance(entity, Memory | Fact):
            names = [entity.source]
        elif isinstance(entity, Document):
            names = [entity.external_id.partition("#")[0], entity.connector, str(entity.meta.get("from_address", ""))]
            names += entity.places
        else:
            return False
        return any(name.casefold() == wanted or name.casefold().startswith(f"{wanted}/") for name in names)

    def _take(self, subject: str) -> None:
        why = self._why_kept(subject)
        if why:
            self._kept.setdefault(subject, why)
        elif subject not in self._taken:
            self._taken[subject] = None
            self._fresh.append(subject)

    def _why_kept(self, subject: str) -> str:
        if subject in self._kept:
            return self._kept[subject]
        if subject in self._wanted.keep:
            return "you asked to keep it"
        if subject.startswith("asset:") and self._is_current(subject):
            return "a file of the workspace that is in use; change the file, then forget again"
        kind = subject.removeprefix("fact:").partition("/")[0] if subject.startswith("fact:") else ""
        return f"{kind}s are kept by law; --include-kept takes them too" if kind in self._wanted.keep_kinds else ""

    def _is_current(self, subject: str) -> bool:
        id, _, hash = subject.removeprefix("asset:").rpartition("@")
        asset = self._store.get(Asset, id)
        return asset is not None and asset.hash == hash and not asset.removed

    async def _keep_by_law(self) -> None:
        """What a kept fact rests on is the proof of it."""
        async for fact in sliced(self._store.scan(Fact)):
            if fact.fact_kind not in self._wanted.keep_kinds:
                continue
            for link in self._store.links_from(f"fact:{fact.id}", "derived_from"):
                if link.target.startswith(("document:", "memory:")):
                    self._spare(link.target, f"{fact.id} rests on it, and is kept by law")

    def _spare(self, entity: str, why: str) -> None:
        self._kept.setdefault(entity, why)
        if entity in self._taken:
            del self._taken[entity]
            self._fresh = [one for one in self._fresh if one != entity]

    # --- following ---

    async def _follow(self) -> None:
        """Everything that was made of what goes."""
        async for subject in sliced(iter(self._next, None)):
            for entity in self._members(subject):
                for link in self._store.links_to(entity):
                    if link.relation in FOLLOWED and self._shaped(entity, link.source, link.relation):
                        self._reach(link.source)
        if len(self._taken) > ENTITIES_MAX:
            raise QuarterdeckError(
                "out_of_range", f"this would forget more than {ENTITIES_MAX:,} things at once", hint="Narrow it."
            )

    def _next(self) -> str | None:
        return self._fresh.pop() if self._fresh else None

    @staticmethod
    def _shaped(entity: str, by: str, relation: str) -> bool:
        """A run or an action that had a fact before it, among many: searched, not followed."""
        return not (entity.startswith("fact:") and by.startswith(("run:", "action:"))) and relation != "supersedes"

    def _reach(self, name: str) -> None:
        kind, _, id = name.partition(":")
        entity = self._store.get(ENTITIES[kind], id) if kind in ENTITIES else None
        subject = subject_of_entity(entity) if entity is not None else None
        if entity is None or subject is None:
            return
        confirmed = isinstance(entity, Fact) and entity.labels.integrity == "operator"
        if confirmed and subject not in self._mentions and subject not in self._taken:
            self._kept.setdefault(subject, "the operator confirmed it; name it to forget it too")
            return
        self._take(subject)

    def _members(self, subject: str) -> list[str]:
        """The entities of a subject that others can be made of."""
        kind, _, id = subject.partition(":")
        if kind == "document":
            document = self._store.get(Document, id)
            return [subject, *(f"memory:{chunk}" for chunk in (document.chunks if document else ()))]
        if kind == "run":
            run = self._store.get(Run, id)
            steps = run.steps.values() if run else ()
            return [subject, *(f"action:{action}" for step in steps for action in step.actions)]
        return [subject]

    async def _same_content(self) -> bool:
        """Take what has the very same content under another name. Returns whether there was any."""
        hashes = {hash async for subject in sliced(tuple(self._taken)) for hash in self._content_of(subject)}
        before = len(self._taken)
        async for entity in sliced(self._content_rows()):
            subject = subject_of_entity(entity)
            if subject is not None and subject not in self._taken and _content(entity) in hashes:
                self._take(subject)
        return len(self._taken) > before

    def _content_rows(self) -> Iterator[Memory | Document]:
        yield from self._store.scan(Memory)
        yield from self._store.scan(Document)

    def _content_of(self, subject: str) -> Iterator[str]:
        kind, _, id = subject.partition(":")
        if kind in ("memory", "document"):
            entity = self._store.get(ENTITIES[kind], id)
            if isinstance(entity, Memory | Document) and (content := _content(entity)):
                yield content

    # --- the plan ---

    async def plan(self) -> Plan:
        entities: list[Entity] = []
        async for entity in sliced(all_values(self._store)):
            if subject_of_entity(entity) in self._taken:
                entities.append(entity)
        gone = {f"{one.kind}:{one.id}" for one in entities if isinstance(one, CONTENT)}
        entities += await self._about(gone)
        names = sorted({f"{one.kind}:{one.id}" for one in entities})
        shelves = await self._shelves({one.id for one in entities if isinstance(one, Memory)})
        edges = [one for one in entities if isinstance(one, Edge)]
        events = await self._events({f"{one.source}|{one.relation}|{one.target}" for one in edges})
        counts = _counts(entities, len(events))
        return Plan(
            removal=Names(
                epoch=self._store.epoch,
                subjects=tuple(sorted((*self._taken, *shelves))),
                entities=tuple(names),
                thinned=tuple(sorted({name.rpartition("@")[0] for name in shelves})),
                events=tuple(events),
                blobs=tuple(sorted(self._blobs(entities))),
            ),
            identifiers=self._wanted.identifiers,
            probes=await self._alone(probes_of(_texts(entities)), set(names)),
            names=tuple(self._outside_names(entities)),
            operations=tuple(one.operation_id for one in entities if isinstance(one, Action)),
            counts=counts,
            kept=[{"entity": name, "why": why} for name, why in sorted(self._kept.items())],
            clear=tuple(self._clear),
            unsealed=tuple([seq async for seq in sliced(self._unsealed(events))]),
            leaving=tuple(one.id for one in entities if isinstance(one, Action) and one.status in ON_THE_WIRE),
            shown=[_shown(one) for one in entities if isinstance(one, CONTENT)],
        )

    def _unsealed(self, events: list[int]) -> Iterator[int]:
        for seq in events:
            yield from self._store.unsealed((seq,))

    async def _about(self, gone: set[str]) -> list[Entity]:
        """What speaks of something that goes by a name that somebody chose: edges, receipts, alerts."""
        ids = {name.partition(":")[2] for name in gone if name.startswith("fact:")} | {
            name for name in gone if name.startswith("fact:")
        }
        found: list[Entity] = []
        kinds = [cls for cls in ENTITIES.values() if cls not in (*CONTENT, Shelf, Alias)]
        async for entity in sliced(all_values(self._store, kinds)):
            subject = subject_of_entity(entity)
            if subject is None or subject in self._taken:
                continue
            plain: Plain = msgspec.to_builtins(entity)
            ends = isinstance(entity, Edge) and gone & {entity.source, entity.target}
            said = ids | gone if isinstance(entity, Alert) else ids
            if ends or any(text in said for text in strings_in(plain)):
                self._taken[subject] = None
                found.append(entity)
        return found

    async def _alone(self, probes: tuple[str, ...], gone: set[str]) -> tuple[str, ...]:
        """Those that nothing says which stays: two letters may have a line in common."""
        left = dict.fromkeys(probes)
        async for entity in sliced(all_values(self._store, CONTENT)):
            if left and f"{entity.kind}:{entity.id}" not in gone:
                text = text_of(msgspec.to_builtins(entity))
                left = {probe: None for probe in left if probe not in text}
        return tuple(left)

    async def _shelves(self, memories: set[str]) -> list[str]:
        """Subjects of the versions of shelves on which one of the memories stood."""
        found: list[str] = []
        async for shelf in sliced(self._store.scan(Shelf)):
            for version in self._store.history(Shelf, shelf.id):
                if memories & version.places.keys() and (subject := subject_of_entity(version)):
                    found.append(subject)
        return found

    async def _events(self, edges: set[str]) -> list[int]:
        """Every event whose content goes: those of the subjects, and those that made an edge that goes."""
        found: list[int] = []
        async for event in sliced(self._store.events()):
            edge = "|".join(str(event.body.get(part)) for part in ("source", "relation", "target"))
            made = event.kind in ("link.made", "link.removed") and edge in edges
            subject = subject_of(event)
            if subject is not None and (subject in self._taken or made):
                found.append(event.seq)
        return found

    def _blobs(self, entities: Iterable[Entity]) -> set[str]:
        """Files of the documents that go, unless a document that stays has the same one."""
        going = {one.blob: one.id for one in entities if isinstance(one, Document) and one.blob}
        ids = {one.id for one in entities if isinstance(one, Document)}
        for document in self._store.scan(Document) if going else ():
            if document.id not in ids:
                going.pop(document.blob, None)
        return set(going)

    def _outside_names(self, entities: Iterable[Entity]) -> Iterator[str]:
        """What connectors call the documents, and their content: neither may come in again by itself."""
        for entity in entities:
            if isinstance(entity, Alias) and entity.target.startswith("doc") and not entity.id.startswith(FORGOTTEN):
                yield entity.id
            elif isinstance(entity, Document) and entity.blob:
                yield f"blob:{entity.blob}"


def _content(entity: Memory | Document) -> str:
    if isinstance(entity, Document):
        return f"blob:{entity.blob}" if entity.blob else ""
    return "" if entity.document or entity.forgotten else f"text:{text_hash(entity.text)}"


def _counts(entities: Iterable[Entity], events: int) -> dict[str, int]:
    counts: dict[str, int] = {"event": events}
    for entity in entities:
        counts[entity.kind] = counts.get(entity.kind, 0) + 1
    return dict(sorted(counts.items()))


def _texts(entities: Iterable[Entity]) -> Iterator[str]:
    for entity in entities:
        if isinstance(entity, Memory | Document):
            yield entity.text


def _shown(entity: Entity) -> Plain:
    title = {Memory: "title", Document: "title", Run: "playbook", Action: "summary", Fact: "id"}[type(entity)]
    return {"entity": f"{entity.kind}:{entity.id}", "title": str(getattr(entity, title))[:120]}
