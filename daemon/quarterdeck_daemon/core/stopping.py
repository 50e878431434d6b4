"""The emergency stop as the log sees it. The fence closes first, in the supervisor; this records it."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, EngageStop, ReleaseStop
from .entities import Action, Plain, Run, Stop
from .lookup import find
from .table import Draft
from .turn import Applier, Turn, strings


def engage(turn: Turn, command: EngageStop) -> Plain:
    stop = turn.draft.get(Stop, "stop")
    if stop is not None and stop.engaged and stop.epoch == command.epoch:
        return _report(stop)
    on_the_wire = [action.id for action in turn.draft.live(Action) if action.status in ("intent", "sent")]
    body: Plain = {"epoch": command.epoch, "reason": command.reason, "by": command.by, "in_flight": on_the_wire}
    turn.emit("stop.engaged", body)
    return _report(find(turn, Stop, "stop"))


def release(turn: Turn, command: ReleaseStop) -> Plain:
    stop = turn.draft.get(Stop, "stop")
    if (stop is None or not stop.engaged) and command.epoch <= (stop.epoch if stop else 0):
        raise QuarterdeckError("conflict", "nothing is stopped", hint="See how things stand: quarterdeck status")
    turn.emit("stop.released", {"epoch": command.epoch, "reason": command.reason, "by": command.by})
    for id in command.runs or ():
        find(turn, Run, id)
    paused: list[str] = []
    if command.runs is not None:
        for run in list(turn.draft.live(Run)):
            if run.id not in command.runs and run.status == "running":
                turn.emit(
                    "run.paused", {"run": run.id, "reason": "not among the resumed"}, run=run.id, labels=run.labels
                )
                paused.append(run.id)
    return {"stopped": False, "epoch": command.epoch, "paused": paused}


def _report(stop: Stop) -> Plain:
    return {
        "stopped": stop.engaged,
        "epoch": stop.epoch,
        "at_us": stop.at_us,
        "reason": stop.reason,
        "in_flight": list(stop.in_flight),
    }


def _apply(draft: Draft, event: Event) -> None:
    body = event.body
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
        )
    )


DECIDE: dict[type[Command], Callable[..., Plain]] = {EngageStop: engage, ReleaseStop: release}
APPLY: dict[str, Applier] = {"stop.engaged": _apply, "stop.released": _apply}
