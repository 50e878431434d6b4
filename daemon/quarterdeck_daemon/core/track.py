"""The track record: what became of an agent's actions of one kind, counted from the log.

Each end is noted by an event of its own, in clear: it names agent, kind and a hash of where it went, never content. So
the record can be folded anew from the log, also after somebody was forgotten.

    u  approved as it was proposed     e  approved after an edit     r  rejected     d  done without asking
    f  it failed                       x  it was undone              o  noted only
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.events import Event

from .calibration import bin_of
from .contracts import contract_of
from .entities import Action, Autonomy, Merit, Plain, Reached, Record, Run, Tally
from .hashing import text_hash
from .lookup import find
from .table import Draft, Table
from .turn import Applier, Turn, strings
from .vocabulary import CONFIDENCE_DECISIONS_MIN, told_tally

RECENT_MAX = 50
HASH_CHARS = 24
REACHED_MAX = 100  # Targets of one action that are kept; a mailing to more is no acquaintance.
OURS = frozenset(("kernel",))  # What the house itself proposes says nothing about an agent.
LETTERS = {
    "unchanged": "u",
    "edited": "e",
    "rejected": "r",
    "done": "d",
    "failed": "f",
    "undone": "x",
    "observed": "o",
}
GOOD = frozenset(("unchanged", "done", "observed"))
DECIDED = "uerd"
BAD = "erfx"

replace = msgspec.structs.replace


def record_id(agent: str, action: str) -> str:
    return f"{agent}/{action}"


def autonomy_at(table: Table | Draft, id: str) -> Autonomy:
    """How far the agent may go: as the operator decided, until then as its contract says."""
    known = table.get(Autonomy, id) or Autonomy(id=id)
    agent = None if known.by else contract_of(table, id.partition("/")[0])
    return msgspec.structs.replace(known, level=agent.form.autonomy) if agent is not None else known


def reached_id(action: str, target: str) -> str:
    """The name under which it is kept that something was sent there: who has the target can ask, nobody can list."""
    return f"{action}/{text_hash(target.lower())[:HASH_CHARS]}"


def confidence_of(record: Record | None) -> tuple[float | None, str]:
    """The share of late ends that stood as proposed, and what it rests on in words. None without enough data."""
    recent = record.recent if record is not None else ""
    decided = sum(letter in DECIDED for letter in recent)
    if decided < CONFIDENCE_DECISIONS_MIN:
        return None, f"not enough data ({decided} of {CONFIDENCE_DECISIONS_MIN} decisions)"
    bad = sum(letter in BAD for letter in recent)
    good = max(0, decided - bad)
    return round(good / decided, 4), f"{good} of the last {decided} stood as proposed"


# --- noting ---------------------------------------------------------------------------------------


# What an end adds to (decided, stood) of the bin of the stated confidence.
STOOD, FELL, FELL_LATER, NEITHER = (1, 1), (1, 0), (0, -1), (0, 0)


def _note(
    turn: Turn, action: Action, what: str, weighs: tuple[int, int] = NEITHER, reached: list[str] | None = None
) -> None:  # fmt: skip
    if action.agent in OURS:
        return
    body: Plain = {"record": record_id(action.agent, f"{action.connector}.{action.verb}"), "what": what}
    if reached:
        body["reached"] = reached
    if action.confidence is not None and weighs != NEITHER:
        body |= {"bin": bin_of(action.confidence), "weighs": list(weighs)}
    if what and (made_with := [one for one in action.made_with if not one.startswith("fact:")]):
        body["with"] = made_with  # The key of a fact may be somebody's name, and this is in clear.
    turn.emit("record.noted", body, actor="kernel")


def _action(turn: Turn, event: Event) -> Action:
    return find(turn, Action, str(event.body["action"]))


def _later(action: Action, decided: bool) -> tuple[int, int]:
    """It went wrong after it was decided. What the operator had changed never counted as standing."""
    if action.approval is not None and action.approval.edited:
        return NEITHER
    return FELL_LATER if decided else FELL


def note_approval(turn: Turn, event: Event) -> None:
    edited = isinstance(event.body.get("args"), dict)
    _note(turn, _action(turn, event), "edited" if edited else "unchanged", FELL if edited else STOOD)


def note_return(turn: Turn, event: Event) -> None:
    """Its approval does not hold: what it counted for is taken back, the next decision counts."""
    action = _action(turn, event)
    if event.body.get("given"):
        _note(turn, action, "", (-1, 0) if action.proposed_args else (-1, -1))


def note_rejection(turn: Turn, event: Event) -> None:
    _note(turn, _action(turn, event), "rejected", FELL)


def note_success(turn: Turn, event: Event) -> None:
    action = _action(turn, event)
    name = f"{action.connector}.{action.verb}"
    reached = [reached_id(name, target) for target in action.targets[:REACHED_MAX]]
    unasked = action.approval is None
    _note(turn, action, "done" if unasked else "", STOOD if unasked else NEITHER, reached)


def note_failure(turn: Turn, event: Event) -> None:
    action = _action(turn, event)
    _note(turn, action, "failed", _later(action, decided=action.approval is not None))


def note_withdrawal(turn: Turn, event: Event) -> None:
    """Taken back by the operator after it was allowed or approved; not with its run, nor by rules that were tightened."""
    action = _action(turn, event)
    run = turn.draft.get(Run, action.run) if action.run else None
    if event.body.get("was") == "held" and event.actor == "operator" and (run is None or run.status != "cancelled"):
        _note(turn, action, "undone", _later(action, decided=action.approval is not None))


def note_undo(turn: Turn, event: Event) -> None:
    """It had left, and is mended."""
    action = _action(turn, event)
    _note(turn, action, "undone", _later(action, decided=True))


def note_watched(turn: Turn, event: Event) -> None:
    action = _action(turn, event)
    if action.verdict.level == "observe" and action.verdict.rule == "autonomy":
        _note(turn, action, "observed")


# --- applying -------------------------------------------------------------------------------------


def _noted(draft: Draft, event: Event) -> None:
    id, what = str(event.body["record"]), str(event.body["what"])
    for name in strings(event.body.get("reached", ())):
        before = draft.get(Reached, name)
        draft.put(
            replace(before, seq=event.seq, count=before.count + 1)
            if before is not None
            else Reached(id=name, seq=event.seq, first_us=event.at_us)
        )
    known = draft.get(Record, id) or Record(id=id)
    record = _weighed(known, event.body)
    if what:
        recent = (record.recent + LETTERS[what])[-RECENT_MAX:]
        record = replace(record, tally=_counted(record.tally, what), recent=recent)
    draft.put(replace(record, seq=event.seq, last_us=event.at_us))
    for name in strings(event.body.get("with", ())):
        merit = draft.get(Merit, name) or Merit(id=name, scope=(id,), before=known.tally)
        draft.put(replace(merit, seq=event.seq, tally=_counted(merit.tally, what), last_us=event.at_us))


def _weighed(record: Record, body: Plain) -> Record:
    """The record with what the end says about the confidence that was stated. Events from before say nothing."""
    if "bin" not in body:
        return record
    weighs = msgspec.convert(body["weighs"], tuple[int, int])
    number = str(body["bin"])
    n, stood = record.calibration.get(number, (0, 0))
    n = max(0, n + weighs[0])
    return replace(record, calibration={**record.calibration, number: (n, min(n, max(0, stood + weighs[1])))})


def _counted(tally: Tally, what: str) -> Tally:
    plain = told_tally(tally)
    plain[what] = getattr(tally, what) + 1
    plain["streak"] = tally.streak + 1 if what in GOOD else 0
    return msgspec.convert(plain, Tally)  # `decisions` follows from the rest.


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "approval.given": note_approval,
    "approval.rejected": note_rejection,
    "approval.returned": note_return,
    "effect.succeeded": note_success,
    "effect.failed": note_failure,
    "action.withdrawn": note_withdrawal,
    "action.correction_wanted": note_undo,
    "action.denied": note_watched,
}
APPLY: dict[str, Applier] = {"record.noted": _noted}
