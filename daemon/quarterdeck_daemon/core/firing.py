"""What is done when a schedule's time has come, or its news: a run begins, waits for the one before, or is left out.

All that is decided stands in the log with the time it was due for, on the wall of its zone. A time is dealt with once:
`last_us` of the schedule only grows, so a clock that is set back brings nothing again. After a sleep, or a clock that
jumped forward, the policy for missed times says what is made up for; never more than its stated maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels, join

from ..almanac.rule import between, latest
from ..almanac.zones import text_of, zone_of
from .alerts import raise_alert, settle_topic
from .entities import Plain, Run, Schedule, Stop, Watch
from .expressions import Unanswerable, holds, resolve
from .lookup import find
from .news import TELLERS, News
from .pinned import find_playbook
from .playbook import check_inputs, parse_playbook
from .runs import begin_run
from .schedules import ahead
from .scopes import COMMONS
from .turn import Turn

LATE_US: Final = 60_000_000  # Up to here it is on time; a machine under load is no machine asleep.
LOOKED_MAX: Final = 1_000  # Missed times that are counted one by one; beyond it is said that there are more.
QUEUED_MAX: Final = 20
AT_ONCE_MAX: Final = 20  # Living runs of one schedule, with overlap `allow`, that follows the clock.
CHAIN_MAX: Final = 8  # Runs of which one follows from the other.

Ahead = dict[str, int | None]


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One run that is to begin. made_up: its time was missed.  times: what the event says about the times to come."""

    nominal_us: int
    labels: Labels
    inputs: Plain = {}
    event: int = 0
    namespace: str = ""
    chain: int = 0
    made_up: bool = False
    from_queue: bool = False
    times: Ahead = {}


# --- by the clock ---------------------------------------------------------------------------------


def wake(turn: Turn, schedule: Schedule) -> None:
    """Deal with all of its times that have come, unless it is not its turn yet."""
    now_us = turn.env.now_us
    due_us, wake_us = schedule.next_us, schedule.wake_us
    if not schedule.live or due_us is None or wake_us is None or wake_us > now_us or _stopped(turn):
        return
    due, more = between(schedule.rule, due_us - 1, now_us, limit=LOOKED_MAX)
    last_us = latest(schedule.rule, due_us - 1, now_us, count=1)[-1]
    on_time = now_us - max(last_us, wake_us) <= LATE_US
    chosen = _chosen(schedule, due_us, on_time=on_time, now_us=now_us)
    times: Ahead = {**ahead(turn, schedule, max(now_us, last_us)), "last_us": last_us}
    if missed := len(due) - len(chosen):
        _note_missed(turn, schedule, due, missed, more=more, times=times)
    for at_us in chosen:
        made_up = not (on_time and at_us == last_us)
        launch = Launch(nominal_us=at_us, labels=schedule.labels, made_up=made_up, times=times)
        _launch(turn, find(turn, Schedule, schedule.id), launch)


def _chosen(schedule: Schedule, due_us: int, *, on_time: bool, now_us: int) -> list[int]:
    """The times for which a run begins, by the policy for missed ones. A run on time makes up for `once`."""
    if schedule.missed == "skip" and not on_time:
        return []
    count = schedule.missed_max if schedule.missed == "all" else 1
    return latest(schedule.rule, due_us - 1, now_us, count=count)


def _note_missed(turn: Turn, schedule: Schedule, due: list[int], count: int, *, more: bool, times: Ahead) -> None:
    zone = zone_of(schedule.rule.zone)
    body: Plain = {
        "id": schedule.id,
        "count": count,
        "more": more,
        "first": text_of(due[0], zone),
        "first_us": due[0],
        "policy": schedule.missed,
        **times,
    }
    turn.emit("schedule.missed", body, labels=schedule.labels)


def _stopped(turn: Turn) -> bool:
    stop = turn.draft.get(Stop, "stop")
    return stop is not None and stop.engaged


# --- by news --------------------------------------------------------------------------------------


def hear(turn: Turn, event: Event) -> None:
    """Something happened: begin the runs that wait for such news."""
    for name in HEARD[event.kind]:
        watch = turn.draft.get(Watch, name)
        if watch is None or not watch.schedules:
            continue
        news = TELLERS[name][1](turn.draft, event)
        for id in watch.schedules if news is not None else ():
            schedule = turn.draft.get(Schedule, id)
            if schedule is not None and schedule.live and news is not None:
                _hear_one(turn, schedule, event, news)


def _hear_one(turn: Turn, schedule: Schedule, event: Event, news: News) -> None:
    if schedule.namespace != COMMONS and news.namespace not in (schedule.namespace, COMMONS):
        return  # What happens in one namespace begins nothing in another.
    launch = Launch(nominal_us=event.at_us, labels=join((schedule.labels, event.labels)), event=event.seq)
    values: Plain = {**news.values, "event": {"kind": event.kind, "seq": event.seq}}
    try:
        if not holds(schedule.rule.when or "true", values):
            return
        inputs = _filled(turn, schedule, values, launch.nominal_us, news.ids)
    except (Unanswerable, QuarterdeckError) as error:
        _refuse(turn, schedule, launch, str(error))
        return
    chain = _chain(turn, event)
    if chain > CHAIN_MAX:
        reason = f"{CHAIN_MAX} runs have followed from one another; this would be a circle"
        _skip(turn, schedule, launch, reason)
        _warn(
            turn, schedule, "schedule.circle", f"the schedule {schedule.id} goes no further: {reason}", launch.labels
        )
        return
    namespace = news.namespace if schedule.namespace == COMMONS else schedule.namespace
    _launch(turn, schedule, msgspec.structs.replace(launch, inputs=inputs, namespace=namespace, chain=chain))


def _chain(turn: Turn, event: Event) -> int:
    run = turn.draft.get(Run, event.run) if event.run else None
    return run.chain + 1 if run is not None else 0


def _filled(turn: Turn, schedule: Schedule, values: Plain, nominal_us: int, ids: dict[str, str]) -> Plain:
    """The inputs with `${…}` filled in; those left open take an id of the news that has their name."""
    text = text_of(nominal_us, zone_of(schedule.rule.zone))
    own: Plain = {"id": schedule.id, "at": text, "date": text[:10], "time": text[11:16]}
    filled = resolve(schedule.inputs, {**values, "schedule": own})
    assert isinstance(filled, dict), "a map stays a map"
    if not ids:
        return filled
    playbook = parse_playbook(find_playbook(turn, schedule.playbook).text)
    return {**{name: id for name, id in ids.items() if name in playbook.inputs}, **filled}


# --- a run begins, or not -------------------------------------------------------------------------


def _launch(turn: Turn, schedule: Schedule, launch: Launch) -> None:
    """With `missed: all` nothing is left out: what would be, waits its turn."""
    living = _living(turn, schedule)
    queues = schedule.overlap == "queue" or (schedule.overlap == "skip" and schedule.missed == "all")
    if (living or schedule.queued) and queues:
        _queue(turn, schedule, launch)
    elif living and schedule.overlap == "skip":
        _skip(turn, schedule, launch, f"{living[0]} of the time before still lives")
    elif len(living) >= AT_ONCE_MAX and not launch.event:
        _skip(turn, schedule, launch, f"{len(living)} runs of it live already")
    else:
        _begin(turn, schedule, launch, living)


def _living(turn: Turn, schedule: Schedule) -> list[str]:
    runs = [turn.draft.get(Run, id) for id in schedule.runs]
    return [run.id for run in runs if run is not None and run.live]


def _begin(turn: Turn, schedule: Schedule, launch: Launch, living: list[str]) -> None:
    try:
        asset = find_playbook(turn, schedule.playbook)
        playbook = parse_playbook(asset.text)
        given = launch.inputs if launch.event else _filled(turn, schedule, {}, launch.nominal_us, {})
        inputs = check_inputs(playbook, given)
    except (Unanswerable, QuarterdeckError) as error:
        _refuse(turn, schedule, launch, str(error))
        return
    run = f"r{turn.number('r')}"
    body = _body(schedule, launch) | {"run": run, "runs": [*living, run]}
    late_us = turn.env.now_us - launch.nominal_us
    fired = turn.emit("schedule.fired", body | {"late_ms": max(0, late_us // 1000)}, labels=launch.labels)
    settle_topic(turn, f"schedule.refused/{schedule.id}", f"{run} began")
    begin_run(
        turn, run, playbook, asset.hash, inputs, launch.labels, namespace=launch.namespace or schedule.namespace,
        origin=f"schedule:{schedule.id}", objective=schedule.objective, chain=launch.chain,
        priority=schedule.priority, cause=fired.id,
    )  # fmt: skip


def _skip(turn: Turn, schedule: Schedule, launch: Launch, reason: str) -> None:
    turn.emit("schedule.skipped", _body(schedule, launch) | {"reason": reason}, labels=launch.labels)


def _queue(turn: Turn, schedule: Schedule, launch: Launch) -> None:
    if len(schedule.queued) >= QUEUED_MAX:
        _skip(turn, schedule, launch, f"{QUEUED_MAX} of it wait already")
        return
    body = _body(schedule, launch) | {"inputs": launch.inputs, "namespace": launch.namespace, "chain": launch.chain}
    turn.emit("schedule.queued", body, labels=launch.labels)


def _refuse(turn: Turn, schedule: Schedule, launch: Launch, reason: str) -> None:
    turn.emit("schedule.refused", _body(schedule, launch) | {"reason": reason[:500]}, labels=launch.labels)
    text = f"the schedule {schedule.id} could not start {schedule.playbook}: {reason}"
    _warn(turn, schedule, "schedule.refused", text, launch.labels)


def _warn(turn: Turn, schedule: Schedule, topic: str, text: str, labels: Labels) -> None:
    hint = f"See it: quarterdeck schedules show {schedule.id}"
    about = (f"schedule:{schedule.id}",)
    raise_alert(turn, "warning", f"{topic}/{schedule.id}", text, hint=hint, about=about, labels=labels)


def _body(schedule: Schedule, launch: Launch) -> Plain:
    body: Plain = {
        "id": schedule.id,
        "playbook": schedule.playbook,
        "nominal_us": launch.nominal_us,
        "wall": text_of(launch.nominal_us, zone_of(schedule.rule.zone)),
        "zone": schedule.rule.zone,
        **launch.times,
    }
    body |= {"made_up": True} if launch.made_up else {}
    body |= {"event": launch.event} if launch.event else {}
    return body | ({"from_queue": True} if launch.from_queue else {})


def go_on(turn: Turn, event: Event) -> None:
    """A run has ended: the next one that waited for that begins."""
    run = turn.draft.get(Run, event.run or "")
    kind, _, id = run.origin.partition(":") if run is not None else ("", "", "")
    schedule = turn.draft.get(Schedule, id) if kind == "schedule" else None
    if schedule is not None:
        begin_next(turn, schedule)


def begin_next(turn: Turn, schedule: Schedule) -> None:
    if schedule.removed or schedule.paused or not schedule.queued or _living(turn, schedule):
        return
    first = schedule.queued[0]
    launch = Launch(
        nominal_us=first.at_us,
        labels=first.labels,
        inputs=first.inputs,
        event=first.event,
        namespace=first.namespace,
        chain=first.chain,
        from_queue=True,
    )
    _begin(turn, schedule, launch, [])


def resumed(turn: Turn, event: Event) -> None:
    begin_next(turn, find(turn, Schedule, str(event.body["id"])))


HEARD: dict[str, tuple[str, ...]] = {
    kind: tuple(name for name, (kinds, _) in TELLERS.items() if kind in kinds)
    for kinds, _ in TELLERS.values()
    for kind in kinds
}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    **dict.fromkeys(HEARD, hear),
    "schedule.resumed": resumed,
}
ENDINGS: dict[str, Callable[[Turn, Event], None]] = {"run.ended": go_on, "run.cancelled": go_on}
"""Follows before `FOLLOW`: what waited goes before what the ending itself begins."""
