"""What the operator does besides deciding on actions: limits, schedules, permissions, gates, and taking things back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quarterdeck_daemon.core.commands import (
    Choice,
    Command,
    ConfigureLimits,
    DecideApprovals,
    GivePermission,
    LetGo,
    PutSchedule,
    PutTask,
    RaiseBudget,
    ReassignStep,
    ResetBreaker,
    RevokePermission,
    SetAutonomy,
    SetBudget,
    SteerSchedule,
    Undo,
)
from quarterdeck_daemon.core.entities import (
    Action,
    Amounts,
    Breaker,
    Cap,
    Grant,
    Limit,
    Run,
    Schedule,
    TaskState,
    Undoing,
)
from quarterdeck_daemon.core.gates import live_gates
from quarterdeck_daemon.core.table import E

if TYPE_CHECKING:
    from .office import Office

HOUR_US = 3_600_000_000
SCHEDULES_MAX = 2
LEVELS = ("observe", "suggest", "act_with_approval", "act_and_report", "autonomous")
NARROW = ConfigureLimits(
    rules=(
        Limit(of="connector:mail", caps=(Cap(per="hour", most=Amounts(calls=3)),)),
        Limit(of="agent:*", at_once=2, caps=(Cap(per="minute", most=Amounts(calls=4)),)),
        Limit(of="workspace", at_once=4, caps=(Cap(per="day", most=Amounts(calls=60)),)),
        Limit(of="model:*", at_once=1, caps=(Cap(per="hour", most=Amounts(calls=6)),)),
        Limit(of="purpose:draft", caps=(Cap(per="day", most=Amounts(money=40)),)),
    ),
    breaker_failures=3,
)
WIDE = ConfigureLimits(breaker_failures=4)
STERN = ConfigureLimits(rules=(Limit(of="run", caps=(Cap(per="ever", most=Amounts(calls=6), over="escalate"),)),))
SETTINGS = (NARROW, NARROW, WIDE, STERN)


def limit(office: Office) -> Command:
    return office.chance.choice(SETTINGS)


def give_more(office: Office) -> Command:
    run = _any(office, Run)
    scope, per = office.chance.choice((("connector:mail", "hour"), (f"run:{run.id if run else 'r1'}", "ever")))
    return RaiseBudget(scope=scope, per=per, more=Amounts(calls=office.chance.randint(1, 3)))  # type: ignore[arg-type]  # One of them.


def limit_run(office: Office) -> Command | None:
    run = _any(office, Run)
    caps = (Cap(per="ever", most=Amounts(calls=5), over=office.chance.choice(("stop", "escalate"))),)
    return SetBudget(run=run.id, caps=caps) if run is not None else None


def close_breaker(office: Office) -> Command | None:
    found = _any(office, Breaker)
    return ResetBreaker(id=found.id) if found is not None else None


def permit(office: Office) -> Command:
    expires = office.now_us + office.chance.choice((HOUR_US, 30 * HOUR_US))
    to = office.chance.choice((("known",), ("*@example.test",)))
    uses = office.chance.choice((1, 2, 5))
    return GivePermission(agent="sender", action="mail.send", to=to, uses_max=uses, expires_us=expires)


def revoke(office: Office) -> Command | None:
    found = _any(office, Grant)
    return RevokePermission(id=found.id) if found is not None else None


def trust(office: Office) -> Command:
    what = office.chance.choice((("sender", "mail.send"), ("dealer", "practice.book"), ("filer", "files.write")))
    return SetAutonomy(agent=what[0], action=what[1], level=office.chance.choice(LEVELS))


def schedule(office: Office) -> Command | None:
    known = [one for one in office.store.scan(Schedule) if one.live]
    if len(known) >= SCHEDULES_MAX or (known and office.chance.random() < 0.5):
        verb = office.chance.choice(("pause", "resume", "remove"))
        return SteerSchedule(id=office.chance.choice(known).id, verb=verb)
    missed = office.chance.choice(("once", "skip", "all"))
    kind: dict[str, str] = office.chance.choice(({"every": "6h"}, {"cron": "0 9 * * 1-5"}, {"after": "run.ended"}))
    zone = office.chance.choice(("UTC", "Europe/Berlin", "America/New_York"))
    return PutSchedule(playbook="ticking", missed=missed, missed_max=3, zone=zone, **kind)  # type: ignore[arg-type]


def open_gate(office: Office) -> Command | None:
    """Decide on a gate, now and then by what it asked before."""
    for gate in live_gates(office.store):
        shown = gate.shown_hash if office.chance.random() < 0.9 else "something else"
        word = office.chance.choice(("approve", "approve", "approve", "reject", "snooze"))
        until_us = office.now_us + HOUR_US if word == "snooze" else None
        return DecideApprovals(items=(Choice(id=gate.id, shown_hash=shown),), decision=word, until_us=until_us)
    return None


def take_back(office: Office) -> Command | None:
    """Undo a run, an action, an agent's doings, the last hours, or an undoing."""
    run, action, undoing = _any(office, Run), _any(office, Action), _any(office, Undoing)
    scopes = [f"run:{run.id}"] * 3 if run else []
    scopes += [f"action:{action.id}"] if action else []
    scopes += [f"undoing:{undoing.id}"] if undoing else []
    scopes += ["agent:dealer", "everything"]
    return Undo(
        scope=office.chance.choice(scopes), since_us=office.now_us - office.chance.choice((HOUR_US, 30 * HOUR_US))
    )


def let_go(office: Office) -> Command | None:
    kept = tuple(action.id for action in office.store.live(Action) if action.held_back)
    paused = tuple(run.id for run in office.store.live(Run) if run.status == "paused")
    return LetGo(actions=kept, runs=paused) if kept or paused else None


def reassign(office: Office) -> Command | None:
    run = _any(office, Run)
    if run is None:
        return None
    return ReassignStep(id=run.id, step=office.chance.choice(list(run.steps)), agent="filer")


def note_task(office: Office) -> Command:
    states: tuple[TaskState, ...] = ("open", "doing", "done")
    return PutTask(title="Write to Ines", due_us=office.now_us + HOUR_US, state=office.chance.choice(states))


def _any(office: Office, cls: type[E]) -> E | None:
    found = list(office.store.scan(cls))
    return office.chance.choice(found) if found else None


THINGS: tuple[Callable[[Office], Command | None], ...] = (
    limit, give_more, limit_run, close_breaker, permit, permit, permit, permit, revoke, trust, schedule, schedule,
    open_gate, open_gate, open_gate, take_back, take_back, take_back, let_go, reassign, note_task,
)  # fmt: skip
