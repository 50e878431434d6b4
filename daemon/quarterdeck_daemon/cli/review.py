"""`review`: what waits, a line at a time; for screen readers, pipes and small terminals.

What is alike comes as one sheet with numbered ticks, everything else one by one, in the order of risk. Prints no escape
sequence unless colours are asked for, never moves the cursor, reads one line an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import click

from quarterdeck_protocol.codes import QuarterdeckError

from . import proposal
from .approvals import asked_lesson, away_until, back_at, lesson_of, waiting
from .deciding import confirmed, decide, now_ms
from .delegate import delegate
from .edit import edit_item
from .group_sheet import groups_in, sheet, ticked_in
from .plain import Plain, text
from .prompt import ask
from .session import Session
from .text import line
from .undoing import undo_one
from .why import tree
from .words import verb

KEYS = "a/e/r/s/p/w/u/n/?/q"
HELP = (
    "a  approve exactly this; a high risk is typed",
    "e  edit it in your editor, then approve",
    "r  reject, with a reason; one that begins with `lesson:` is learned by the agent",
    "s  snooze until a time, or until reply, run:ID, fact:KIND/KEY",
    "p  make a rule of it, shown against the past first, then approve",
    "w  why: everything it comes from",
    "u  undo the last one you approved",
    "n  next, leave this one waiting",
    "q  stop here",
)
GROUP_KEYS = "a/o/r/s/n/?/q, or numbers"
GROUP_HELP = (
    "a    approve all that is ticked",
    "2 4  numbers change ticks",
    "o    one by one",
    "r    reject all that is ticked, for one reason",
    "s    snooze all that is ticked",
    "n    next, leave the group waiting",
    "q    stop here",
)
LESSON_MARK = "lesson:"
FAST_MS, FAST_MAX = 1_000, 10  # So many approvals faster than that, and the next group is read in full first.


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


def _shown(item: Plain) -> Plain:
    """Since when it stands before the operator."""
    return {"shown_at_ms": item.get("shown_at_ms")}


def _approve(session: Session, item: Plain) -> bool:
    words = confirmed(session, [item], "")
    decide(session, [item], "approve", _shown(item), words=words)
    return True


def _reject(session: Session, item: Plain) -> bool:
    reason = _need("Why not?")
    if not reason:
        session.printer.say("A rejection says why; nothing done.")
        return False
    return _rejected(session, [item], reason)


def _rejected(session: Session, items: list[Plain], answer: str) -> bool:
    """A reason that begins with `lesson:` is learned; at a terminal the operator is asked."""
    teaches = answer.lower().startswith(LESSON_MARK)
    session.reason = answer[len(LESSON_MARK) :].strip() if teaches else answer
    try:
        taught = lesson_of(session, "", False, "") if teaches else asked_lesson(session, items[0], _need)
        decide(session, items, "reject", {**_shown(items[0]), "lesson": taught})
    finally:
        session.reason = ""
    return True


def _snooze(session: Session, item: Plain) -> bool:
    when = away_until(_need("Until when? (2h, tomorrow 9:00, reply)"))
    decide(session, [item], "snooze", {**_shown(item), **when})
    session.printer.talk(back_at(when))
    return True


def _delegate(session: Session, item: Plain) -> bool:
    return delegate(session, item) and _approve(session, item)


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
    "a": _approve, "e": edit_item, "r": _reject, "s": _snooze, "p": _delegate, "w": _why, "?": _help, "q": _quit,
    "n": _next,
}  # fmt: skip


def heading(item: Plain, at: int, of: int) -> str:
    """Return `[1/14] low composer Reply to …`."""
    parts = (text(item, "risk"), proposal.agent_of(item), text(item, "summary"))
    return line(f"[{at}/{of}] {' '.join(part for part in parts if part)}")


class Review:
    """One sitting: what was decided, what was left, what was approved last, and how fast."""

    def __init__(self, session: Session, items: list[Plain]) -> None:
        self.session, self.items = session, items
        self.groups = groups_in(items)
        self.tally = Tally([], [])
        self.last_approved = ""
        self.fast = 0

    def run(self) -> Tally:
        try:
            for at, item in enumerate(self.items, start=1):
                self._meet(at, item)
        except Done:
            self.session.printer.say()
        known = {*self.tally.decided, *self.tally.left}
        self.tally.left.extend(id for one in self.items if (id := text(one, "id")) not in known)
        return self.tally

    def _meet(self, at: int, item: Plain) -> None:
        group = self.groups.pop(text(item, "group"), None)
        if group is not None:
            self._decide_group(text(item, "group"), group)
        id = text(item, "id")
        if id in (*self.tally.decided, *self.tally.left):
            return
        key = self._one(item, heading(item, at, len(self.items)))
        (self.tally.left if key == "n" else self.tally.decided).append(id)
        self.last_approved = id if key in "aep" else self.last_approved

    # --- one by one

    def _one(self, item: Plain, head: str) -> str:
        """Ask about one item until it is decided or left; return the key that ended it."""
        item["shown_at_ms"] = now_ms()
        self._show(item)
        while True:
            key = _need(f"{head} ({KEYS})").lower()[:1]
            try:
                if key == "u":
                    self._undo()
                elif key not in CHOICES:
                    _help(self.session, item)
                elif CHOICES[key](self.session, item):
                    self._pace(key, item)
                    return key
            except QuarterdeckError as error:
                # One refusal does not end the review: say it and ask again, or go on when the item is gone.
                self.session.printer.say(line(f"error: {error.message} {error.hint}"))
                if error.code in ("conflict", "not_found"):
                    return "n"
                if error.code in ("unavailable", "unauthorized"):
                    raise

    def _show(self, item: Plain) -> None:
        for one in proposal.whole(self.session.printer, item):
            self.session.printer.say(one)

    def _pace(self, key: str, item: Plain) -> None:
        shown = item.get("shown_at_ms")
        quick = key == "a" and isinstance(shown, int) and now_ms() - shown < FAST_MS
        self.fast = self.fast + 1 if quick else 0

    def _undo(self) -> None:
        if self.last_approved:
            undo_one(self.session, self.last_approved)
        else:
            self.session.printer.say("Nothing approved yet in this review.")

    # --- together

    def _decide_group(self, name: str, members: list[Plain]) -> None:
        """Show the sheet, take ticks by number, and decide about what is ticked; the rest comes one by one."""
        ticked = ticked_in(members)
        shown = now_ms()
        self._bump(members)
        while True:
            for row in sheet(self.session.printer, name, members, ticked):
                self.session.printer.say(row)
            answer = _need(f"approve {len(ticked)} of {len(members)} ({GROUP_KEYS})").lower()
            if numbers := _numbers(answer, len(members)):
                ticked = _toggled(ticked, [text(members[number - 1], "id") for number in numbers])
            elif answer[:1] in ("o", "q") or answer[:1] == "n":
                self._leave(answer[:1], members)
                return
            elif answer[:1] in ("a", "r", "s") and self._together(answer[:1], members, ticked, shown):
                return
            elif answer[:1] not in ("a", "r", "s"):
                for one in GROUP_HELP:
                    self.session.printer.say(one)

    def _bump(self, members: list[Plain]) -> None:
        """A fast yes is the known failure: after many of them one of the group is shown whole first."""
        if self.fast >= FAST_MAX:
            self.session.printer.say(f"You approved {self.fast} in under a second each. One of the next, in full:")
            self._show(members[-1])
            self.fast = 0

    def _leave(self, key: str, members: list[Plain]) -> None:
        if key == "q":
            raise Done
        if key == "n":
            self.tally.left.extend(text(one, "id") for one in members)

    def _together(self, key: str, members: list[Plain], ticked: list[str], shown: int) -> bool:
        """Decide about the ticked ones at once. Returns whether that was done."""
        chosen = [{**one, "shown_at_ms": shown} for one in members if text(one, "id") in ticked]
        if not chosen:
            self.session.printer.say("No tick is on.")
            return False
        try:
            self._send(key, chosen)
        except QuarterdeckError as error:
            self.session.printer.say(line(f"error: {error.message} {error.hint}"))
            if error.code in ("unavailable", "unauthorized"):
                raise
            if error.code not in ("conflict", "not_found", "stopped", "policy_denied"):
                return False
        self.tally.decided.extend(ticked)
        return True

    def _send(self, key: str, chosen: list[Plain]) -> None:
        if key == "a":
            decide(self.session, chosen, "approve", _shown(chosen[0]))
            self.last_approved = text(chosen[-1], "id")
        elif key == "s":
            when = away_until(_need("Until when? (2h, tomorrow 9:00, reply)"))
            decide(self.session, chosen, "snooze", {**_shown(chosen[0]), **when})
        elif reason := _need("Why not?"):
            _rejected(self.session, chosen, reason)
        else:
            raise QuarterdeckError("bad_value", "A rejection says why; nothing done.")


def _numbers(answer: str, most: int) -> list[int]:
    """The numbers of rows in an answer such as `2 4` or `2,4`; [] when it is anything else."""
    words = answer.replace(",", " ").split()
    if not words or not all(word.isdecimal() and word.isascii() and len(word) <= 3 for word in words):
        return []
    return [number for number in map(int, words) if 1 <= number <= most]


def _toggled(ticked: list[str], ids: list[str]) -> list[str]:
    kept = [id for id in ticked if id not in ids]
    return [*kept, *(id for id in ids if id not in ticked)]


@verb("review", examples=("quarterdeck review", "quarterdeck review --group mail.reply"))
@click.option("--group", metavar="NAME", help="Only this group.")
def review(session: Session, group: str | None) -> None:
    """Decide what waits in plain lines: groups by ticks, the rest one by one; approve, edit, reject, snooze, rule, why, undo."""
    items = waiting(session, group)
    if not items:
        session.printer.talk("Nothing waits.")
        return
    tally = Review(session, items).run()
    session.printer.say(f"{len(tally.decided)} decided, {len(tally.left)} left waiting.")
