"""A store as one party may see it: the whole reading side of a store behind a declared scope.

    get                    of what is out of scope raises OutOfScope, or hides it and tells `refused` (a quiet store)
    live, named, scan      never yield it                  history    versions in scope, of what is in scope today
    links                  with both ends in scope         blobs      of documents that were read through this store
    event, events          what happened stays, but its content is HIDDEN when it is about something out of scope

What became more secret later is hidden in the past too: a version is seen only while the present one may be.
Writing is the engine's alone, so a scoped store refuses it; what may be written is decided in core/scopes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NoReturn, TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import SENSITIVITY_ORDER

from ..core.commit import Commit
from ..core.declared import ReadScope
from ..core.entities import ENTITIES, Document, Entity, Link
from ..core.scopes import OutOfScope, rule_against
from ..core.shown import Versions
from ..core.subjects import subject_of
from .api import Head, Removal, Removed, Step, Store, Verification

HIDDEN: Final[dict[str, object]] = {"hidden": "out of scope"}
ANSWERED: Final = "request.answered"
BLOBS_MAX: Final = 10_000  # Documents whose bytes may be fetched after they were read.
E = TypeVar("E", bound=Entity)


def versions_of(store: Store) -> Versions:
    """How the versions that a step was shown are found again; see core/shown.py."""

    def version(cls: type[Entity], id: str, seq: int) -> Entity | None:
        present = store.get(cls, id)  # Often it is still the same, and at hand.
        return present if present is not None and present.seq == seq else store.get(cls, id, as_of=seq)

    return version


class ScopedStore:
    """Reads of `store` through `scope`. With `refused`, `get` hides instead of raising, and says what it hid."""

    def __init__(
        self, store: Store, scope: ReadScope, who: str, *, refused: Callable[[OutOfScope], None] | None = None
    ) -> None:
        self._store = store
        self._scope = scope
        self._who = who
        self._refused = refused
        self._blobs: set[str] = set()

    @property
    def head(self) -> Head:
        return self._store.head

    @property
    def epoch(self) -> int:
        return self._store.epoch

    # --- state ---

    def get(self, cls: type[E], id: str, *, as_of: int | None = None) -> E | None:
        """Return the entity, None when there is none. Raises OutOfScope unless this store is a quiet one."""
        entity = self._store.get(cls, id, as_of=as_of)
        if entity is None:
            return None
        rule = self._rule(entity, past=as_of is not None)
        if not rule:
            return self._seen(entity)
        refusal = OutOfScope(self._who, f"{entity.kind}:{entity.id}", rule)
        if self._refused is None:
            raise refusal
        self._refused(refusal)
        return None

    def live(self, cls: type[E], mark: str = "") -> Iterator[E]:
        return (self._seen(entity) for entity in self._store.live(cls, mark) if not self._rule(entity))

    def named(self, cls: type[E], name: str) -> Iterator[E]:
        return (self._seen(entity) for entity in self._store.named(cls, name) if not self._rule(entity))

    def scan(
        self,
        cls: type[E],
        *,
        prefix: str = "",
        after: str | None = None,
        reverse: bool = False,
        as_of: int | None = None,
    ) -> Iterator[E]:
        found = self._store.scan(cls, prefix=prefix, after=after, reverse=reverse, as_of=as_of)
        return (self._seen(entity) for entity in found if not self._rule(entity, past=as_of is not None))

    def history(self, cls: type[E], id: str) -> list[E]:
        present = self._store.get(cls, id)
        if present is not None and self._rule(present):
            return []
        return [version for version in self._store.history(cls, id) if not self._rule(version)]

    def _rule(self, entity: Entity, *, past: bool = False) -> str:
        """What hides the entity: as it was, or, of the past, as it is today."""
        rule = rule_against(self._scope, entity)
        present = self._store.get(type(entity), entity.id) if past and not rule else None
        return rule if present is None else rule_against(self._scope, present)

    def _seen(self, entity: E) -> E:
        if isinstance(entity, Document) and len(self._blobs) < BLOBS_MAX:
            self._blobs.add(entity.blob)
        return entity

    def _visible(self, name: str, at: int | None = None) -> bool:
        """Whether what `kind:id` names may be seen, today and as it was at that position; what is not there hides nothing."""
        kind, _, id = name.partition(":")
        if kind not in ENTITIES:
            return True
        entity = self._store.get(ENTITIES[kind], id)
        then = self._store.get(ENTITIES[kind], id, as_of=at) if at is not None else None
        return not any(one is not None and self._rule(one) for one in (entity, then))

    # --- log ---

    def event(self, seq: int) -> Event | None:
        event = self._store.event(seq)
        return None if event is None else self.shown(event)

    def events(self, *, after: int = 0, before: int | None = None, reverse: bool = False) -> Iterator[Event]:
        return map(self.shown, self._store.events(after=after, before=before, reverse=reverse))

    def events_of(self, entity: str, *, after: int = 0, reverse: bool = False) -> Iterator[Event]:
        if not self._visible(entity):
            return iter(())
        return map(self.shown, self._store.events_of(entity, after=after, reverse=reverse))

    def shown(self, event: Event) -> Event:
        """The event, without its content when that is out of scope: so that the log has no holes."""
        secret = SENSITIVITY_ORDER[event.labels.sensitivity] > SENSITIVITY_ORDER[self._scope.sensitivity]
        secret = secret or event.kind == ANSWERED  # What somebody else was told.
        subject = subject_of(event)
        names = (*_named(event), *((subject,) if subject is not None else ()))
        if not secret and all(self._visible(name, event.seq) for name in names):
            return event
        return msgspec.structs.replace(event, body=dict(HIDDEN))

    def verify(self, *, after: int = 0) -> Verification:
        return self._store.verify(after=after)

    def seal(self, purpose: bytes, value: bytes) -> bytes:
        return self._store.seal(purpose, value)

    # --- graph, blobs ---

    def links_from(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._ends(self._store.links_from(entity, relation))

    def links_to(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._ends(self._store.links_to(entity, relation))

    def _ends(self, links: list[Link]) -> list[Link]:
        return [link for link in links if self._visible(link.source) and self._visible(link.target)]

    def get_blob(self, hash: str) -> bytes | None:
        """The bytes of a document that was read through this store; None for any other hash."""
        return self._store.get_blob(hash) if hash in self._blobs else None

    def unsealed(self, events: Iterable[int]) -> list[int]:
        return self._store.unsealed(events)

    def state_hash(self, *, without: frozenset[str] = frozenset()) -> str:
        return self._store.state_hash(without=without)

    # --- writing: not here ---

    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        self._no_writing()

    def sync(self) -> None:
        self._no_writing()

    def put_blob(self, data: bytes) -> str:
        """Bytes have no scope of their own; the document that names them has."""
        return self._store.put_blob(data)

    def drop_blobs(self, names: Iterable[str], *, unused_s: float = 0.0) -> list[str]:
        self._no_writing()

    def erase(self, removal: Removal) -> Removed:
        self._no_writing()

    def erasing(self, removal: Removal) -> Iterable[Step]:
        self._no_writing()

    def scour(self) -> None:
        self._no_writing()

    def close(self) -> None:
        self._no_writing()

    def _no_writing(self) -> NoReturn:
        raise QuarterdeckError("forbidden", f"{self._who} may not write to the store itself")


def _named(event: Event) -> Iterator[str]:
    """Entities that the body speaks of by name: what was refused, linked, read or made from."""
    for field in ("entity", "source", "target"):
        value = event.body.get(field)
        if isinstance(value, str) and ":" in value:
            yield value
    for field in ("sources", "made_from", "about"):
        values = event.body.get(field)
        if isinstance(values, list | tuple):
            yield from (value for value in values if isinstance(value, str))
