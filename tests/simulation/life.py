"""The scheduler: which of the things that could happen does happen next. One seed, one order of events."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import (
    Choice,
    Command,
    DecideApprovals,
    LetGo,
    RaiseBudget,
    SettleAction,
    SignalRun,
    SteerRun,
    SteerSchedule,
    Undo,
)
from quarterdeck_daemon.core.entities import Action, Amounts, Meter, Run, Schedule
from quarterdeck_daemon.core.gates import gates_of

from .desk import WIDE
from .office import SECOND, Office
from .people import Operator, Request

STEPS = 220
TROUBLED_ROUNDS = 8  # Everything is decided and carried out, while things still go wrong.
QUIET_ROUNDS_MAX = 400
TAKEN_BACK_SHARE = 0.25  # Of the lives end with everything being taken back.
DAY = 86_400 * SECOND


def live(seed: int, *, steps: int = STEPS, acknowledge_first: bool = False, hand_on_first: bool = False) -> Office:
    """Live one life with all its trouble, then let it come to rest. Raises Violation."""
    office = Office(seed, acknowledge_first=acknowledge_first, hand_on_first=hand_on_first)
    operator = Operator(office)
    for _ in range(steps):
        _happen(office, operator)
    for _ in range(TROUBLED_ROUNDS):
        _round(office)
    come_to_rest(office)
    return office


def _happen(office: Office, operator: Operator) -> None:
    dice = office.chance.random()
    jobs = office.open_jobs()
    soon = min(office.next_timer_us(), 3600 * SECOND)
    if dice < 0.30 and jobs:
        office.work(office.chance.choice(jobs))
    elif dice < 0.52:
        office.sync()
    elif dice < 0.74:
        operator.act()
    elif dice < 0.80:
        operator.look()
    elif dice < 0.86:
        office.receive_mail()
    elif dice < 0.95:
        office.pass_time(office.chance.choice((1, SECOND, soon, soon, 3600 * SECOND)))
    elif dice < 0.96:
        office.pass_time(office.chance.choice((DAY, DAY, DAY, 8 * DAY)))
    elif dice < 0.975:
        office.hear_fence()
    elif dice < 0.99:
        office.crash()
    office.auditor.check(office.store)


def come_to_rest(office: Office) -> None:
    """No more trouble: everybody answers, the operator decides what waits, and time passes until nothing is left."""
    office.faults.calm = True
    office.policy = "careful"
    office.load_assets()
    office.submit(Request(WIDE))
    _settle(office)
    if office.chance.random() < TAKEN_BACK_SHARE:
        office.submit(Request(Undo(scope="everything", since_us=0)))
        _settle(office)
    office.auditor.check_rest(office.store)


def _settle(office: Office) -> None:
    for _ in range(QUIET_ROUNDS_MAX):
        _round(office)
        if not office.open_jobs() and not _last_words(office) and _settled(office):
            break
    office.auditor.check(office.store)


def _round(office: Office) -> None:
    """What waits for the operator is decided, what is under way is answered, what is next due comes due."""
    office.hear_fence()
    office.release()
    office.sync()
    for request in list(office.unanswered):
        office.submit(request)
    for command in _last_words(office):
        office.submit(Request(command))
    office.sync()
    for key in office.open_jobs():
        if key in office.open_jobs():  # A crash in between takes the rest along.
            office.work(key)
    office.sync()
    office.pass_time(office.next_timer_us())
    office.sync()


def _settled(office: Office) -> bool:
    return not any(office.store.live(Run)) and not any(office.store.live(Action))


def _last_words(office: Office) -> list[Command]:
    words: list[Command] = [SteerSchedule(id=one.id, verb="remove") for one in office.store.live(Schedule)]
    words += [
        RaiseBudget(scope=meter.id, per="ever", more=Amounts(calls=10))
        for meter in office.store.live(Meter)
        if any(cap.per == "ever" for cap in meter.own)
    ]
    for run in office.store.live(Run):
        if run.status == "paused":
            words.append(SteerRun(id=run.id, verb="resume"))
        waits = [step.signal for step in run.steps.values() if step.status == "waiting" and step.signal]
        words += [
            DecideApprovals(items=(Choice(id=gate.id, shown_hash=gate.shown_hash),), decision="approve")
            for gate in gates_of(run)
        ]
        words += [SignalRun(id=run.id, signal=signal) for signal in waits if signal not in run.signals]
    for action in office.store.live(Action):
        if action.held_back:
            words.append(LetGo(actions=(action.id,)))
        if action.status == "proposed":
            office.auditor.agrees(action, {})
            words.append(
                DecideApprovals(items=(Choice(id=action.id, shown_hash=action.shown_hash),), decision="approve")
            )
        if action.status == "unknown":
            happened = any(one.operation_id == action.operation_id for one in office.effector.sent())
            words.append(SettleAction(id=action.id, happened=happened))
    return words
