"""`cost`: what it cost."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .budget import table_of
from .plain import Plain, records, text
from .session import Session
from .text import line
from .times import iso, moment
from .words import reads, verb


@verb("cost", examples=("quarterdeck cost", "quarterdeck cost --since 7d --json"))
@click.option("--since", metavar="TIME")
@reads
def cost(session: Session, since: str | None) -> None:
    """Show calls, tokens, seconds and money since TIME, else of today, and what is left of budgets."""
    found = session.ask("cost.report", {"since": iso(moment(since, past=True))} if since else {})
    session.show(found, _cost_lines(session, found))


def _cost_lines(session: Session, found: Plain) -> Iterator[str]:
    items = records(found.get("items"))
    budgets = records(found.get("budgets"))
    for name, value in found.items():
        if name in ("items", "budgets", "complete"):
            continue
        if isinstance(value, dict):
            yield line(f"{name}: " + ", ".join(f"{key} {inner}" for key, inner in value.items()))
        else:
            yield line(f"{name}: {value}")
    if items:
        headers = list(items[0])
        yield from session.printer.table(
            [name.upper() for name in headers], [[text(one, n) for n in headers] for one in items]
        )
    if budgets:
        yield ""
        yield from table_of(session, budgets)
    if found.get("complete") is False:
        yield "only the newest events were added up; ask for a shorter time"
