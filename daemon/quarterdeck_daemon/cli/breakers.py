"""`breakers`: who is not given work for a while because it kept failing."""

from __future__ import annotations

import click

from .plain import number, text
from .session import Session
from .times import local
from .words import changes, noun, reads, verb_of

breakers = noun("breakers", "Who is given no work because it kept failing: list, reset.", default="list")


@verb_of(breakers, "list", examples=("quarterdeck breakers", "quarterdeck breakers --json"))
@reads
def list_breakers(session: Session) -> None:
    """List agents, connectors and models that have failed of late, open ones first."""
    items = session.items("breaker.list", {"limit": 1000})
    rows = [
        (text(one, "id"), text(one, "state").replace("_", " "), str(number(one, "failures")), text(one, "failure"),
         local(one.get("until")) if one.get("until") else "", str(number(one, "waiting")))
        for one in items
    ]  # fmt: skip
    headers = ("ID", "STATE", "FAILURES", "LAST", "NEXT TRY", "WAITING")
    session.show_items(items, session.printer.table(headers, rows), none="Nobody keeps failing.")
    if any(text(one, "state") != "closed" for one in items):
        session.printer.talk("next: mend it, then `quarterdeck breakers reset ID`; it is tried by itself as well")


@verb_of(breakers, "reset", examples=("quarterdeck breakers reset connector:mail --reason 'new password'",))
@click.argument("id")
@changes
def reset(session: Session, id: str) -> None:
    """Give ID work again at once."""
    result = session.change("breaker.reset", {"id": id}, does=f"reset {id}")
    if result is not None:
        session.done(
            result, id, f"reset {id}", then="who waits for it goes on", undo="it opens again if it goes on failing"
        )
