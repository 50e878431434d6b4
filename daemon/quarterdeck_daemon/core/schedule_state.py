"""How events change schedules, and the index of those that wait for a kind of event."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.events import Event

from .entities import Plain, Queued, Schedule, Watch
from .objective_parts import move_part
from .table import Draft
from .turn import Applier, named, strings, take_number

replace = msgspec.structs.replace


def _put(draft: Draft, event: Event) -> None:
    schedule = msgspec.convert({**event.body, "seq": event.seq, "labels": event.labels}, Schedule)
    before = draft.get(Schedule, schedule.id)
    move_part(draft, f"schedule:{schedule.id}", before.objective if before else "", schedule.objective, event.seq)
    if before is None:
        take_number(draft, schedule.id, event.seq)
    _keep(draft, schedule, event.seq)


def _steered(draft: Draft, event: Event) -> None:
    """Paused, resumed, removed: the fields of the body that are fields of a schedule."""
    known = named(draft, Schedule, event)
    fields = {name: value for name, value in event.body.items() if name in _STEERED}
    _keep(draft, replace(known, seq=event.seq, **fields), event.seq)


_STEERED = frozenset(("paused", "removed", "next_us", "wake_us", "last_us", "over"))


def _keep(draft: Draft, schedule: Schedule, seq: int) -> None:
    if schedule.removed:
        schedule = replace(schedule, queued=())
    draft.put(schedule)
    if schedule.rule.kind != "after":
        for watch in [one for one in draft.scan(Watch) if schedule.id in one.schedules]:
            draft.puts["watch", watch.id] = _without(watch, schedule.id, seq)
        return
    for watch in list(draft.scan(Watch)):
        if schedule.id in watch.schedules and (watch.id != schedule.rule.text or not schedule.live):
            draft.puts["watch", watch.id] = _without(watch, schedule.id, seq)
    if schedule.live:
        present = draft.get(Watch, schedule.rule.text) or Watch(id=schedule.rule.text, schedules=())
        if schedule.id not in present.schedules:
            ids = tuple(sorted((*present.schedules, schedule.id)))
            draft.puts["watch", present.id] = replace(present, seq=seq, schedules=ids)


def _without(watch: Watch, id: str, seq: int) -> Watch:
    return replace(watch, seq=seq, schedules=tuple([one for one in watch.schedules if one != id]))


def _fired(draft: Draft, event: Event) -> None:
    known = _ahead(draft, event)
    queued = known.queued[1:] if event.body.get("from_queue") else known.queued
    runs = strings(event.body["runs"])
    draft.put(replace(known, fired=known.fired + 1, runs=runs, queued=queued, refused=""))


def _missed(draft: Draft, event: Event) -> None:
    known = _ahead(draft, event)
    draft.put(replace(known, missed_count=known.missed_count + int(str(event.body["count"]))))


def _queued(draft: Draft, event: Event) -> None:
    known = _ahead(draft, event)
    entry = msgspec.convert(event.body, _Entry)
    queued = Queued(
        at_us=entry.nominal_us,
        event=entry.event,
        inputs=entry.inputs,
        labels=event.labels,
        namespace=entry.namespace,
        chain=entry.chain,
    )
    draft.put(replace(known, queued=(*known.queued, queued)))


class _Entry(msgspec.Struct):
    nominal_us: int
    event: int = 0
    inputs: Plain = {}
    namespace: str = ""
    chain: int = 0


def _refused(draft: Draft, event: Event) -> None:
    known = _ahead(draft, event)
    queued = known.queued[1:] if event.body.get("from_queue") else known.queued
    draft.put(replace(known, refused=str(event.body["reason"]), queued=queued))


def _ahead(draft: Draft, event: Event) -> Schedule:
    """Put and return the schedule with the times of the body: what is next, and what has been dealt with."""
    known = named(draft, Schedule, event)
    body = msgspec.convert(event.body, _Times)
    if body.last_us is not None:
        known = replace(
            known, next_us=body.next_us, wake_us=body.wake_us, last_us=max(known.last_us, body.last_us),
            over=known.rule.kind != "after" and body.next_us is None,
        )  # fmt: skip
    known = replace(known, seq=event.seq)
    draft.put(known)
    return known


class _Times(msgspec.Struct):
    """last_us: None when the event says nothing about times, as of what follows from an event."""

    last_us: int | None = None
    next_us: int | None = None
    wake_us: int | None = None


APPLY: dict[str, Applier] = {
    "schedule.put": _put,
    "schedule.paused": _steered,
    "schedule.resumed": _steered,
    "schedule.removed": _steered,
    "schedule.fired": _fired,
    "schedule.missed": _missed,
    "schedule.skipped": lambda draft, event: draft.put(_ahead(draft, event)),
    "schedule.queued": _queued,
    "schedule.refused": _refused,
}
