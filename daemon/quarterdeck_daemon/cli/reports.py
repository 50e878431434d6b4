"""`cost` and `audit`: what it cost, and whether the log is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .budget import table_of
from .output import to_json
from .plain import Plain, number, records, text
from .session import Session
from .text import line
from .times import iso, moment
from .words import noun, reads, verb, verb_of

audit = noun("audit", "The log: verify, export.")
LONG_DEADLINE_MS = 600_000
PAGE = 500


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


@verb_of(audit, "verify", examples=("quarterdeck audit verify",))
@reads
def verify(session: Session) -> None:
    """Walk the chain of the log. Exit status 1: it was changed, and where."""
    found = session.ask("audit.verify", deadline_ms=LONG_DEADLINE_MS)
    broken = found.get("broken_at")
    checked = number(found, "checked")
    session.show(found, [f"whole: {checked} events" if broken is None else f"broken at event {broken}"])
    if broken is not None:
        reason = text(found, "reason") or "an entry does not match its seal"
        raise QuarterdeckError(
            "internal", f"Event {broken}: {reason}.", hint="Keep the folder as it is; restore a backup beside it."
        )


@verb_of(
    audit, "export", examples=("quarterdeck audit export --to log.jsonl", "quarterdeck audit export | gzip > log.gz")
)
@click.option("--to", "path", metavar="FILE", help="A new file; else stdout.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="SEQ")
def export(session: Session, path: str | None, after: int) -> None:
    """Write every event as a JSON line, oldest first."""
    if path is None:
        for event in _events(session, after):
            session.printer.say(to_json(event, indent=None))
        return
    try:
        handle = os.open(Path(path).expanduser(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise QuarterdeckError("conflict", f"{path} exists.", hint="Name a new file.") from error
    except OSError as error:
        raise QuarterdeckError(
            "bad_value", f"Cannot write {path}: {error.strerror}.", hint="Name another file."
        ) from error
    count = 0
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        for event in _events(session, after):
            file.write(to_json(event, indent=None) + "\n")
            count += 1
    session.printer.say(f"wrote {count} events to {line(path)}")


def _events(session: Session, after: int) -> Iterator[Plain]:
    """All events after `after`, a page at a time: what was written stays written when the daemon goes away."""
    position: object = after
    while position is not None:
        page = session.ask("timeline.read", {"after": position, "limit": PAGE})
        yield from records(page.get("items"))
        position = page.get("next")
