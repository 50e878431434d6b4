"""`cost`: what it cost."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .budget import table_of
from .plain import Plain, number, record, records, text
from .session import Session
from .text import line
from .times import iso, moment
from .words import reads, verb

BY = ("agent", "connector", "run", "model", "purpose", "outcome")


@verb("cost", examples=("quarterdeck cost", "quarterdeck cost --since 7d --by model", "quarterdeck cost --json"))
@click.option("--since", metavar="TIME")
@click.option("--by", type=click.Choice(BY), default=None, help="Only what it cost by this; outcome: how runs ended.")
@reads
def cost(session: Session, since: str | None, by: str | None) -> None:
    """Show calls, tokens, seconds and money since TIME, else of today, what known answers saved, and budgets."""
    params: Plain = {"since": iso(moment(since, past=True))} if since else {}
    found = session.ask("cost.report", params | ({"by": by} if by else {}))
    session.show(found, _cost_lines(session, found))


def _cost_lines(session: Session, found: Plain) -> Iterator[str]:
    items = records(found.get("items"))
    budgets = records(found.get("budgets"))
    for name, value in found.items():
        if name in ("items", "budgets", "complete", "models", "forecast"):
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
    yield from _model_lines(record(found.get("models")), record(found.get("forecast")))
    if budgets:
        yield ""
        yield from table_of(session, budgets)
    if found.get("complete") is False:
        yield "only the newest events were added up; ask for a shorter time"


def _model_lines(models: Plain, month: Plain) -> Iterator[str]:
    """What models did, and what this month will be. Nothing where none was ever asked."""
    if number(models, "calls") or number(models, "reused"):
        saved = record(models.get("saved"))
        rate = models.get("hit_rate")
        share = f"{rate:.0%}" if isinstance(rate, float) else "0%"
        yield line(
            f"models: {number(models, 'calls')} answers computed, {number(models, 'reused')} known ({share}), which saved "
            f"{number(saved, 'tokens')} tokens, {text(saved, 'seconds')} s, {text(saved, 'money')}"
        )
    if number(month, "calls"):
        yield line(
            f"this month, if it goes on like this: {number(month, 'calls')} calls, {number(month, 'tokens')} tokens, "
            f"{text(month, 'minutes')} minutes, {text(month, 'money')}"
        )
        yield line(f"  ({text(month, 'method')})")
