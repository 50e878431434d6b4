"""Sending a decision: the words typed for high risks, what was shown when, and what became of each item."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from quarterdeck_protocol.codes import CODES, Code, QuarterdeckError

from .plain import Plain, record, records, text
from .prompt import ask
from .session import Session
from .text import line
from .times import local

if TYPE_CHECKING:
    from quarterdeck_protocol.calls import Result

DID = {"approve": "approved", "reject": "rejected", "snooze": "snoozed"}


def now_ms() -> int:
    """Since 1970, for telling when something was shown."""
    return time.time_ns() // 1_000_000


def confirmed(session: Session, items: list[Plain], given: str) -> dict[str, str]:
    """The words typed for the high risks among the items, by id. Raises `needs_approval` where nobody can be asked."""
    words: dict[str, str] = {}
    for item in items:
        wanted, id = text(item, "confirm"), text(item, "id")
        if not wanted or session.dry_run:
            continue
        typed = given if given and len(items) == 1 else _typed(session, id, text(item, "summary"), wanted)
        words[id] = typed
    return words


def _typed(session: Session, id: str, summary: str, wanted: str) -> str:
    question = line(f"{id} is a HIGH risk: {summary}. To approve it, type {wanted}:")
    answer = None if session.no_input else ask(question)
    if answer is None:
        raise QuarterdeckError(
            "needs_approval",
            f"{id} is a high risk: a yes to it must be typed.",
            hint=f"Add --confirm '{line(wanted)}'.",
        )
    return answer


def decide(
    session: Session,
    items: list[Plain],
    decision: str,
    more: Mapping[str, object] | None = None,
    *,
    words: Mapping[str, str] | None = None,
) -> list[str]:
    """Send one decision on items as they were just shown, report each, and fail when one was refused.

    more: further params; empty ones are left out.  words: what was typed for high risks, by id. Returns the ids that were decided.
    """
    words = words or {}
    params: Plain = {
        "items": [_choice(one, words.get(text(one, "id"), "")) for one in items],
        "decision": decision,
        **{name: value for name, value in (more or {}).items() if value},
    }
    names = ", ".join(f"{text(one, 'id')} ({text(one, 'summary')})" for one in items)
    result = session.change("approval.decide", params, does=f"{decision} {names}")
    if result is None:
        return []
    outcome = {text(one, "id"): one for one in records(result.result.get("items"))}
    if (
        not words
        and (missing := _missing_word(session, items, outcome))
        and (again := _with_word(session, params, items, missing))
    ):
        result = again
        outcome = {text(one, "id"): one for one in records(result.result.get("items"))}
    return report(session, items, outcome, decision, result.seq)


def _missing_word(session: Session, items: list[Plain], outcome: dict[str, Plain]) -> str:
    """The word that the only item still costs: an edit may have made it a high risk, or changed what is to be typed."""
    found = outcome.get(text(items[0], "id"), {}) if len(items) == 1 else {}
    may_ask = not (session.no_input or session.request_id or session.printer.json)
    return text(found, "confirm") if may_ask and text(found, "error") == "needs_approval" else ""


def _with_word(session: Session, params: Plain, items: list[Plain], word: str) -> Result | None:
    typed = ask(line(f"{text(items[0], 'id')} is a HIGH risk as it stands. To approve it, type {word}:"))
    if not typed:
        return None
    return session.change("approval.decide", {**params, "items": [_choice(items[0], typed)]}, does="approve")


def _choice(item: Plain, word: str) -> Plain:
    chosen: Plain = {"id": text(item, "id"), "shown_hash": text(item, "shown_hash")}
    return chosen | ({"confirm": word} if word else {})


def report(session: Session, items: list[Plain], outcome: dict[str, Plain], decision: str, seq: int) -> list[str]:
    """Print one line an item. Raises the first refusal after all of them are printed."""
    refused: list[QuarterdeckError] = []
    rows: list[Plain] = []
    for item in items:
        id = text(item, "id")
        found = outcome.get(id, {})
        error = refusal(id, found)
        if error is not None:
            refused.append(error)
        rows.append(
            found
            | {"id": id, "summary": text(item, "summary"), "seq": seq}
            | steps(session, item, decision, error, found)
        )
    session.show({"items": rows}, [line(f"{one['did']} {one['id']}: {one['summary']}") for one in rows])
    for name in ("next", "learned", "undo"):
        for said in dict.fromkeys(str(one[name]) for one in rows if one.get(name)):
            session.printer.talk(f"{name}: {line(said)}")
    if refused:
        raise refused[0]
    return [text(one, "id") for one in rows]


def steps(session: Session, item: Plain, decision: str, error: QuarterdeckError | None, found: Plain) -> Plain:
    """Return what happened, what comes next and how to take it back, in words."""
    if error is not None:
        return {"did": "not done", "next": "", "undo": ""}
    tell = _of_gate if item.get("gate") is True else _of_action
    then, undo = tell(session, item, decision, found)
    told: Plain = {"did": DID[decision], "next": then, "undo": undo}
    lesson = text(found, "lesson")
    if lesson:
        told["learned"] = f"lesson {lesson}; take it back with `{session.command(f'memory withdraw {lesson}')}`"
    return told


def _of_gate(session: Session, item: Plain, decision: str, found: Plain) -> tuple[str, str]:
    run = text(item, "run")
    return {
        "approve": (
            f"run {run} goes on; what it wants to let out is still asked about by your rules",
            f"no yes to a question is taken back alone; all that {run} did, before and after it: "
            + session.command(f"runs rollback {run}"),
        ),
        "reject": ("the step and what needs it are skipped", "start the run again"),
        "snooze": ("it comes back in `quarterdeck approvals`", session.command(f"approve {text(item, 'id')}")),
    }[decision]


def _of_action(session: Session, item: Plain, decision: str, found: Plain) -> tuple[str, str]:
    id = text(item, "id")
    releases_at = text(found, "releases_at")
    leaves = f"at {local(releases_at)}" if releases_at else "after its hold"
    cools = ", and is read again first: if anything it rests on has changed by then, it comes back to you"
    return {
        "approve": (
            f"it leaves {leaves}{cools if found.get('cooling') is True else ''}; until then undo is free",
            session.command(f"undo {id}"),
        ),
        "reject": ("nothing leaves; the run goes on without it", "not needed: nothing happened"),
        "snooze": ("it comes back in `quarterdeck approvals`", session.command(f"approve {id}")),
    }[decision]


def refusal(id: str, found: Plain) -> QuarterdeckError | None:
    """Return the item's error, or None when it was done."""
    if found.get("ok") is True:
        return None
    error = record(found.get("error")) or {**found, "code": text(found, "error")}
    code = next((known for known in CODES if known == text(error, "code")), "internal")
    message = text(error, "message") or f"{id} was not decided."
    hint = text(error, "hint")
    if code == "conflict" and not hint:
        hint = f"It changed since it was shown. Look again: `quarterdeck why {id}`."
    if word := text(found, "confirm"):
        hint = f"Add --confirm '{line(word)}'."
    return QuarterdeckError(cast(Code, code), message, hint=hint)
