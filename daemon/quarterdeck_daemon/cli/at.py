"""`at TIME COMMAND…`: any reading command, as of then. The past is read-only."""

from __future__ import annotations

import click

from .session import Session
from .times import position
from .words import verb


@verb(
    "at",
    examples=(
        "quarterdeck at 2026-11-20T14:00 fact get client northwind",
        "quarterdeck at yesterday recall 'day rate'",
    ),
)
@click.argument("time")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def at(session: Session, time: str, words: tuple[str, ...]) -> None:
    """Read as of TIME (a sequence number, an ISO time, `yesterday 14:00`, `2h`): COMMAND, as it would have answered."""
    from .root import make_root

    session.as_of = position(time)
    make_root().main(args=list(words), prog_name="quarterdeck", obj=session, standalone_mode=False)


# What follows TIME belongs to COMMAND, options too.
at.ignore_unknown_options = True
at.allow_interspersed_args = False
