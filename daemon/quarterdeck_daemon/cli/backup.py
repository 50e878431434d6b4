"""`backup`: copies of the log, made while it runs, checked, and made to forget what it has forgotten."""

from __future__ import annotations

from pathlib import Path

import click

from .plain import Plain, number, strings, text
from .session import Session
from .text import line
from .words import changes, noun, reads, verb_of

LONG_MS = 1_800_000

backup = noun("backup", "Copies of the log: create, list, verify, forget.", default="list")


@verb_of(backup, "create", examples=("quarterdeck backup create", "quarterdeck backup create before-upgrade"))
@click.argument("name", required=False)
@changes
def create(session: Session, name: str | None) -> None:
    """Copy the running log with its blobs into .quarterdeck/backup/NAME."""
    params: Plain = {"name": name} if name else {}
    result = session.change("backup.create", params, does="copy the log")
    if result is not None:
        id = text(result.result, "id")
        did = f"{id}: {number(result.result, 'seq')} events, {number(result.result, 'size_bytes'):,} bytes"
        then = (
            session.command(f"backup verify {id}")
            + "; carry it off this machine together with .quarterdeck/chain.key"
        )
        session.done(result, id, did, then=then, undo=f"remove {text(result.result, 'path')}")


@verb_of(backup, "list")
@reads
def list_backups(session: Session) -> None:
    """List the backups in the state folder."""
    items = session.items("backup.list")
    rows = [(text(one, "id"), number(one, "seq"), f"{number(one, 'size_bytes'):,}") for one in items]
    session.show_items(
        items, session.printer.table(("NAME", "POSITION", "BYTES"), rows), none="There is no backup yet."
    )


@verb_of(backup, "verify")
@click.argument("name")
@reads
def verify(session: Session, name: str) -> None:
    """Compare every file of a backup and verify its chain. Exit status: 0 sound, 1 not."""
    found = session.ask("backup.verify", {"name": name}, deadline_ms=LONG_MS)
    said = [f"{name} is sound: {number(found, 'events')} events verified"] if found.get("ok") else []
    session.show(found, said + [session.printer.paint(line(one), "red") for one in strings(found.get("faults"))])
    if not found.get("ok"):
        raise click.exceptions.Exit(1)


@verb_of(backup, "forget", examples=("quarterdeck backup forget /mnt/stick/monday",))
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@changes
def forget(session: Session, folder: Path) -> None:
    """Make a copy that was carried elsewhere forget what this log has forgotten since."""
    path = str(folder.resolve())
    result = session.change("backup.forget", {"path": path}, does=f"make {path} forget")
    if result is not None:
        one = result.result
        did = f"{number(one, 'records')} records and {number(one, 'blobs')} files are gone from {path}"
        did = did if one.get("changed") else f"{path} had nothing more to forget"
        session.done(result, path, did, then="repeat it for every other copy", undo="none; it is gone")
