"""What changed between two positions, found by walking the events between them and nothing else.

Each event is folded once more over the state as it was, which tells what it concerned, whatever its kind. So a new
kind of event needs nothing here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.entities import Entity, Plain
from ..core.kernel import fold
from ..core.table import Draft
from ..store.api import Store
from .past_table import PastTable

E = TypeVar("E", bound=Entity)

EVENTS_MAX = 1_000_000  # Between two positions that are compared.
SLICE = 100  # Events looked at before others get their turn.
HELD_MAX = 5_000  # Entities that the walk holds; then it reads them anew.

log = logging.getLogger("quarterdeck.changes")


class Touch(msgspec.Struct):
    """What happened to one entity: the last event that concerned it, and how many did."""

    event: str
    kind: str
    seq: int
    at_us: int
    actor: str
    run: str
    reason: str
    events: int = 1
    by_scope: bool = False  # Whether one of them belongs to the scope that was asked for.

    @classmethod
    def of(cls, event: Event) -> Touch:
        return cls(
            event=event.id,
            kind=event.kind,
            seq=event.seq,
            at_us=event.at_us,
            actor=event.actor,
            run=event.run or "",
            reason=str(event.body.get("reason") or ""),
        )


class Scope(msgspec.Struct, frozen=True):
    """Whose events count. kind: `workspace`, `run`, `agent`, `rewind`, or the kind of a record."""

    kind: str = "workspace"
    id: str = ""

    @property
    def by_author(self) -> bool:
        return self.kind in ("run", "agent", "rewind")

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


WORKSPACE = Scope()


async def changes_between(
    store: Store, a: int, b: int, scope: Scope = WORKSPACE, *, kinds: frozenset[str] | None = None
) -> dict[str, Touch]:
    """Return what the events after `a` up to `b` concerned, by `kind:id`, in the order in which it first came up.

    Raises QuarterdeckError `out_of_range` when too much lies between.
    """
    if b - a > EVENTS_MAX:
        raise QuarterdeckError(
            "out_of_range", f"{b - a:,} events lie between {a} and {b}", hint=f"At most {EVENTS_MAX:,}: go nearer."
        )
    found: dict[str, Touch] = {}
    draft = Draft(PastTable(store, a))
    previous: Event | None = None
    for count, event in enumerate(store.events(after=a, before=b + 1), start=1):
        if previous is not None and len(draft.puts) > HELD_MAX and event.at_us != previous.at_us:
            draft = Draft(PastTable(store, previous.seq))
        ours = authored(store, event, scope)
        for name in _concerned(draft, event):
            if kinds is None or name.partition(":")[0] in kinds:
                _note(found, name, event, ours)
        draft.links.clear()
        draft.unlinks.clear()
        previous = event
        if count % SLICE == 0:
            await asyncio.sleep(0)
    return found


def authored(store: Store, event: Event, scope: Scope) -> bool:
    """Whether the event was written by the run, agent or rewind of the scope. A wider scope owns all events."""
    if scope.kind == "run":
        return event.run == scope.id
    if scope.kind == "agent":
        return agent_of(store, event) == scope.id
    return scope.kind != "rewind" or event.body.get("rewind") == scope.id


def agent_of(store: Store, event: Event) -> str:
    """The agent whose answer led to the event, "" when none did.

    What an answer brings (facts, say) is recorded before the step's own event, in one command, at one time.
    """
    at: Event | None = event
    while at is not None and at.run == event.run and at.at_us == event.at_us:
        if at.actor.startswith("agent:"):
            return at.actor.removeprefix("agent:")
        if event.run is None or at.kind.startswith("step."):
            return ""
        at = store.event(at.seq + 1)
    return ""


def by_rewind(store: Store, entity: Entity) -> bool:
    """Whether a rewind wrote this version."""
    event = store.event(entity.seq)
    return event is not None and "rewind" in event.body


def _concerned(draft: Draft, event: Event) -> tuple[str, ...]:
    try:
        return fold(draft, event)
    except (AssertionError, KeyError, ValueError, TypeError, msgspec.MsgspecError, QuarterdeckError) as error:
        # Its content was forgotten, or the walk began inside of a command: what it names is all there is to know.
        log.debug("event %d (%s) is not folded: %s", event.seq, event.kind, error)
        draft.take_touched()
        return tuple(_named(event))


NAMES: dict[str, str] = {"document": "document", "action": "action", "run": "run"}


def _named(event: Event) -> Iterator[str]:
    noun = event.kind.partition(".")[0]
    body: Plain = event.body
    if isinstance(body.get("id"), str):
        yield f"{noun}:{body['id']}"
    for field, kind in NAMES.items():
        if isinstance(body.get(field), str):
            yield f"{kind}:{body[field]}"
    if isinstance(body.get("kind"), str) and isinstance(body.get("key"), str):
        yield f"fact:{body['kind']}/{body['key']}"


def _note(found: dict[str, Touch], name: str, event: Event, ours: bool) -> None:
    known = found.get(name)
    touch = found[name] = Touch.of(event)
    touch.events = known.events + 1 if known else 1
    touch.by_scope = ours or (known is not None and known.by_scope)
