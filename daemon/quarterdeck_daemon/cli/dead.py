"""`dead`: work that gave up, with what is needed to mend it."""

from __future__ import annotations

import click

from .plain import Plain, record, text
from .runs import when
from .session import Session
from .words import changes, noun, reads, verb_of

dead = noun("dead", "Work that gave up: list, resolve.", default="list")
REMEDIES = ("retry", "drop")


@verb_of(dead, "list", examples=("quarterdeck dead",))
@reads
def list_dead(session: Session) -> None:
    """List what gave up and waits for you."""
    items = session.items("deadletter.list")
    rows = [
        (text(one, "id"), when(one), text(one, "run"), text(one, "step"), text(one, "attempts"),
         text(record(one.get("error")), "message") or text(one, "error"))
        for one in items
    ]  # fmt: skip
    headers = ("ID", "SINCE", "RUN", "STEP", "TRIES", "ERROR")
    session.show_items(items, session.printer.table(headers, rows), none="Nothing gave up.")
    if items:
        session.printer.talk("next: `quarterdeck dead resolve ID retry`, or `drop`")


@verb_of(
    dead,
    "resolve",
    examples=("quarterdeck dead resolve dead2 retry", "quarterdeck dead resolve dead2 drop --reason spam"),
)
@click.argument("id")
@click.argument("remedy", type=click.Choice(REMEDIES))
@changes
def resolve(session: Session, id: str, remedy: str) -> None:
    """Try ID again, or drop it for good."""
    params: Plain = {"id": id, "remedy": remedy}
    if session.reason:
        params["reason"] = session.reason
    result = session.change("deadletter.resolve", params, does=f"{remedy} {id}")
    if result is not None:
        then = "its run goes on" if remedy == "retry" else "its run stays ended"
        session.done(result, id, f"{remedy} {id}", then=then, undo="start its playbook again")
