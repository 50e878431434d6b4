"""The emergency stop as the log sees it. The fence closes first, in the supervisor; this records it."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, EngageStop, LetGo, ReleaseStop
from .entities import Action, Plain, Run, Stop
from .lookup import find
from .table import Draft
from .turn import Applier, Turn, strings

LISTED_MAX = 1_000  # Actions whose state a stop writes down.
ON_THE_WIRE = frozenset(("intent", "sent"))
NOT_RESUMED = "not among the resumed"


def engage(turn: Turn, command: EngageStop) -> Plain:
    stop = turn.draft.get(Stop, "stop")
    if stop is not None and stop.engaged and stop.epoch == command.epoch:
        return _report(stop)
    found = sorted(turn.draft.live(Action), key=lambda action: (action.status not in ON_THE_WIRE, action.seq))
    body: Plain = {
        "epoch": command.epoch,
        "reason": command.reason,
        "by": command.by,
        "in_flight": [action.id for action in found if action.status in ON_THE_WIRE],
        "states": {action.id: action.status for action in found[:LISTED_MAX]},
        "unlisted": max(0, len(found) - LISTED_MAX),
    }
    turn.emit("stop.engaged", body)
    return _report(find(turn, Stop, "stop"))


def release(turn: Turn, command: ReleaseStop) -> Plain:
    stop = turn.draft.get(Stop, "stop")
    if (stop is None or not stop.engaged) and command.epoch <= (stop.epoch if stop else 0):
        raise QuarterdeckError("conflict", "nothing is stopped", hint="See how things stand: quarterdeck status")
    actions = [find(turn, Action, id) for id in command.actions or ()]
    runs = {find(turn, Run, id).id for id in command.runs or ()}
    turn.emit("stop.released", {"epoch": command.epoch, "reason": command.reason, "by": command.by})
    for action in actions:
        _name(turn, action)
    some = command.runs is not None or command.actions is not None
    paused = _pause_others(turn, runs) if some else []
    held_back = _hold_others_back(turn, runs, {action.id for action in actions}) if some else []
    return {"stopped": False, "epoch": command.epoch, "paused": paused, "held_back": held_back}


def _pause_others(turn: Turn, runs: set[str]) -> list[str]:
    others = [run for run in list(turn.draft.live(Run)) if run.id not in runs and run.status == "running"]
    for run in others:
        turn.emit("run.paused", {"run": run.id, "reason": NOT_RESUMED}, run=run.id, labels=run.labels)
    return [run.id for run in others]


def _hold_others_back(turn: Turn, runs: set[str], actions: set[str]) -> list[str]:
    """What was permitted before the stop and is not among what goes on. What waits for a yes waits anyway."""
    others = [
        action
        for action in list(turn.draft.live(Action))
        if action.status in ("held", *ON_THE_WIRE) and action.id not in actions and action.run not in runs
    ]
    for action in others:
        body: Plain = {"action": action.id, "reason": NOT_RESUMED}
        turn.emit("action.held_back", body, run=action.run or None, labels=action.labels)
    return [action.id for action in others]


def let_go(turn: Turn, command: LetGo) -> Plain:
    """One by one, after a release of some."""
    stop = turn.draft.get(Stop, "stop")
    if stop is not None and stop.engaged:
        raise QuarterdeckError("stopped", f"everything outward is stopped: {stop.reason}", hint="quarterdeck resume")
    actions = [find(turn, Action, id) for id in command.actions]
    runs = [find(turn, Run, id) for id in command.runs]
    kept = [action.id for action in actions if action.held_back]
    paused = [run.id for run in runs if run.status == "paused"]
    if not kept and not paused:
        raise QuarterdeckError(
            "conflict", "nothing of this is kept back", hint="See what is: quarterdeck stop --show"
        )
    for action in actions:
        _name(turn, action)
    for run in runs:
        if run.status == "paused":
            body: Plain = {"run": run.id, "reason": command.reason, "status": "running"}
            turn.emit("run.resumed", body, run=run.id, labels=run.labels)
        for action in list(turn.draft.live(Action)):
            if action.run == run.id and action.held_back:
                _name(turn, action)
    return {"actions": kept, "runs": paused}


def _name(turn: Turn, action: Action) -> None:
    """It was named by itself: it goes on though its run is paused. A hold that has ended meanwhile ends now."""
    if action.live:
        turn.emit("action.let_go", {"action": action.id}, run=action.run or None, labels=action.labels)


def _report(stop: Stop) -> Plain:
    return {
        "stopped": stop.engaged,
        "epoch": stop.epoch,
        "at_us": stop.at_us,
        "reason": stop.reason,
        "in_flight": list(stop.in_flight),
        "states": dict(stop.states),
        "unlisted": stop.unlisted,
    }


def _apply(draft: Draft, event: Event) -> None:
    body = event.body
    states = body.get("states", {})
    assert isinstance(states, dict), "a map of statuses"
    draft.put(
        Stop(
            id="stop",
            seq=event.seq,
            engaged=event.kind == "stop.engaged",
            epoch=int(str(body["epoch"])),
            reason=str(body["reason"]),
            by=str(body["by"]),
            at_us=event.at_us,
            in_flight=strings(body.get("in_flight", ())),
            states={str(id): str(status) for id, status in states.items()},
            unlisted=int(str(body.get("unlisted", 0))),
        )
    )


DECIDE: dict[type[Command], Callable[..., Plain]] = {EngageStop: engage, ReleaseStop: release, LetGo: let_go}
APPLY: dict[str, Applier] = {"stop.engaged": _apply, "stop.released": _apply}
