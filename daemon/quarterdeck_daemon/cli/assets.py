"""`playbooks`, `connectors`: what steers the work, as the daemon has read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, record, records, text
from .session import Session
from .text import counted, line
from .values import read_file
from .words import noun, reads, verb_of

playbooks = noun("playbooks", "Workflows: list, validate.", default="list")
connectors = noun("connectors", "Ways in and out.", default="list")


def list_assets(session: Session, method: str, columns: Sequence[tuple[str, tuple[str, ...]]], none: str) -> None:
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
    list_assets(session, "playbook.list", columns, "There are no playbooks in playbooks/.")


@verb_of(playbooks, "validate", examples=("quarterdeck playbooks validate playbooks/lead-to-outreach.yaml",))
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@reads
def validate(session: Session, files: tuple[str, ...]) -> None:
    """Check playbook FILEs without loading them. Exit status 2: one is wrong."""
    found = [_validated(session, path) for path in files]
    say_checked(session, found, "The language: docs/playbooks.md.")


def say_checked(session: Session, found: list[Plain], where: str) -> None:
    """Print what is wrong with files. Raises QuarterdeckError `schema` when something is. where: to read about it."""
    wrong = [one for one in found if not one["ok"]]
    session.show({"items": found}, [told for one in found for told in _told(one)])
    if wrong:
        count = sum(len(records(one["problems"])) for one in wrong)
        raise QuarterdeckError(
            "schema",
            f"{counted(count, 'fault')} in {counted(len(wrong), 'file')}.",
            hint=f"Mend them and ask again. {where}",
        )


def _validated(session: Session, path: str) -> Plain:
    """Ask the daemon, which knows agents and other playbooks; without one the text is checked by itself."""
    try:
        content = read_file(Path(path))
    except QuarterdeckError as error:  # The other files are checked all the same.
        return {"id": path, "ok": False, "problems": [{"message": error.message, "hint": error.hint}], "warnings": []}
    try:
        answer = session.ask("playbook.validate", {"text": content})
        problems, warnings = records(answer.get("errors")), records(answer.get("warnings"))
    except QuarterdeckError as error:
        if error.code in ("schema", "bad_value"):
            problems, warnings = [{"message": error.message, "hint": error.hint}], []
        elif error.code in ("unavailable", "not_found"):
            problems, warnings = _checked_alone(content)
        else:
            raise
    problems = [*problems, *_misnamed(path, content)]
    return {"id": path, "ok": not problems, "problems": problems, "warnings": warnings}


def _misnamed(path: str, content: str) -> list[Plain]:
    """The daemon is given a text and no path, so whether name and file agree is looked at here."""
    found = re.search(r"^name:\s*[\"']?([^\s\"'#]+)", content, re.MULTILINE)
    stem = Path(path).stem
    if found is None or found[1] == stem:
        return []
    line, column = content.count("\n", 0, found.start()) + 1, found.start(1) - found.start() + 1
    return [{
        "message": f"it names its playbook {found[1]!r}, and the file is called {stem!r}",
        "hint": f"Write `name: {stem}`, or rename the file to {found[1]}.yaml.", "line": line, "column": column,
    }]  # fmt: skip


def _checked_alone(content: str) -> tuple[list[Plain], list[Plain]]:
    from ..service.playbook_files import checked_text

    found = checked_text(content, None, None)
    return [one for one in found if one["level"] == "error"], [one for one in found if one["level"] != "error"]


def _told(one: Plain) -> Iterator[str]:
    """`playbooks/a.yaml:12:5: error: …`, as editors and compilers know it."""
    path = text(one, "id")
    if one["ok"]:
        yield line(f"ok    {path}")
    for level, name in (("error", "problems"), ("warning", "warnings")):
        for fault in records(one.get(name)):
            place = f"{path}:{text(fault, 'line') or 1}:{text(fault, 'column') or 1}"
            hint = f"  {text(fault, 'hint')}" if text(fault, "hint") else ""
            yield line(f"{place}: {level}: {text(fault, 'message')}{hint}")


@verb_of(playbooks, "schema", examples=("quarterdeck playbooks schema > playbooks/playbook.schema.json",))
def schema(session: Session) -> None:
    """Print the JSON Schema of playbooks, with which an editor completes and checks them."""
    from ..service.playbook_files import FIRST_LINE, schema_text

    session.printer.say(schema_text().rstrip())
    session.printer.talk(line(f"first line of a playbook: {FIRST_LINE}"))


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
    list_assets(
        session,
        "connector.list",
        columns,
        "There are no connectors; see [mail.in] and [[files]] in quarterdeck.toml.",
    )
