"""Undo of one action and `settle`: what became of it when nobody could find out."""

from __future__ import annotations

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, text
from .session import Session
from .words import changes, verb


def undo_action(session: Session, id: str) -> None:
    """Undo one action and report what that meant."""
    result = session.change("action.undo", {"id": id}, does=f"undo {id}")
    if result is None:
        return
    found = result.result
    correction = text(found, "compensation", "correction")
    if correction:
        said = f"{id} has left; its correction is {correction}"
        then = session.command(f"why {correction}") + ", then approve or reject it"
        undo = session.command(f"reject {correction} --reason TEXT")
    elif text(found, "undoing"):
        said, then = f"{id}: {text(found, 'message')}", session.command("undo --list")
        undo = session.command(f"undo {text(found, 'undoing')}")
    else:
        said, then = f"withdrawn {id}", text(found, "message") or "it does not leave"
        undo = "not possible: start its playbook again"
    session.done(result, id, said, then=then, undo=undo)


@verb(
    "settle", examples=("quarterdeck settle a17 --happened", "quarterdeck settle a17 --absent --reason 'not in Sent'")
)
@click.argument("id")
@click.option("--happened/--absent", default=None, help="Whether it took place, as you found out elsewhere.")
@changes
def settle(session: Session, id: str, happened: bool | None) -> None:
    """Say what became of ID when nobody could find out whether it left."""
    if happened is None:
        raise QuarterdeckError("bad_value", "Say which it was.", hint="Add --happened or --absent.")
    params: Plain = {"id": id, "happened": happened}
    result = session.change("action.settle", params, does=f"settle {id}")
    if result is None:
        return
    status = text(result.result, "status")
    then = "its run goes on" if happened else session.command("dead list") + " shows how to try again"
    session.done(result, id, f"{id} counts as {status}", then=then, undo="not possible: it is what you found out")
