"""One command being decided: what it reads, the events it emits, the state it leaves.

A `Turn` is the only way to emit. Each event is applied to the draft at once, so that the rest of the
decision sees its effect, and folding the same events over the same state gives the same state again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR, Labels

from .commit import Commit
from .entities import Counter, Entity, Plain
from .table import Draft, E, Table

Applier = Callable[[Draft, Event], None]


class Env(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision may know besides state and command; a recording of it makes replay exact."""

    now_us: int
    chance: float = 0.5  # [0, 1): for jitter.
    last_us: int = 0  # When the last event of the log happened, by the same clock; 0: not told.


class Turn:
    """The decision of one command."""

    def __init__(
        self, table: Table, env: Env, appliers: dict[str, Applier], *, head: int, actor: str, cause: str | None
    ) -> None:
        self.draft = Draft(table)
        self.env = env
        self.actor = actor
        self.cause = cause
        self._appliers = appliers
        self._head = head
        self.events: list[Event] = []
        self._touched: list[tuple[str, ...]] = []
        self._kept: dict[tuple[str, str, int], Entity] = {}

    @property
    def seq(self) -> int:
        """Sequence of the last event so far."""
        return self._head + len(self.events)

    def emit(
        self, kind: str, body: Plain, *, run: str | None = None, labels: Labels = OPERATOR, actor: str | None = None,
        cause: str | None = None,
    ) -> Event:  # fmt: skip
        """Record that something happened, and make it so in the draft."""
        seq = self.seq + 1
        event = Event(
            seq=seq,
            id=f"e{seq}",
            at_us=self.env.now_us,
            kind=kind,
            actor=actor or self.actor,
            body=body,
            run=run,
            cause=cause or self.cause,
            labels=labels,
        )
        self._appliers[kind](self.draft, event)
        self.events.append(event)
        self._touched.append(self.draft.take_touched())
        return event

    def number(self, prefix: str, *, count: int = 1) -> int:
        """Return the next free number for ids of this prefix. `take_number` in the applier takes it."""
        counter = self.draft.get(Counter, prefix)
        return (counter.value if counter else 0) + count

    def keep(self, versions: Iterable[Entity]) -> None:
        """Have these versions kept, should a later event of this turn change them: an event refers to them."""
        self._kept |= {(one.kind, one.id, one.seq): one for one in versions}

    def commit(self) -> Commit:
        last = self.draft.puts
        written = {event.seq for event in self.events}
        kept = [one for one in self._kept.values() if one.seq in written and last[one.kind, one.id].seq != one.seq]
        return Commit(
            events=tuple(self.events),
            touched=tuple(self._touched),
            puts=(*sorted(kept, key=lambda one: one.seq), *last.values()),
            links=tuple(self.draft.links),
            unlinks=tuple(self.draft.unlinks),
        )


def named(draft: Draft, cls: type[E], event: Event) -> E:
    """The entity that the event's `id` names."""
    entity = draft.get(cls, str(event.body["id"]))
    assert entity is not None, f"{event.kind} names one that exists"
    return entity


def take_number(draft: Draft, id: str, seq: int) -> None:
    """Mark the number in an id such as `m12` as given, so that no later id repeats it.

    Ids that a caller chose and that do not look like `prefix` + number are none of our business.
    """
    prefix = id.rstrip("0123456789")
    digits = id[len(prefix) :]
    if not digits or len(digits) > 15:
        return
    counter = draft.get(Counter, prefix)
    if counter is None or counter.value < int(digits):
        draft.puts["counter", prefix] = Counter(id=prefix, value=int(digits), seq=seq)


def strings(value: object) -> tuple[str, ...]:
    """Return the strings of a plain list, dropping what is none."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, Iterable) else ()
