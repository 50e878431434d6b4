"""`approvals`, `approve`, `reject`, `snooze`: what waits, and the operator's word on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import click

from quarterdeck_protocol.codes import CODES, Code, QuarterdeckError

from . import proposal
from .plain import Plain, record, records, text
from .session import Session
from .text import line
from .times import iso, local, moment
from .words import changes, reads, verb

DID = {"approve": "approved", "reject": "rejected", "snooze": "snoozed"}


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
    """Return the snoozed action of this id. Raises QuarterdeckError as `waiting_for` says."""
    try:
        action = session.ask("action.get", {"id": id})
    except QuarterdeckError as error:
        if error.code != "not_found":
            raise
        longer = [one for one in listed if one.startswith(id)]
        hint = f"Ids are written in full: {', '.join(longer[:5])}." if longer else "See `quarterdeck approvals`."
        message = f"Nothing waits for a decision under the id `{id}`."
        raise QuarterdeckError("not_found", message, hint=hint) from error
    status = text(action, "status")
    if status != "proposed":
        message = f"{id} does not wait for you any more: it is {status}."
        raise QuarterdeckError("conflict", message, hint=f"See `{session.command(f'why {id}')}`.")
    return action


def decide(session: Session, items: list[Plain], decision: str, **more: object) -> None:
    """Send one decision on items as they were just shown, report each, and fail when one was refused."""
    params: Plain = {
        "items": [{"id": text(one, "id"), "shown_hash": text(one, "shown_hash")} for one in items],
        "decision": decision,
        **{name: value for name, value in more.items() if value},
    }
    if session.reason:
        params["reason"] = session.reason
    names = ", ".join(f"{text(one, 'id')} ({text(one, 'summary')})" for one in items)
    result = session.change("approval.decide", params, does=f"{decision} {names}")
    if result is None:
        return
    outcome = {text(one, "id"): one for one in records(result.result.get("items"))}
    report(session, items, outcome, decision, result.seq)


def report(session: Session, items: list[Plain], outcome: dict[str, Plain], decision: str, seq: int) -> None:
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
            | steps(session, id, decision, error, text(found, "releases_at"))
        )
    session.show({"items": rows}, [line(f"{one['did']} {one['id']}: {one['summary']}") for one in rows])
    for name in ("next", "undo"):
        for said in dict.fromkeys(str(one[name]) for one in rows if one[name]):
            session.printer.talk(f"{name}: {line(said)}")
    if refused:
        raise refused[0]


def steps(session: Session, id: str, decision: str, error: QuarterdeckError | None, releases_at: str) -> Plain:
    """Return what happened, what comes next and how to take it back, in words."""
    leaves = f"at {local(releases_at)}" if releases_at else "after its hold"
    if error is not None:
        return {"did": "not done", "next": "", "undo": ""}
    following = {
        "approve": (
            f"it leaves {leaves}; until then undo is free",
            session.command(f"undo {id}"),
        ),
        "reject": ("nothing leaves; the run goes on without it", "not needed: nothing happened"),
        "snooze": ("it comes back in `quarterdeck approvals`", session.command(f"approve {id}")),
    }
    then, undo = following[decision]
    return {"did": DID[decision], "next": then, "undo": undo}


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
    return QuarterdeckError(cast(Code, code), message, hint=hint)


@verb("approvals", examples=("quarterdeck approvals", "quarterdeck approvals --json | jq '.items[].summary'"))
@click.option("--group", metavar="NAME", help="Only this group.")
@reads
def approvals(session: Session, group: str | None) -> None:
    """List what waits for your yes. Nothing of it leaves before."""
    items = waiting(session, group)
    session.show_items(items, session.printer.table(proposal.HEADERS, proposal.rows(items)), none="Nothing waits.")
    if items:
        session.printer.talk("next: `quarterdeck review`, or `quarterdeck why ID`, then `quarterdeck approve ID`")


@verb("approve", examples=("quarterdeck approve a17", "quarterdeck approve a17 a18 --reason 'read both'"))
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@changes
def approve(session: Session, ids: tuple[str, ...]) -> None:
    """Say yes to each ID, exactly as it stands now. Exit status 8: it changed meanwhile."""
    decide(session, waiting_for(session, ids), "approve")


@verb("reject", examples=("quarterdeck reject a17 --reason 'we do not work for them'",))
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@changes
def reject(session: Session, ids: tuple[str, ...]) -> None:
    """Say no to each ID, with a reason that is remembered."""
    if not session.reason:
        raise QuarterdeckError("bad_value", "A rejection says why.", hint="Add --reason 'TEXT'.")
    decide(session, waiting_for(session, ids), "reject")


@verb("snooze", examples=("quarterdeck snooze a17 --until 2h", "quarterdeck snooze a17 --until 'tomorrow 9:00'"))
@click.argument("id")
@click.option("--until", required=True, metavar="TIME", help="10m, 2h, 14:00, tomorrow 9:00 or an ISO time.")
@changes
def snooze(session: Session, id: str, until: str) -> None:
    """Put ID away until a time."""
    when = moment(until, past=False)
    decide(session, waiting_for(session, [id]), "snooze", until=iso(when))
    session.printer.talk(f"It comes back at {local(iso(when))}.")
