"""Schedules: made, changed, paused and removed; by the operator, or by a playbook's file.

Owns     what a schedule may say, and the time at which it is looked at next.
Leaves   when rules happen to almanac/, what is done when that time has come to firing.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..almanac.rule import Rule, merged, next_after
from ..almanac.window import opening, window_of
from ..almanac.zones import text_of, zone_of
from .alerts import raise_alert, settle_topic
from .commands import Command, PutSchedule, SteerSchedule
from .durations import duration_us
from .entities import Asset, Objective, Plain, Schedule, Settings
from .lookup import find
from .pinned import find_playbook
from .playbook import Playbook, parse_playbook
from .schedule_spec import RULE_KINDS, SPECS_MAX, ScheduleSpec, check_parts, rule_of
from .settings import settings_of
from .turn import Turn

SCHEDULE_ID: Final = re.compile(r"\A(?!s\d{10,}\Z)[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
SCHEDULES_MAX: Final = 1_000
NEXT_SHOWN: Final = 5
AHEAD_US: Final = 86_400_000_000  # A schedule whose last time lies so far ahead was run by a wrong clock.


# --- made and changed -----------------------------------------------------------------------------


def put(turn: Turn, command: PutSchedule) -> Plain:
    known = turn.draft.get(Schedule, command.id) if command.id else None
    if known is not None and known.file and not known.removed:
        raise QuarterdeckError(
            "conflict",
            f"the schedule {known.id} stands in the playbook {known.file}",
            hint=f"Change it there; or only stop it: quarterdeck schedules pause {known.id}",
        )
    if known is None and command.id and not SCHEDULE_ID.match(command.id):
        raise QuarterdeckError(
            "bad_value",
            f"{command.id[:80]!r} is no name of a schedule",
            hint="Letters, digits, `_`, `-`; at most 64.",
        )
    known = None if known is not None and known.removed else known
    schedule = put_wanted(turn, command, known)
    told: Plain = {"id": schedule.id, "next": shown_times(schedule, turn.env.now_us), "paused": schedule.paused}
    return {**told, "dry_run": True} if command.dry_run else told


def put_wanted(turn: Turn, command: PutSchedule, known: Schedule | None, *, file: str = "") -> Schedule:
    """Record the schedule as it is wanted, unless that is how it is. Raises QuarterdeckError for what cannot be."""
    schedule = _wanted(turn, command, known, file)
    _check(turn, schedule)
    if known is not None and schedule == known and not command.dry_run:
        return known
    goes_on = known is not None and not known.removed
    same_times = goes_on and _timing(schedule) == _timing(known)
    if not same_times:
        schedule = _timed(turn, schedule, known)
    if command.dry_run:
        return schedule
    body: Plain = msgspec.to_builtins(schedule)
    del body["labels"]
    turn.emit("schedule.put", body, labels=schedule.labels)
    settle_topic(turn, f"schedule.refused/{schedule.id}", "it was changed")
    return find(turn, Schedule, schedule.id)


def _timing(schedule: Schedule | None) -> tuple[object, ...]:
    """What its next time follows from."""
    if schedule is None:
        return ()
    return schedule.rule, schedule.window, schedule.jitter_us, schedule.priority == "batch"


def _wanted(turn: Turn, command: PutSchedule, known: Schedule | None, file: str) -> Schedule:
    settings = settings_of(turn.draft)
    zone = known.zone if command.zone is None and known is not None else command.zone or ""
    rule = _rule(turn, command, known, zone or settings.timezone)
    if known is None:
        if command.playbook is None:
            raise QuarterdeckError("schema", "a new schedule names its playbook")
        known = Schedule(
            id=command.id or f"s{turn.number('s')}", playbook=command.playbook, rule=rule, at_us=turn.env.now_us,
            labels=command.labels, file=file, overlap="allow" if rule.kind == "after" else "skip",
        )  # fmt: skip
    said: Plain = {
        name: value for name in ("playbook", "inputs", "missed", "missed_max", "overlap", "priority", "window",
                                 "objective", "namespace", "note")
        if (value := getattr(command, name)) is not None
    }  # fmt: skip
    if command.jitter is not None:
        said["jitter_us"] = duration_us(command.jitter) if command.jitter else 0
    return msgspec.structs.replace(known, rule=rule, zone=zone, removed=False, labels=command.labels, **said)


def _rule(turn: Turn, command: PutSchedule, known: Schedule | None, zone: str) -> Rule:
    given = {kind: str(text) for kind in RULE_KINDS if (text := getattr(command, kind))}
    if not given and known is not None:
        return msgspec.structs.replace(known.rule, zone=zone, when=command.when or known.rule.when)
    rule = rule_of(given, zone, command.when, command.begin, turn.env.now_us)
    if known is not None and not command.begin and (known.rule.kind, known.rule.text) == (rule.kind, rule.text):
        return msgspec.structs.replace(rule, begin_us=known.rule.begin_us)  # It goes on counting from where it began.
    return rule


def _check(turn: Turn, schedule: Schedule) -> None:
    """Raise QuarterdeckError for what could never be carried out."""
    check_parts(schedule.rule, schedule.missed_max, schedule.jitter_us, schedule.window)
    if schedule.objective:
        find(turn, Objective, schedule.objective)
    if not schedule.file:  # A file is checked as a whole, before it is in force.
        check_given(parse_playbook(find_playbook(turn, schedule.playbook).text), schedule)
    others = sum(one.id != schedule.id and not one.removed for one in turn.draft.scan(Schedule))
    if others >= SCHEDULES_MAX:
        raise QuarterdeckError("out_of_range", f"there are {others:,} schedules already, and that is the most")


def check_given(playbook: Playbook, schedule: Schedule) -> None:
    """Raise QuarterdeckError for inputs that the playbook does not take, or that it needs and nobody gives."""
    unknown = sorted(set(schedule.inputs) - set(playbook.inputs))
    if unknown:
        raise QuarterdeckError(
            "schema", f"{playbook.name} takes no input {unknown[0]!r}",
            hint=f"Its inputs: {', '.join(playbook.inputs) or 'none'}.",
        )  # fmt: skip
    for name, spec in playbook.inputs.items():
        open_ended = schedule.rule.kind == "after"  # The news may bring it.
        if spec.required and spec.default is None and name not in schedule.inputs and not open_ended:
            raise QuarterdeckError("schema", f"{playbook.name} needs the input {name!r} ({spec.type})")


# --- times ----------------------------------------------------------------------------------------


def _timed(turn: Turn, schedule: Schedule, known: Schedule | None) -> Schedule:
    """The schedule with its next time, from now on. What was dealt with is not dealt with again."""
    times = ahead(turn, schedule, max(turn.env.now_us, known.last_us if known is not None else 0))
    if times["next_us"] is None and schedule.rule.kind != "after":
        raise QuarterdeckError(
            "bad_value", f"{schedule.rule.text!r} has no time from now on", hint="It lies in the past, or has ended."
        )
    return msgspec.structs.replace(schedule, over=False, **times)


def ahead(turn: Turn, schedule: Schedule, after_us: int) -> dict[str, int | None]:
    """Return the next time after `after_us`, and when it is to be looked at: by jitter and window not before that."""
    next_us = next_after(schedule.rule, after_us)
    if next_us is None:
        return {"next_us": None, "wake_us": None}
    wake_us = next_us + int(schedule.jitter_us * turn.env.chance)
    return {"next_us": next_us, "wake_us": opens_at(schedule, settings_of(turn.draft), wake_us)}


def opens_at(schedule: Schedule, settings: Settings, at_us: int) -> int:
    """The first moment from `at_us` on at which its window is open. Batch work without a window has the house's."""
    text = schedule.window or (settings.batch_window if schedule.priority == "batch" else "")
    return opening(window_of(text), zone_of(schedule.rule.zone), at_us) if text else at_us


def shown_times(schedule: Schedule, now_us: int, *, count: int = NEXT_SHOWN) -> list[str]:
    """The next times by its rule, as they are read on a wall."""
    zone = zone_of(schedule.rule.zone)
    found = merged({"": schedule.rule}, max(now_us, schedule.last_us), 1 << 62, limit=count)
    return [text_of(at_us, zone) for at_us, _ in found]


# --- steered --------------------------------------------------------------------------------------


def steer(turn: Turn, command: SteerSchedule) -> Plain:
    schedule = find(turn, Schedule, command.id)
    if schedule.removed:
        raise QuarterdeckError(
            "not_found", f"the schedule {schedule.id} was removed", hint="quarterdeck schedules list"
        )
    return _STEER[command.verb](turn, schedule, command.reason)


def _pause(turn: Turn, schedule: Schedule, reason: str) -> Plain:
    if schedule.paused:
        raise QuarterdeckError("conflict", f"the schedule {schedule.id} is paused already")
    turn.emit("schedule.paused", {"id": schedule.id, "paused": True, "reason": reason}, labels=schedule.labels)
    return {"id": schedule.id, "paused": True}


def _resume(turn: Turn, schedule: Schedule, reason: str) -> Plain:
    """From now on: what passed while it was paused is not made up for. It also mends what a wrong clock left."""
    now_us = turn.env.now_us
    if not schedule.paused and schedule.last_us <= now_us:
        raise QuarterdeckError("conflict", f"the schedule {schedule.id} is not paused")
    times: Plain = {**ahead(turn, schedule, now_us), "last_us": min(schedule.last_us, now_us)}
    over = schedule.rule.kind != "after" and times["next_us"] is None
    body: Plain = {"id": schedule.id, "paused": False, "over": over, "reason": reason, **times}
    turn.emit("schedule.resumed", body, labels=schedule.labels)
    settle_clock(turn)
    after = find(turn, Schedule, schedule.id)
    return {"id": after.id, "paused": False, "next": shown_times(after, now_us)}


def _remove(turn: Turn, schedule: Schedule, reason: str) -> Plain:
    if schedule.file:
        raise QuarterdeckError(
            "conflict",
            f"the schedule {schedule.id} stands in the playbook {schedule.file}",
            hint=f"Take it out there; or only stop it: quarterdeck schedules pause {schedule.id}",
        )
    remove(turn, schedule, reason)
    return {"id": schedule.id, "removed": True}


def remove(turn: Turn, schedule: Schedule, reason: str) -> None:
    turn.emit("schedule.removed", {"id": schedule.id, "removed": True, "reason": reason}, labels=schedule.labels)
    settle_topic(turn, f"schedule.refused/{schedule.id}", "it was removed")


_STEER: dict[str, Callable[[Turn, Schedule, str], Plain]] = {"pause": _pause, "resume": _resume, "remove": _remove}


# --- what follows from files, settings and clocks -------------------------------------------------


def take_file(turn: Turn, event: Event) -> None:
    """A playbook was read: its schedules are those of its file, no more and no fewer."""
    if event.body.get("asset_kind") != "playbook":
        return
    playbook = parse_playbook(str(event.body["text"]))
    wanted = commands_of(playbook)
    for command in wanted:
        known = turn.draft.get(Schedule, command.id)
        try:
            put_wanted(turn, command, known, file=playbook.name)
        except QuarterdeckError as error:
            text = f"the schedule {command.id} of the playbook {playbook.name} cannot be kept: {error.message}"
            raise_alert(turn, "warning", f"schedule.refused/{command.id}", text, hint=error.hint)
    _drop_others(turn, playbook.name, {command.id for command in wanted})


def commands_of(playbook: Playbook) -> list[PutSchedule]:
    """The schedules of a playbook's file, those under `on` that are news other than mail included."""
    specs = playbook.schedules[:SPECS_MAX]
    found = [_command(playbook.name, number, spec) for number, spec in enumerate(specs, 1)]
    others = [trigger for trigger in playbook.triggers if trigger.event != "mail.received"]
    for number, trigger in enumerate(others[:SPECS_MAX], 1):
        id = f"{playbook.name}.on{number}"
        inputs: Plain = getattr(trigger, "inputs", {})
        found.append(
            PutSchedule(id=id, playbook=playbook.name, after=trigger.event, when=trigger.when, inputs=inputs)
        )
    return found


def _command(playbook: str, number: int, spec: ScheduleSpec) -> PutSchedule:
    said: Plain = {name: getattr(spec, name) for name in spec.__struct_fields__ if name != "id"}
    return PutSchedule(id=f"{playbook}.{spec.id or number}", playbook=playbook, **said)  # type: ignore[arg-type]  # Fields of the same names and types.


def lose_file(turn: Turn, event: Event) -> None:
    asset = turn.draft.get(Asset, str(event.body["id"]))
    if asset is not None and asset.asset_kind == "playbook":
        _drop_others(turn, asset.name, set())


def _drop_others(turn: Turn, playbook: str, kept: set[str]) -> None:
    for schedule in list(turn.draft.scan(Schedule, prefix=f"{playbook}.")):
        if schedule.file == playbook and schedule.id not in kept and not schedule.removed:
            remove(turn, schedule, "it stands in no file any more")


def follow_settings(turn: Turn, event: Event) -> None:
    """The workspace moved to another time zone: schedules that name none move with it."""
    zone = settings_of(turn.draft).timezone
    for schedule in list(turn.draft.live(Schedule)):
        if not schedule.zone and schedule.rule.zone != zone:
            moved = msgspec.structs.replace(schedule, rule=msgspec.structs.replace(schedule.rule, zone=zone))
            after_us = max(turn.env.now_us, schedule.last_us)
            body: Plain = msgspec.to_builtins(msgspec.structs.replace(moved, **ahead(turn, moved, after_us)))
            del body["labels"]
            turn.emit("schedule.put", body, labels=schedule.labels)


def notice_clock(turn: Turn, event: Event) -> None:
    """The clock was set back. Nothing is run twice, so what a wrong clock ran ahead waits long; say so."""
    late = [one.id for one in turn.draft.live(Schedule) if one.last_us > turn.env.now_us + AHEAD_US]
    if late:
        named = ", ".join(late[:10])
        raise_alert(
            turn,
            "warning",
            CLOCK_TOPIC,
            f"the clock was set back; these schedules have run for times to come and wait until then: {named}",
            hint=f"If the clock is right now: quarterdeck schedules resume {late[0]}",
            about=tuple(f"schedule:{id}" for id in late[:32]),
        )


CLOCK_TOPIC = "schedules.clock"


def settle_clock(turn: Turn) -> None:
    if not any(one.last_us > turn.env.now_us + AHEAD_US for one in turn.draft.live(Schedule)):
        settle_topic(turn, CLOCK_TOPIC, "all schedules count from now on again")


DECIDE: dict[type[Command], Callable[..., Plain]] = {PutSchedule: put, SteerSchedule: steer}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "asset.loaded": take_file,
    "asset.removed": lose_file,
    "workspace.configured": follow_settings,
    "clock.set_back": notice_clock,
}
