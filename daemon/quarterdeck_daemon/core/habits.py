"""Habits: an edit that the operator makes for the third time in like drafts raises one question: shall it be a lesson?

    approval.given with edits ──► edit.noted ──► (the third time) lesson.suggested, an alert
                                                        lesson.decided: kept, declined

What is noted are hashes of the changed words (edit_words.py) and the actions; the words are read from the actions when they
are shown. A habit is asked about once: what was declined, or kept and withdrawn later, is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .alerts import raise_alert, settle_topic
from .commands import Command, DecideHabit
from .edit_words import changes, described
from .entities import Action, Edits, Habit, Plain
from .hashing import text_hash
from .lookup import find
from .rejection_lessons import check_lesson, learn, source_of
from .table import Draft, Table
from .track import OURS, record_id
from .turn import Applier, Turn, strings, take_number

SUGGEST_AT: Final = 3
ACTIONS_MAX: Final = 10  # Of one change; the latest.
KEYS_MAX: Final = 200  # Changes that are remembered of one agent and kind; the latest.
OPEN_MAX: Final = 20  # Questions that wait; more are nobody's.

replace = msgspec.structs.replace


def text_of(table: Table | Draft, habit: Habit) -> str:
    """The change in words, from the actions in which it can still be read; "" when all were forgotten.

    What stood there before is quoted when it was the same each time.
    """
    actions = [action for id in habit.actions if (action := table.get(Action, id)) is not None]
    made = [one for action in actions for one in changes(action.proposed_args, action.args) if one.key == habit.key]
    said = described(made[-1:], whole=len({one.old for one in made}) == 1)
    return f"The operator {said}." if said else ""


def shown_hash(text: str) -> str:
    return text_hash(text)[:32]


# --- noting ---------------------------------------------------------------------------------------


def note(turn: Turn, event: Event) -> None:
    """An action was approved after an edit."""
    action = turn.draft.get(Action, str(event.body["action"]))
    if not isinstance(event.body.get("args"), dict) or action is None or action.agent in OURS:
        return
    keys = [one.key for one in changes(action.proposed_args, action.args)]
    if not keys:
        return
    record = record_id(action.agent, f"{action.connector}.{action.verb}")
    turn.emit("edit.noted", {"id": record, "keys": keys, "action": action.id}, actor="kernel")
    edits = turn.draft.get(Edits, record)
    assert edits is not None, "it was just noted"
    for key in keys:
        asked = key in edits.asked or sum(1 for _ in turn.draft.live(Habit)) >= OPEN_MAX
        if len(edits.seen[key]) >= SUGGEST_AT and not asked:
            _suggest(turn, record, key, edits.seen[key])


def _suggest(turn: Turn, record: str, key: str, actions: tuple[str, ...]) -> None:
    id = f"habit{turn.number('habit')}"
    turn.emit("lesson.suggested", {"id": id, "record": record, "key": key, "actions": list(actions)}, actor="kernel")
    agent, _, verb = record.partition("/")
    raise_alert(
        turn, "info", topic_of(id), f"you made the same edit in {len(actions)} drafts of {agent} ({verb}). Make this a lesson?",
        hint=f"quarterdeck lessons show {id}", about=tuple(f"action:{one}" for one in actions),
    )  # fmt: skip


def topic_of(id: str) -> str:
    return f"lesson.suggested/{id}"


# --- deciding -------------------------------------------------------------------------------------


def decide(turn: Turn, command: DecideHabit) -> Plain:
    """Keep it as a lesson, in the words that were shown or in the operator's own, or decline it."""
    if turn.actor != "operator":
        raise QuarterdeckError("forbidden", f"{turn.actor} cannot decide what is learned; only the operator can")
    habit = find(turn, Habit, command.id)
    if not habit.live:
        raise QuarterdeckError("conflict", f"{habit.id} was {habit.status} already", hint="quarterdeck lessons")
    lesson = "" if command.decision == "decline" else _keep(turn, habit, command)
    status = "declined" if command.decision == "decline" else "kept"
    turn.emit("lesson.decided", {"id": habit.id, "status": status, "lesson": lesson})
    settle_topic(turn, topic_of(habit.id), status)
    return {"id": habit.id, "status": status, "lesson": lesson}


def _keep(turn: Turn, habit: Habit, command: DecideHabit) -> str:
    text = text_of(turn.draft, habit)
    draft = command.lesson
    if not draft.text.strip():
        if command.shown_hash != shown_hash(text):
            raise QuarterdeckError("conflict", f"{habit.id} is not what you saw any more", hint="Look at it again.")
        draft = replace(draft, text=text)
    check_lesson(draft)
    return learn(turn, replace(source_of(turn, find(turn, Action, habit.actions[-1])), id=habit.id), draft)


# --- applying -------------------------------------------------------------------------------------


def _noted(draft: Draft, event: Event) -> None:
    id, action = str(event.body["id"]), str(event.body["action"])
    edits = draft.get(Edits, id) or Edits(id=id)
    seen = dict(edits.seen)
    for key in strings(event.body["keys"]):
        known = tuple(one for one in seen.pop(key, ()) if one != action)
        seen[key] = (*known, action)[-ACTIONS_MAX:]
    draft.put(replace(edits, seq=event.seq, seen=dict(list(seen.items())[-KEYS_MAX:])))


def _suggested(draft: Draft, event: Event) -> None:
    body = event.body
    habit = Habit(
        id=str(body["id"]), seq=event.seq, record=str(body["record"]), key=str(body["key"]),
        actions=strings(body["actions"]), at_us=event.at_us,
    )  # fmt: skip
    draft.put(habit)
    edits = draft.get(Edits, habit.record)
    assert edits is not None, "only what was noted is suggested"
    draft.put(replace(edits, seq=event.seq, asked={**edits.asked, habit.key: habit.id}))
    take_number(draft, habit.id, event.seq)


def _decided(draft: Draft, event: Event) -> None:
    habit = draft.get(Habit, str(event.body["id"]))
    assert habit is not None, "only what was suggested is decided"
    status = "kept" if event.body["status"] == "kept" else "declined"
    draft.put(replace(habit, seq=event.seq, status=status, lesson=str(event.body["lesson"])))


DECIDE: dict[type[Command], Callable[..., Plain]] = {DecideHabit: decide}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"approval.given": note}
APPLY: dict[str, Applier] = {"edit.noted": _noted, "lesson.suggested": _suggested, "lesson.decided": _decided}
