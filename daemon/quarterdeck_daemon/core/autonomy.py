"""Progressive autonomy: how far an agent may go in one kind of action, by the operator's word.

    observe            noted, never done
    suggest            asks, and each is read by itself
    act_with_approval  asks, whatever the rules allow
    act_and_report     does what a rule would only ask about, and it is told afterwards
    autonomous         the same, without being told
    (none)             the rules alone decide

A step up is proposed from the record when it is long enough, and decided by the operator; a step down is taken at once, to
act_with_approval, when something is wrong. Guards, firm rules and denials stand above every level. Money, secrets, deletion
and what is past mending never widen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .alerts import raise_alert, settle_topic
from .commands import Command, SetAutonomy
from .entities import Autonomy, Level, Plain, Record
from .grants import check_agent
from .guards import widens
from .policy import LEVELS, WIDENING
from .table import Draft, Table
from .track import BAD, autonomy_at, confidence_of, record_id
from .turn import Applier, Turn
from .verbs import VERBS
from .vocabulary import told_tally

# From which level to which, after so many good ends in a row.
PROMOTIONS: dict[str, tuple[Level, int]] = {
    "observe": ("suggest", 20),
    "suggest": ("act_with_approval", 10),
    "": ("act_and_report", 20),
    "act_with_approval": ("act_and_report", 20),
    "act_and_report": ("autonomous", 50),
}
SAFE: Level = "act_with_approval"
REJECTIONS_IN_A_ROW = 3
DRIFT_LATE, DRIFT_EARLY_MIN = 10, 20
DRIFT_BAD_SHARE, DRIFT_EARLY_BAD_SHARE = 0.5, 0.1

replace = msgspec.structs.replace


def words(level: str) -> str:
    """A level as people read it."""
    return level.replace("_", " ") or "by the rules"


# --- the operator ---------------------------------------------------------------------------------


def set_level(turn: Turn, command: SetAutonomy) -> Plain:
    """Give a level, or decline the proposed one. Raises `policy_denied` for what never widens."""
    if turn.actor != "operator":
        raise QuarterdeckError("forbidden", f"{turn.actor} cannot decide about autonomy; only the operator can")
    if not command.agent or command.action not in VERBS:
        raise QuarterdeckError(
            "bad_value", f"no connector offers {command.action!r}", hint=f"One of: {', '.join(VERBS)}."
        )
    check_agent(turn.draft, command.agent)
    now = autonomy_at(turn.draft, record_id(command.agent, command.action))
    if command.decline:
        return _decline(turn, now, command.reason)
    if command.level not in get_args(Level):
        raise QuarterdeckError("bad_value", f"{command.level!r} is no level", hint=f"Levels: {', '.join(LEVELS)}.")
    if command.level in WIDENING and not widens(command.action):
        raise QuarterdeckError(
            "policy_denied",
            f"{command.action} never widens: it touches money, secrets or deletion, or is past mending",
            hint="act_with_approval is the highest level for it.",
        )
    if command.level != now.level or now.proposed:
        body: Plain = {
            "id": now.id,
            "level": command.level,
            "was": now.level,
            "by": turn.actor,
            "reason": command.reason,
        }
        turn.emit("autonomy.set", body)
        settle_topic(turn, _proposal_topic(now.id), f"you chose {words(command.level)}")
        settle_topic(turn, _demotion_topic(now.id), f"you chose {words(command.level)}")
    return {"id": now.id, "level": command.level, "was": now.level}


def _decline(turn: Turn, now: Autonomy, reason: str) -> Plain:
    if not now.proposed:
        raise QuarterdeckError("conflict", f"nothing is proposed for {now.id}", hint="quarterdeck agents autonomy")
    _close(turn, now, reason or "declined")
    return {"id": now.id, "level": now.level, "was": now.level}


# --- the record -----------------------------------------------------------------------------------


def review(turn: Turn, event: Event) -> None:
    """Another end was noted: is there reason to step down at once, or to propose a step up?"""
    id, what = str(event.body["record"]), str(event.body["what"])
    if not what:
        return
    record = turn.draft.get(Record, id) or Record(id=id)
    now = autonomy_at(turn.draft, id)
    anomaly = anomaly_in(record.recent)
    if anomaly and now.level in WIDENING:
        _demote(turn, now, anomaly)
    elif anomaly and now.proposed:
        _close(turn, now, anomaly)
    elif not now.proposed:
        _consider(turn, record, now)


def anomaly_in(recent: str) -> str:
    """What is wrong with the end of a record, in words; "" when nothing is."""
    if recent.endswith("x"):
        return "one of them was undone"
    if recent.endswith("f"):
        return "one of them failed"
    if recent.endswith("r" * REJECTIONS_IN_A_ROW):
        return f"{REJECTIONS_IN_A_ROW} in a row were rejected"
    late, early = recent[-DRIFT_LATE:], recent[:-DRIFT_LATE]
    if (
        len(early) >= DRIFT_EARLY_MIN
        and _bad_share(late) >= DRIFT_BAD_SHARE
        and _bad_share(early) <= DRIFT_EARLY_BAD_SHARE
    ):
        return f"of the last {DRIFT_LATE} many were changed or refused, unlike before"
    return ""


def _bad_share(letters: str) -> float:
    return sum(letter in BAD for letter in letters) / len(letters)


def _demote(turn: Turn, now: Autonomy, why: str) -> None:
    turn.emit("autonomy.demoted", {"id": now.id, "level": SAFE, "was": now.level, "why": why}, actor="kernel")
    settle_topic(turn, _proposal_topic(now.id), why)
    agent, _, action = now.id.partition("/")
    raise_alert(
        turn, "warning", _demotion_topic(now.id),
        f"{agent} asks again before each {action}: {why}. It was {words(now.level)}.",
        hint=f"Look at them, then if you want: quarterdeck agents autonomy {agent} {action} {now.level}",
        about=(f"record:{now.id}",),
    )  # fmt: skip


def _consider(turn: Turn, record: Record, now: Autonomy) -> None:
    """Propose the next level when its threshold is reached."""
    agent, _, action = now.id.partition("/")
    level, threshold = PROMOTIONS.get(now.level, ("", 0))
    if not level or record.tally.streak < threshold or record.tally.decisions < now.quiet_until:
        return
    by_approvals = now.level in ("", SAFE)
    if level in WIDENING and not widens(action):
        return
    if by_approvals and not record.recent.endswith("u" * threshold):
        return
    why = f"{threshold} {'approvals' if by_approvals else 'times'} in a row without an edit, an undo or a failure"
    turn.emit("autonomy.proposed", {"id": now.id, "level": level, "why": why}, actor="kernel")
    raise_alert(
        turn, "info", _proposal_topic(now.id),
        f"{agent} could {words(level)} on {action}: {why}.",
        hint=f"quarterdeck agents autonomy {agent} {action} {level}, or --decline",
        about=(f"record:{now.id}",),
    )  # fmt: skip


def _close(turn: Turn, now: Autonomy, why: str) -> None:
    record = turn.draft.get(Record, now.id) or Record(id=now.id)
    threshold = PROMOTIONS.get(now.level, (now.level, 0))[1]
    body: Plain = {"id": now.id, "why": why, "quiet_until": record.tally.decisions + threshold}
    turn.emit("autonomy.declined", body)
    settle_topic(turn, _proposal_topic(now.id), why)


def _proposal_topic(id: str) -> str:
    return f"autonomy.proposed/{id}"


def _demotion_topic(id: str) -> str:
    return f"autonomy.demoted/{id}"


# --- applying -------------------------------------------------------------------------------------


def _autonomy(draft: Draft, event: Event) -> Autonomy:
    id = str(event.body["id"])
    return draft.get(Autonomy, id) or Autonomy(id=id)


def _set(draft: Draft, event: Event) -> None:
    body = event.body
    level = msgspec.convert(body["level"], Level)
    fields: Plain = {"level": level, "since_us": event.at_us, "by": str(body.get("by", "kernel"))}
    reason = str(body.get("reason") or body.get("why") or "")
    now = _autonomy(draft, event)
    draft.put(replace(now, seq=event.seq, reason=reason, proposed="", why="", quiet_until=0, **fields))
    record = draft.get(Record, now.id)
    if record is not None:  # Another level, another streak.
        draft.put(replace(record, seq=event.seq, tally=replace(record.tally, streak=0)))


def _proposed(draft: Draft, event: Event) -> None:
    level = msgspec.convert(event.body["level"], Level)
    why = str(event.body["why"])
    draft.put(replace(_autonomy(draft, event), seq=event.seq, proposed=level, proposed_us=event.at_us, why=why))


def _declined(draft: Draft, event: Event) -> None:
    quiet = msgspec.convert(event.body["quiet_until"], int)
    draft.put(replace(_autonomy(draft, event), seq=event.seq, proposed="", why="", quiet_until=quiet))


def told(table: Table, id: str) -> Plain:
    """The level, the record and what is proposed, for people and programs."""
    now, record = autonomy_at(table, id), table.get(Record, id) or Record(id=id)
    confidence, basis = confidence_of(record)
    agent, _, action = id.partition("/")
    level, threshold = PROMOTIONS.get(now.level, ("", 0))
    may = bool(level) and (level not in WIDENING or widens(action))
    return {
        "id": id, "agent": agent, "action": action, "level": now.level, "by": now.by, "reason": now.reason,
        "since_us": now.since_us, "proposed": now.proposed, "why": now.why, "confidence": confidence, "basis": basis,
        "track": told_tally(record.tally),
        "next": level if may else "", "needed": max(0, threshold - record.tally.streak) if may else 0, "widens": widens(action),
    }  # fmt: skip


DECIDE: dict[type[Command], Callable[..., Plain]] = {SetAutonomy: set_level}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"record.noted": review}
APPLY: dict[str, Applier] = {
    "autonomy.set": _set,
    "autonomy.demoted": _set,
    "autonomy.proposed": _proposed,
    "autonomy.declined": _declined,
}
