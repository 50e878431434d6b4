"""`undo` and `runs rollback`: effects taken back, after the plan was shown: what goes, what stays and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, text
from .prompt import sure
from .session import Session
from .text import counted, line
from .times import iso, moment
from .words import changes, confirms, verb

if TYPE_CHECKING:
    from quarterdeck_protocol.calls import Result

WAYS = {
    "withdraw": "does not leave",
    "compensate": "taken back",
    "correct": "corrected, stays in the world",
    "wait": "waits for its outcome",
    "cannot": "stays",
}


@verb("undo", examples=(
    "quarterdeck undo a17", "quarterdeck undo run:r3 --dry-run", "quarterdeck undo agent:outreach --since 2h",
    "quarterdeck undo --from 14:00 --to 14:30", "quarterdeck undo u3", "quarterdeck undo --list",
))  # fmt: skip
@click.argument("what", required=False, metavar="[WHAT]")
@click.option("--since", "--from", "since", metavar="TIME", help="Only what was proposed since then.")
@click.option("--until", "--to", "until", metavar="TIME", help="… and up to then.")
@click.option(
    "--plan", "plan_hash", metavar="HASH", default="", help="Only if the plan is still the one of this dry run."
)
@click.option("--list", "listing", is_flag=True, help="Show undoings and how far they are.")
@confirms
@changes
def undo(
    session: Session, what: str | None, since: str | None, until: str | None, plan_hash: str, listing: bool
) -> None:
    """Take back WHAT did: an action a17, run:r3, agent:NAME, an earlier undo u3; or all of a stretch of time.

    What has not left never leaves. What has left is taken back by another action, newest first, through policy and
    approval. What cannot be taken back is said first.
    """
    if listing:
        show_undoings(session)
        return
    scope = scope_of(what)
    plain_action = scope.startswith("action:") and not (session.dry_run or plan_hash or since or until)
    if plain_action:
        undo_one(session, scope.partition(":")[2])
        return
    if not (what or since or until):
        raise QuarterdeckError(
            "bad_value", "Undo what?", hint="a17, run:r3, agent:outreach, u3, or a time: --since 2h."
        )
    params: Plain = {"scope": scope}
    if since:
        params["since"] = iso(moment(since, past=True))
    if until:
        params["until"] = iso(moment(until, past=True))
    take_back(session, "undo.start", params, plan_hash)


def scope_of(what: str | None) -> str:
    """Return the scope for a word as people write it: a17, u3, run:r3, agent:outreach, or nothing for all."""
    if not what:
        return "everything"
    if ":" in what:
        return what
    run, is_gate, _ = what.partition("/")
    if is_gate:
        raise QuarterdeckError(
            "bad_value", f"A yes to {what} let nothing out by itself, and the run has gone on with it.",
            hint=f"`quarterdeck undo {run}` takes back everything that {run} did; `quarterdeck runs cancel {run}` ends it.",
        )  # fmt: skip
    kind = {"a": "action", "u": "undoing", "r": "run"}.get(what[0]) if what[1:].isdecimal() else None
    if kind is None:
        hint = "a17, run:r3, agent:outreach, u3, or a time: --since 2h."
        raise QuarterdeckError("bad_value", f"{what!r} is nothing that can be undone.", hint=hint)
    return f"{kind}:{what}"


def take_back(session: Session, method: str, params: Plain, plan_hash: str) -> None:
    """Show the plan, ask, begin. With --dry-run only show."""
    plan = session.client.call(method, params | {"dry_run": True}).result
    lines = list(plan_lines(session, plan))
    if session.dry_run:
        session.show(plan, lines)
        return
    if not session.printer.json:
        session.show(plan, lines)
    doing = [one for one in records(plan.get("items")) if text(one, "way") != "cannot"]
    if not doing:
        session.show(plan, ()) if session.printer.json else session.printer.talk("nothing to undo")
        return
    if not plan_hash and not sure(session, f"Undo {counted(len(doing), 'action')}?"):
        session.printer.talk("nothing was changed")
        return
    asked = params | {"plan_hash": plan_hash or text(plan, "plan_hash"), "reason": session.reason}
    tell_begun(session, session.client.call(method, asked, request_id=session.request_id))


def undo_one(session: Session, id: str) -> None:
    """One action, without a question: before it leaves that is free, and after it another action asks."""
    result = session.change("action.undo", {"id": id}, does=f"undo {id}")
    if result is not None:
        tell_begun(session, result)


def tell_begun(session: Session, result: Result) -> None:
    """What came of it so far, what is next, and how to take that back."""
    found = result.result
    id, rows = text(found, "id"), records(found.get("items"))
    waiting = " ".join(text(one, "by") for one in rows if text(one, "by_status") == "proposed")
    then = session.command(f"approve {waiting}") if waiting else session.command("undo --list")
    undo = session.command(f"undo {id}")
    if all(text(one, "state") == "withdrawn" for one in rows):
        then, undo = "it does not leave", "not possible: start its playbook again"
    said = _one_told(rows[0]) if len(rows) == 1 else _progress(found)
    session.done(result, id, f"{id}: {said}", then=then, undo=undo)
    _tell_records(session, found)


def _one_told(row: Plain) -> str:
    action, by, says = (text(row, name) for name in ("action", "by", "says"))
    did = {
        "withdrawn": f"withdrew {action}",
        "compensating": f"began to take back {action}" + (f" by {by}" if by else ""),
        "waiting": f"began to take back {action}",
        "compensated": f"took back {action}",
        "corrected": f"corrected {action}",
    }.get(text(row, "state"), f"did not take back {action}")
    return f"{did}; {says}" if says else did


def _tell_records(session: Session, found: Plain) -> None:
    wrote = record(found.get("records"))
    if wrote:
        counts = counted(number(wrote, "total"), "record")
        session.printer.talk(f"it also wrote {counts}; to take them back: {session.command(_after(wrote))}")


def _after(wrote: Plain) -> str:
    return text(wrote, "words").removeprefix("quarterdeck ")


def plan_lines(session: Session, plan: Plain) -> Iterator[str]:
    """The plan as a person reads it: newest effect first, which is the order of the undoing."""
    rows = records(plan.get("items"))
    if not rows:
        yield f"{line(text(plan, 'scope'))} left nothing behind that could be undone"
        return
    for one in rows:
        way = text(one, "way")
        yield f"{line(text(one, 'action')):<6}{WAYS.get(way, way):<30}{line(text(one, 'summary'))}"
        yield f"      {line(text(one, 'says'))}"
    wrote = record(plan.get("records"))
    if wrote:
        yield f"its {counted(number(wrote, 'total'), 'record')} in memory: {session.command(_after(wrote))}"
    yield session.printer.paint(f"plan {text(plan, 'plan_hash')}", "dim")


def _progress(found: Plain) -> str:
    """3 of 5 taken back, 1 waits for you, 1 stays."""
    rows = records(found.get("items"))
    states = [text(one, "state") for one in rows]
    done = sum(state in ("compensated", "withdrawn", "corrected", "not_needed") for state in states)
    words = [f"{done} of {len(rows)} taken back"]
    for state, said in (("compensating", "under way"), ("waiting", "waiting"), ("cannot", "cannot be"),
                        ("compensation_failed", "failed")):  # fmt: skip
        count = states.count(state)
        words += [f"{count} {said}"] if count else []
    return ", ".join(words)


def show_undoings(session: Session) -> None:
    items = session.items("undo.list")
    rows = [
        (text(one, "id"), text(one, "scope"), text(one, "status"), _progress(one), text(one, "reason"))
        for one in items
    ]
    table = session.printer.table(("ID", "WHAT", "STATUS", "PROGRESS", "REASON"), rows)
    session.show_items(items, table, none="Nothing was undone as a whole yet.")
