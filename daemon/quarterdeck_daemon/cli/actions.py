"""`settle`: what became of an action when nobody could find out."""

from __future__ import annotations

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, text
from .session import Session
from .words import changes, verb


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
