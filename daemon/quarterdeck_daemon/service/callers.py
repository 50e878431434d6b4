"""Callers: every request is served within the scope of who asked, whichever handler serves it.

Owns     who is being served by the present task, and the store that the handlers get: as that caller may see it.
Promises no handler can forget the scope; what a caller asked for by name and may not see is answered `forbidden` and
         recorded, what it merely came across is not there for it.
Leaves   the rules to core/scopes.py and store/scoped.py, what is declared to service/grants.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.commands import Command, NoteRefusal
from ..core.commit import Commit
from ..core.declared import ReadScope
from ..core.entities import Entity, Link
from ..core.scopes import UNBOUND, OutOfScope, declared_for
from ..recall.api import Question
from ..recall.narrowing import narrowed
from ..store.api import Head, Removal, Removed, Step, Store, Verification
from ..store.scoped import ScopedStore
from .rpc import Asked, Handler

E = TypeVar("E", bound=Entity)
REFUSED_MAX = 100  # Of one request.


@dataclass
class Caller:
    """Somebody who is being served, and what was hidden from them so far."""

    who: str
    scope: ReadScope
    store: ScopedStore
    refused: list[OutOfScope] = field(default_factory=list)


_SERVED: ContextVar[Caller | None] = ContextVar("caller", default=None)


@contextmanager
def serving(store: Store, who: str) -> Iterator[Caller | None]:
    """Serve this caller in the present task; the operator and the kernel's own parts see everything."""
    if who in UNBOUND:
        yield None
        return
    scope = declared_for(store, who).read
    refused: list[OutOfScope] = []

    def note(refusal: OutOfScope) -> None:
        if len(refused) < REFUSED_MAX:
            refused.append(refusal)

    caller = Caller(who, scope, ScopedStore(store, scope, who, refused=note), refused)
    token = _SERVED.set(caller)
    try:
        yield caller
    finally:
        _SERVED.reset(token)


def as_caller(question: Question) -> Question | None:
    """The question as whoever is being served may ask it; None when nothing could answer it."""
    caller = _SERVED.get()
    return question if caller is None else narrowed(question, caller.scope)


Execute = Callable[..., Awaitable[object]]


def guarded(store: Store, execute: Execute, handler: Handler) -> Handler:
    """Return a handler that serves within the caller's scope. execute: of the engine, for recording refusals."""

    async def serve(asked: Asked, params: object) -> object:
        with serving(store, asked.actor) as caller:
            try:
                return await handler(asked, params)
            except OutOfScope as refusal:
                await execute(_noted(refusal), actor="kernel")
                raise
            except QuarterdeckError as error:
                if caller is None or error.code != "not_found" or not caller.refused:
                    raise
                hidden = caller.refused[-1]
                await execute(_noted(hidden), actor="kernel")
                raise hidden from error

    return serve


def _noted(refusal: OutOfScope) -> Command:
    return NoteRefusal(who=refusal.who, entity=refusal.entity, rule=refusal.rule, verb=refusal.verb)


class CallerStore:
    """The store as whoever is being served may see it; for everybody else it is the store itself."""

    def __init__(self, store: Store) -> None:
        self._whole = store

    @property
    def _store(self) -> Store:
        caller = _SERVED.get()
        return self._whole if caller is None else caller.store

    @property
    def head(self) -> Head:
        return self._whole.head

    @property
    def epoch(self) -> int:
        return self._whole.epoch

    def get(self, cls: type[E], id: str, *, as_of: int | None = None) -> E | None:
        return self._store.get(cls, id, as_of=as_of)

    def live(self, cls: type[E], mark: str = "") -> Iterator[E]:
        return self._store.live(cls, mark)

    def named(self, cls: type[E], name: str) -> Iterator[E]:
        return self._store.named(cls, name)

    def scan(
        self,
        cls: type[E],
        *,
        prefix: str = "",
        after: str | None = None,
        reverse: bool = False,
        as_of: int | None = None,
    ) -> Iterator[E]:
        return self._store.scan(cls, prefix=prefix, after=after, reverse=reverse, as_of=as_of)

    def history(self, cls: type[E], id: str) -> list[E]:
        return self._store.history(cls, id)

    def event(self, seq: int) -> Event | None:
        return self._store.event(seq)

    def events(self, *, after: int = 0, before: int | None = None, reverse: bool = False) -> Iterator[Event]:
        return self._store.events(after=after, before=before, reverse=reverse)

    def events_of(self, entity: str, *, after: int = 0, reverse: bool = False) -> Iterator[Event]:
        return self._store.events_of(entity, after=after, reverse=reverse)

    def verify(self, *, after: int = 0) -> Verification:
        return self._store.verify(after=after)

    def seal(self, purpose: bytes, value: bytes) -> bytes:
        return self._store.seal(purpose, value)

    def links_from(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._store.links_from(entity, relation)

    def links_to(self, entity: str, relation: str | None = None) -> list[Link]:
        return self._store.links_to(entity, relation)

    def put_blob(self, data: bytes) -> str:
        return self._store.put_blob(data)

    def get_blob(self, hash: str) -> bytes | None:
        return self._store.get_blob(hash)

    def drop_blobs(self, names: Iterable[str], *, unused_s: float = 0.0) -> list[str]:
        return self._store.drop_blobs(names, unused_s=unused_s)

    def unsealed(self, events: Iterable[int]) -> list[int]:
        return self._store.unsealed(events)

    def erase(self, removal: Removal) -> Removed:
        return self._store.erase(removal)

    def erasing(self, removal: Removal) -> Iterable[Step]:
        return self._store.erasing(removal)

    def scour(self) -> None:
        self._store.scour()

    def state_hash(self, *, without: frozenset[str] = frozenset()) -> str:
        return self._store.state_hash(without=without)

    def append(self, commits: Sequence[Commit], *, reserve: bool = False) -> None:
        self._store.append(commits, reserve=reserve)

    def sync(self) -> None:
        self._store.sync()

    def close(self) -> None:
        self._store.close()
