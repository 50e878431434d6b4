"""`alerts`: what you should look at."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .plain import Plain, strings, text
from .runs import when
from .session import Session
from .status import ALERT_TONES
from .text import line
from .words import changes, noun, reads, verb_of

alerts = noun("alerts", "What you should look at: list, resolve.", default="list")


@verb_of(alerts, "list", examples=("quarterdeck alerts", "quarterdeck alerts --all"))
@click.option("--all", "also_resolved", is_flag=True, help="Those that were resolved too.")
@click.option("--level", type=click.Choice(("info", "warning", "critical")))
@reads
def list_alerts(session: Session, also_resolved: bool, level: str | None) -> None:
    """List what is open, newest first."""
    params: Plain = {"all": also_resolved}
    if level:
        params["level"] = level
    items = session.items("alert.list", params)
    session.show_items(items, (one for item in items for one in _lines(session, item)), none="All is quiet.")
    if any(text(item, "id") and not text(item, "resolved") for item in items):
        session.printer.talk("next: see to it, then `quarterdeck alerts resolve ID`")


def _lines(session: Session, item: Plain) -> Iterator[str]:
    level = text(item, "level")
    head = line("  ".join(part for part in (text(item, "id"), level, when(item)) if part))
    yield session.printer.paint(head, ALERT_TONES.get(level, ""))
    yield line(f"  {text(item, 'text')}")
    if text(item, "hint") and not text(item, "resolved"):
        yield line(f"  -> {text(item, 'hint')}")
    if text(item, "runbook") and not text(item, "resolved"):
        yield line(f"  -> quarterdeck runbook {text(item, 'runbook')}")
    if strings(item.get("about")):
        yield session.printer.paint(line(f"  about {', '.join(strings(item['about']))}"), "dim")
    if text(item, "resolved"):
        yield line(f"  resolved: {text(item, 'resolved')}")


@verb_of(alerts, "resolve", examples=("quarterdeck alerts resolve alert3 --reason 'called them'",))
@click.argument("id")
@changes
def resolve(session: Session, id: str) -> None:
    """Say that ID has been seen to. The same topic can be raised again."""
    result = session.change("alert.resolve", {"id": id}, does=f"resolve {id}")
    if result is not None:
        session.done(
            result,
            id,
            f"resolved {id}",
            then=session.command("alerts"),
            undo="it is raised again when it happens again",
        )
