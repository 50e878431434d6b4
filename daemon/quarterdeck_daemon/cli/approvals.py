"""`approvals`, `approve`, `reject`, `snooze`: what waits, and the operator's word on it. A run's question is named `RUN/STEP`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from quarterdeck_protocol.codes import QuarterdeckError

from . import proposal
from .deciding import confirmed, decide
from .delegate import delegate
from .group_sheet import groups_in, sheet, ticked_in
from .plain import Plain, text
from .prompt import sure
from .session import Session
from .text import line
from .times import countdown, iso, local, moment
from .words import changes, confirms, reads, verb

F = TypeVar("F", bound=Callable[..., object])
_GROUP = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+-[0-9a-f]{6}")


def waiting(session: Session, group: str | None = None) -> list[Plain]:
    """Return the approvals that wait."""
    return session.items("approval.list", {"group": group} if group else {})


def waiting_for(session: Session, ids: Sequence[str]) -> list[Plain]:
    """Return the waiting items of exactly these ids, in their order; those put away by `snooze` wait as well.

    Raises QuarterdeckError `not_found` for an id that nothing has (a beginning of an id is no id), `conflict` for
    an action that was decided on already.
    """
    found = {text(one, "id"): one for one in waiting(session)}
    return [found[id] if id in found else out_of_sight(session, id, list(found)) for id in dict.fromkeys(ids)]


def out_of_sight(session: Session, id: str, listed: list[str]) -> Plain:
    """Return what was put away under this id. Raises QuarterdeckError as `waiting_for` says."""
    away = session.items("approval.list", {"away": True})
    if (found := next((one for one in away if text(one, "id") == id), None)) is not None:
        return found
    try:
        status = text(proposal.decided(session, id), "status")
    except QuarterdeckError as error:
        if error.code != "not_found":
            raise
        longer = [one for one in listed if one.startswith(id)]
        hint = f"Ids are written in full: {', '.join(longer[:5])}." if longer else "See `quarterdeck approvals`."
        message = f"Nothing waits for a decision under the id `{id}`."
        raise QuarterdeckError("not_found", message, hint=hint) from error
    message = f"{id} does not wait for you{'' if '/' in id else ' any more'}: it is {status}."
    raise QuarterdeckError("conflict", message, hint=f"See `{session.command(f'why {id}')}`.")


def expanded(session: Session, names: Sequence[str], leave: Sequence[str]) -> list[Plain]:
    """Return the items that ids and groups name. Of a group only what is ticked, and nothing that is left out.

    Raises QuarterdeckError `conflict` for a group that is no longer what its name says: it holds a hash of its members.
    """
    listed = waiting(session)
    groups = groups_in(listed)
    found: list[Plain] = []
    for name in names:
        if name in groups:
            members = groups[name]
            for row in sheet(session.printer, name, members, [id for id in ticked_in(members) if id not in leave]):
                if not session.printer.json:
                    session.printer.say(row)
            found += [one for one in members if one.get("ticked") is True]
        elif _GROUP.fullmatch(name):
            raise _gone(name, list(groups))
        else:
            found += waiting_for(session, [name])
    unknown = [id for id in leave if id not in {text(one, "id") for one in listed}]
    if unknown:
        raise QuarterdeckError(
            "not_found", f"Nothing waits under the id `{unknown[0]}`.", hint="See `quarterdeck approvals`."
        )
    kept = {text(one, "id"): one for one in found if text(one, "id") not in leave}
    return list(kept.values())


def _gone(name: str, present: list[str]) -> QuarterdeckError:
    alike = [one for one in present if one.rpartition("-")[0] == name.rpartition("-")[0]]
    hint = (
        f"Now there is: {', '.join(alike)}. Look at it first." if alike else "See `quarterdeck approvals --groups`."
    )
    return QuarterdeckError(
        "conflict", f"There is no group {name} now: its name changes with its members.", hint=hint
    )


def lesson_of(
    session: Session, until: str, everybody: bool, to: str, said: str = "", *, edited: bool = False
) -> Plain:  # fmt: skip
    """Return what is to be learned, as the daemon takes it. edited: without words it says what was changed."""
    if not (said or session.reason or edited):
        raise QuarterdeckError("bad_value", "A lesson says something.", hint="Add --reason 'TEXT'.")
    wanted = {
        "text": said or session.reason, "to": to, "everybody": everybody, "until": iso(moment(until, past=False)) if until else "",
    }  # fmt: skip
    return {name: value for name, value in wanted.items() if value or name == "text"}


def asked_lesson(
    session: Session, item: Plain, need: Callable[[str], str], *, edited: bool = False
) -> Plain | None:  # fmt: skip
    """Ask whether the reason or edit shall be learned, by whom and until when. A script is not asked: it answers line by line."""
    if not sys.stdin.isatty():
        return None
    agent, where = proposal.agent_of(item), proposal.targets(item)
    to = where[0] if len(where) == 1 else ""
    only = f", t for {to} only" if to else ""
    question = f"Shall {agent} learn that? (Enter no, y yes{only}, all for every agent, or until when: 90d)"
    said = need(line(question)).lower()
    if said in ("", "n", "no"):
        return None
    if said in ("y", "yes", "all", "t"):
        return lesson_of(session, "", said == "all", to if said == "t" else "", edited=edited)
    return lesson_of(session, said, False, "", edited=edited)


def check_lesson_words(lesson: bool, until: str, everybody: bool, to: str) -> None:
    if (until or everybody or to) and not lesson:
        raise QuarterdeckError("bad_value", "That is said of a lesson.", hint="Add --lesson.")


def lessons(function: F) -> F:
    """Add the options of a lesson."""
    for option in (
        click.option("--lesson-to", metavar="ADDRESS", default="", help="Only about this recipient."),
        click.option("--lesson-all", is_flag=True, help="For all agents, not only for who proposed it."),
        click.option("--lesson-until", metavar="TIME", default="", help="It ends then, such as 90d; else it stays."),
        click.option("--lesson", is_flag=True, help="Keep it as a lesson for the agent's next work."),
    ):
        function = option(function)
    return function


@verb(
    "approvals",
    examples=(
        "quarterdeck approvals",
        "quarterdeck approvals --groups",
        "quarterdeck approvals --json | jq '.items[].summary'",
    ),
)
@click.option("--group", metavar="NAME", help="Only this group.")
@click.option("--groups", is_flag=True, help="What is alike as sheets, with ticks and why a tick is off.")
@reads
def approvals(session: Session, group: str | None, groups: bool) -> None:
    """List what waits for your yes: risk first, then money, then what expires first. Nothing of it leaves before."""
    items = waiting(session, group)
    found = groups_in(items)
    if groups:
        grouped = {text(one, "id") for members in found.values() for one in members}
        rows = [
            row
            for name, members in found.items()
            for row in sheet(session.printer, name, members, ticked_in(members))
        ]
        single = [one for one in items if text(one, "id") not in grouped]
        rows += list(session.printer.table(proposal.HEADERS, proposal.rows(single))) if single else []
        session.show_items(items, rows, none="Nothing waits.")
    else:
        session.show_items(
            items, session.printer.table(proposal.HEADERS, proposal.rows(items)), none="Nothing waits."
        )
    if not session.printer.json:
        tell_more(session, items, found)


def tell_more(session: Session, items: list[Plain], found: dict[str, list[Plain]]) -> None:
    """What can be decided together, what cools off, what to do next."""
    for name, members in found.items():
        ticked = len(ticked_in(members))
        session.printer.talk(
            line(f"group: {name}, {ticked} of {len(members)} ticked: {session.command(f'approve {name}')}")
        )
    for one in cooling(session):
        id, when = text(one, "id"), text(one, "releases_at")
        session.printer.talk(
            line(f"cooling off: {id} leaves {local(when)} ({countdown(when)}): {session.command(f'undo {id}')}")
        )
    for one in besides(session, "lesson.suggested", {}):
        yes, no = (session.command(f"lessons {word} {text(one, 'id')}") for word in ("keep", "decline"))
        session.printer.talk(line(f"make this a lesson? {text(one, 'text')} {yes}, or {no}"))
    if items:
        session.printer.talk("next: `quarterdeck review`, or `quarterdeck why ID`, then `quarterdeck approve ID`")


def cooling(session: Session) -> list[Plain]:
    """What was approved and waits to be read again."""
    return [one for one in besides(session, "action.list", {"live": True}) if one.get("cooling") is True]


def besides(session: Session, method: str, params: Plain) -> list[Plain]:
    """Return a list that is told besides; under `at` nothing counts down, and a daemon that has none tells none."""
    if session.as_of is not None:
        return []
    try:
        return session.items(method, params)
    except QuarterdeckError as error:
        if error.code not in ("not_found", "unknown_method"):
            raise
        return []  # An older daemon: what was asked for is on the screen already.


@verb(
    "approve",
    examples=(
        "quarterdeck approve a17", "quarterdeck approve mail.send-3f2a9c --except a18",
        "quarterdeck approve a20 --confirm 312.50", "quarterdeck approve a17 --always", "quarterdeck approve r7/review",
    ),
)  # fmt: skip
@click.argument("names", nargs=-1, required=True, metavar="ID|GROUP…")
@click.option("--except", "leave", multiple=True, metavar="ID", help="Leave this one out; again for more.")
@click.option("--confirm", metavar="WORD", default="", help="For a high risk: the amount, or the recipient.")
@click.option("--always", is_flag=True, help="Draft a narrow rule from it, shown against the past first.")
@click.option(
    "--until", metavar="TIME", default="", help="With --always: a permission that ends then, in place of a rule."
)
@click.option("--uses", type=click.IntRange(1, 1_000), default=20, help="With --until: how often in all.")
@lessons
@confirms
@changes
def approve(
    session: Session,
    names: tuple[str, ...],
    leave: tuple[str, ...],
    confirm: str,
    always: bool,
    until: str,
    uses: int,
    lesson: bool,
    lesson_until: str,
    lesson_all: bool,
    lesson_to: str,
) -> None:
    """Say yes to each ID, exactly as it stands now, or to all that is ticked in a GROUP. Exit status 8: it changed meanwhile."""
    if until and not always:
        raise QuarterdeckError("bad_value", "--until ends a permission.", hint="Add --always.")
    check_lesson_words(lesson, lesson_until, lesson_all, lesson_to)
    taught = lesson_of(session, lesson_until, lesson_all, lesson_to) if lesson else None
    items = expanded(session, names, leave)
    if always and len(items) != 1:
        raise QuarterdeckError("bad_value", "A rule is drafted from one action.", hint="Name one ID.")
    if not items:
        raise QuarterdeckError(
            "bad_value", "No tick is left: nothing to approve.", hint="See `quarterdeck approvals --groups`."
        )
    of_group = any(_GROUP.fullmatch(name) for name in names)
    if of_group and not session.dry_run and not sure(session, f"Approve these {len(items)}?"):
        session.printer.talk("Nothing was approved.")
        return
    if always and not delegate(session, items[0], until=until, uses=uses) and not session.dry_run:
        return
    words = confirmed(session, items, confirm)
    decide(session, items, "approve", {"lesson": taught}, words=words)


@verb("reject", examples=("quarterdeck reject a17 --reason 'we do not work for them' --lesson",))
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@lessons
@changes
def reject(
    session: Session, ids: tuple[str, ...], lesson: bool, lesson_until: str, lesson_all: bool, lesson_to: str
) -> None:
    """Say no to each ID, with a reason that is remembered; with --lesson the agent learns from it."""
    if not session.reason:
        raise QuarterdeckError("bad_value", "A rejection says why.", hint="Add --reason 'TEXT'.")
    check_lesson_words(lesson, lesson_until, lesson_all, lesson_to)
    taught = lesson_of(session, lesson_until, lesson_all, lesson_to) if lesson else None
    decide(session, waiting_for(session, ids), "reject", {"lesson": taught})


@verb(
    "snooze",
    examples=(
        "quarterdeck snooze a17 --until 2h",
        "quarterdeck snooze a17 --until reply",
        "quarterdeck snooze a17 --until run:r3",
    ),
)
@click.argument("id")
@click.option(
    "--until", required=True, metavar="TIME|EVENT",
    help="10m, 2h, 14:00, tomorrow 9:00 or an ISO time; or reply, run:ID, fact:KIND/KEY: when that happens.",
)  # fmt: skip
@changes
def snooze(session: Session, id: str, until: str) -> None:
    """Put ID away until a time, or until something happens; never past its expiry."""
    when = away_until(until)
    decide(session, waiting_for(session, [id]), "snooze", when)
    if not session.dry_run:
        session.printer.talk(back_at(when))


def away_until(words: str) -> dict[str, str]:
    """Return what the daemon takes for `2h` or `reply`. Raises QuarterdeckError `bad_value`."""
    if words == "reply" or words.partition(":")[0] in ("run", "fact"):
        return {"until_event": words}
    return {"until": iso(moment(words, past=False))}


def back_at(when: dict[str, str]) -> str:
    if "until" in when:
        return f"It comes back at {local(when['until'])}."
    return f"It comes back when this happens: {line(when['until_event'])}; at the latest shortly before it expires."
