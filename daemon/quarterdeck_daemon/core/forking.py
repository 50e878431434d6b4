"""The first moments of a fork: stopped, paused with its schedules, and with nothing of its origin left to be sent.

What waited for approval or for the end of its hold is withdrawn: it lives on in the origin, and two houses must not
send it twice. What was on the wire has an outcome that only the origin will hear of, so here it is `unknown`.

A backup that is restored begins the same way: what waited then may have left since. What its origin has forgotten
after the backup was made is forgotten here too, so that none of it comes in again from outside.
"""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import BecomeFork, Command, NoteFork
from .entities import Action, Origin, Plain, Run, Schedule
from .erasure import forget_again
from .table import Draft, Table
from .turn import Applier, Turn

REASON = "this workspace is a fork; it goes on in the one that it was made from"
RESTORED = "this workspace was restored from a backup; it may have gone on after the backup was made"


def become_fork(turn: Turn, command: BecomeFork) -> Plain:
    known = turn.draft.get(Origin, "workspace")
    if known is not None and known.fork == command.fork:
        raise QuarterdeckError("conflict", f"this is the fork {command.fork} already")
    body: Plain = {"fork": command.fork, "from": command.forked_from, "at_seq": command.at_seq}
    body |= {"restored": True} if command.restored else {}
    turn.emit("workspace.forked", {**body, "reason": command.reason})
    why = "a restored workspace begins stopped" if command.restored else "a fork begins stopped"
    turn.emit("stop.engaged", {"epoch": command.epoch, "reason": why, "by": "fork", "in_flight": []})
    reason = RESTORED if command.restored else REASON
    paused, withdrawn, unknown = _pause_runs(turn, reason), *_settle_actions(turn, reason)
    forgotten = [forget_again(turn, one, known_to=command.at_seq) for one in command.forgotten]
    done: Plain = {"fork": command.fork, "paused": paused, "withdrawn": withdrawn, "unknown": unknown}
    return {**done, "forgotten": forgotten} if command.restored else done


def _pause_runs(turn: Turn, reason: str) -> list[str]:
    """First, so that what ends with its actions begins no further step."""
    running = [run for run in list(turn.draft.live(Run)) if run.status == "running"]
    for run in running:
        turn.emit("run.paused", {"run": run.id, "reason": reason}, run=run.id, labels=run.labels)
    _pause_schedules(turn, reason)
    return [run.id for run in running]


def _pause_schedules(turn: Turn, reason: str) -> None:
    """They go on in the origin; here they wait until somebody resumes them, one by one."""
    for schedule in list(turn.draft.live(Schedule)):
        body: Plain = {"id": schedule.id, "paused": True, "reason": reason}
        turn.emit("schedule.paused", body, labels=schedule.labels)


def _settle_actions(turn: Turn, reason: str) -> tuple[list[str], list[str]]:
    withdrawn: list[str] = []
    unknown: list[str] = []
    for action in list(turn.draft.live(Action)):
        if action.status in ("proposed", "held"):
            body: Plain = {"action": action.id, "reason": reason, "was": action.status}
            turn.emit("action.withdrawn", body, run=action.run or None, labels=action.labels)
            withdrawn.append(action.id)
        elif action.status in ("intent", "sent"):
            error: Plain = {"failure": "uncertain", "code": "unavailable", "message": reason}
            turn.emit(
                "effect.unknown",
                {"action": action.id, "error": error},
                run=action.run or None,
                labels=action.labels,
            )
            unknown.append(action.id)
    return withdrawn, unknown


def note_fork(turn: Turn, command: NoteFork) -> Plain:
    body: Plain = {"fork": command.fork, "path": command.path, "at_seq": command.at_seq, "reason": command.reason}
    turn.emit("fork.made", body)
    return {**command.told, "id": command.fork, "path": command.path, "at_seq": command.at_seq}


def fork_of(table: Table) -> tuple[str, ...]:
    """What makes ids of effects differ between a workspace and its forks: nothing, or the fork's name."""
    origin = table.get(Origin, "workspace")
    return (origin.fork,) if origin is not None else ()


def _forked(draft: Draft, event: Event) -> None:
    body = event.body
    draft.put(
        Origin(
            id="workspace",
            seq=event.seq,
            fork=str(body["fork"]),
            forked_from=str(body["from"]),
            at_seq=int(str(body["at_seq"])),
            at_us=event.at_us,
        )
    )


DECIDE: dict[type[Command], Callable[..., Plain]] = {BecomeFork: become_fork, NoteFork: note_fork}
APPLY: dict[str, Applier] = {"workspace.forked": _forked, "fork.made": lambda draft, event: None}
