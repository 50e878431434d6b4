"""`review`: the waiting items one by one, a line at a time; for screen readers, pipes and small terminals.

Prints no escape sequence unless colours are asked for, never moves the cursor, reads one line an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import click

from quarterdeck_protocol.codes import QuarterdeckError

from . import proposal
from .actions import undo_action
from .approvals import decide, waiting
from .edit import edit_item
from .plain import Plain, text
from .prompt import ask
from .session import Session
from .text import line
from .times import iso, moment
from .why import tree
from .words import verb

KEYS = "a/e/r/s/w/u/n/?/q"
HELP = (
    "a  approve exactly this",
    "e  edit it in your editor, then approve",
    "r  reject, with a reason",
    "s  snooze until a time",
    "w  why: everything it comes from",
    "u  undo the last one you approved",
    "n  next, leave this one waiting",
    "q  stop here",
)


class Done(Exception):
    """The operator has had enough, or the input has ended."""


class Tally(NamedTuple):
    decided: list[str]
    left: list[str]


def _need(question: str) -> str:
    answer = ask(question)
    if answer is None:
        raise Done
    return answer


def _approve(session: Session, item: Plain) -> bool:
    decide(session, [item], "approve")
    return True


def _reject(session: Session, item: Plain) -> bool:
    session.reason = _need("Why not?")
    if not session.reason:
        session.printer.say("A rejection says why; nothing done.")
        return False
    decide(session, [item], "reject")
    session.reason = ""
    return True


def _snooze(session: Session, item: Plain) -> bool:
    words = _need("Until when? (2h, tomorrow 9:00)")
    decide(session, [item], "snooze", until=iso(moment(words, past=False)))
    return True


def _why(session: Session, item: Plain) -> bool:
    for one in tree(session, text(item, "id")):
        session.printer.say(one)
    return False


def _help(session: Session, _: Plain) -> bool:
    for one in HELP:
        session.printer.say(one)
    return False


def _quit(_: Session, __: Plain) -> bool:
    raise Done


def _next(_: Session, __: Plain) -> bool:
    return True


CHOICES: dict[str, Callable[[Session, Plain], bool]] = {
    "a": _approve, "e": edit_item, "r": _reject, "s": _snooze, "w": _why, "?": _help, "q": _quit, "n": _next,
}  # fmt: skip


def heading(item: Plain, at: int, of: int) -> str:
    """Return `[1/14] low composer Reply to …`."""
    parts = (text(item, "risk"), proposal.agent_of(item), text(item, "summary"))
    return line(f"[{at}/{of}] {' '.join(part for part in parts if part)}")


def review_items(session: Session, items: list[Plain]) -> Tally:
    """Go through the items. Returns the ids decided and those left waiting."""
    tally = Tally([], [])
    last_approved = ""
    try:
        for at, item in enumerate(items, start=1):
            key = _one(session, item, heading(item, at, len(items)), last_approved)
            (tally.left if key == "n" else tally.decided).append(text(item, "id"))
            last_approved = text(item, "id") if key in "ae" else last_approved
    except Done:
        session.printer.say()
    known = {*tally.decided, *tally.left}
    tally.left.extend(id for one in items if (id := text(one, "id")) not in known)
    return tally


def _one(session: Session, item: Plain, head: str, last_approved: str) -> str:
    """Ask about one item until it is decided or left; return the key that ended it."""
    for one in proposal.whole(session.printer, item):
        session.printer.say(one)
    while True:
        key = _need(f"{head} ({KEYS})").lower()[:1]
        try:
            if key == "u":
                _undo(session, last_approved)
            elif key not in CHOICES:
                _help(session, item)
            elif CHOICES[key](session, item):
                return key
        except QuarterdeckError as error:
            # One refusal does not end the review: say it and ask again, or go on when the item is gone.
            session.printer.say(line(f"error: {error.message} {error.hint}"))
            if error.code in ("conflict", "not_found"):
                return "n"
            if error.code in ("unavailable", "unauthorized"):
                raise


def _undo(session: Session, id: str) -> None:
    if id:
        undo_action(session, id)
    else:
        session.printer.say("Nothing approved yet in this review.")


@verb("review", examples=("quarterdeck review", "quarterdeck review --group mail.reply"))
@click.option("--group", metavar="NAME", help="Only this group.")
def review(session: Session, group: str | None) -> None:
    """Decide what waits, one by one, in plain lines: approve, edit, reject, snooze, why, undo."""
    items = waiting(session, group)
    if not items:
        session.printer.talk("Nothing waits.")
        return
    tally = review_items(session, items)
    session.printer.say(f"{len(tally.decided)} decided, {len(tally.left)} left waiting.")
