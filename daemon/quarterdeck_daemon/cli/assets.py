"""`playbooks`, `connectors`, `agents`: what steers the work, as the daemon has read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, record, records, text
from .session import Session
from .text import line
from .values import read_file
from .words import noun, reads, verb_of

playbooks = noun("playbooks", "Workflows: list, validate.", default="list")
connectors = noun("connectors", "Ways in and out.", default="list")
agents = noun("agents", "Who does the steps: list, autonomy.", default="list")


def _list(session: Session, method: str, columns: Sequence[tuple[str, tuple[str, ...]]], none: str) -> None:
    """Print a list: columns are headers with the fields that may hold their value."""
    items = session.items(method)
    rows = [tuple(text({**record(one.get("details")), **one}, *names) for _, names in columns) for one in items]
    headers = [header for header, _ in columns]
    session.show_items(items, session.printer.table(headers, rows), none=none)


@verb_of(playbooks, "list")
@reads
def list_playbooks(session: Session) -> None:
    """List the workflows of playbooks/*.yaml."""
    columns = (
        ("NAME", ("name", "id")), ("VERSION", ("version",)), ("STARTS ON", ("triggers", "on")),
        ("PROBLEM", ("error",)), ("ABOUT", ("description",)),
    )  # fmt: skip
    _list(session, "playbook.list", columns, "There are no playbooks in playbooks/.")


@verb_of(playbooks, "validate", examples=("quarterdeck playbooks validate playbooks/lead-to-outreach.yaml",))
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@reads
def validate(session: Session, files: tuple[str, ...]) -> None:
    """Check playbook FILEs without loading them. Exit status 2: one is wrong."""
    found: list[Plain] = []
    refused: list[QuarterdeckError] = []
    for path in files:
        try:
            answer = session.ask("playbook.validate", {"text": read_file(Path(path))})
        except QuarterdeckError as error:
            if error.code not in ("schema", "bad_value"):
                raise
            answer = {"errors": [{"message": error.message, "hint": error.hint}]}
        problems = [_complaint(one) for one in records(answer.get("errors"))]
        found.append({"id": path, "ok": not problems, "problems": problems})
        refused += [QuarterdeckError("schema", f"{path}: {problem}", hint="Correct it.") for problem in problems]
    session.show({"items": found}, [line(f"{'ok' if one['ok'] else 'fail'}  {one['id']}") for one in found])
    if refused:
        raise refused[0]


def _complaint(row: Plain) -> str:
    where = f"line {text(row, 'line')}: " if row.get("line") and "line " not in text(row, "message") else ""
    hint = f" ({text(row, 'hint')})" if text(row, "hint") else ""
    return f"{where}{text(row, 'message')}{hint}"


@verb_of(connectors, "list")
@reads
def list_connectors(session: Session) -> None:
    """List the ways in and out, and how they are."""
    columns = (
        ("NAME", ("id",)),
        ("HEALTHY", ("healthy",)),
        ("VERBS", ("verbs",)),
        ("ABOUT", ("detail",)),
    )
    _list(
        session,
        "connector.list",
        columns,
        "There are no connectors; see [mail.in] and [[files]] in quarterdeck.toml.",
    )


@verb_of(agents, "list")
@reads
def list_agents(session: Session) -> None:
    """List the agents that playbooks may name."""
    columns = (
        ("NAME", ("name", "id")),
        ("KIND", ("kind",)),
        ("AUTONOMY", ("autonomy",)),
        ("ABOUT", ("description", "about")),
    )
    _list(session, "agent.list", columns, "There are no agents.")
