"""`backup`: copies of the log, made while it runs, checked, made to forget what it has forgotten, and restored."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, strings, text
from .session import Session, program
from .text import counted, line
from .words import changes, noun, reads, verb_of

LONG_MS = 1_800_000

backup = noun("backup", "Copies of the log: create, list, verify, forget, restore.", default="list")


@verb_of(backup, "create", examples=("quarterdeck backup create", "quarterdeck backup create before-upgrade"))
@click.argument("name", required=False)
@changes
def create(session: Session, name: str | None) -> None:
    """Copy the running log with its blobs into .quarterdeck/backup/NAME."""
    params: Plain = {"name": name} if name else {}
    result = session.change("backup.create", params, does="copy the log")
    if result is not None:
        id = text(result.result, "id")
        did = f"{id}: {counted(number(result.result, 'seq'), 'event')}, {number(result.result, 'size_bytes'):,} bytes"
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
    said = [f"{name} is sound: {counted(number(found, 'events'), 'event')} verified"] if found.get("ok") else []
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
        did = f"gone from {path}: {counted(number(one, 'records'), 'record')} and {counted(number(one, 'blobs'), 'file')}"
        did = did if one.get("changed") else f"{path} had nothing more to forget"
        session.done(result, path, did, then="repeat it for every other copy", undo="none; it is gone")


@verb_of(
    backup,
    "restore",
    examples=(
        "quarterdeck backup restore monday --dry-run",
        "quarterdeck backup restore /mnt/stick/monday --into ~/company-again",
        "quarterdeck backup restore /mnt/stick/monday --into ~/company-again --key /mnt/other-stick/chain.key",
    ),
)
@click.argument("name", metavar="NAME|DIR")
@click.option(
    "--into",
    metavar="NEWDIR",
    type=click.Path(path_type=Path),
    help="A folder that is not there yet; else beside the workspace.",
)
@click.option(
    "--key", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The chain.key of the workspace that it came from; else looked for there and beside the backup.",
)  # fmt: skip
@changes
def restore(session: Session, name: str, into: Path | None, key: Path | None) -> None:
    """Make a new workspace of a backup. Needs no daemon, touches no workspace that is there.

    The chain and the keys are verified first. What its workspace has forgotten since is forgotten here too, as long as
    that workspace can be read. It begins stopped: nothing leaves it before `quarterdeck resume` is called in it.
    """
    from ..service.restoring import Wanted, plan_restore
    from ..service.restoring import restore as carry_out

    plan = plan_restore(Wanted(backup=name, into=into, workspace=_workspace(session), key=key))
    if session.dry_run:
        found: Plain = {"dry_run": True, **plan.said()}
        session.show(found, [f"would make {line(text(found, 'path'))}", *_told(found)])
        return
    made = carry_out(plan, reason=session.reason)
    session.show(made, [f"made {line(text(made, 'path'))}, stopped", *_told(made), *_settled(made)])
    where = f"{program()} -w {shlex.quote(text(made, 'path'))}"
    session.printer.talk(f"next: look at its quarterdeck.toml, then `{where} up` and `{where} resume`")
    session.printer.talk(f"undo: remove {line(text(made, 'path'))}; nothing else was touched")


def _workspace(session: Session) -> Path | None:
    """The workspace that was named or that we are in, when there is one: a backup can be restored without."""
    try:
        return session.folder
    except QuarterdeckError:
        if session.named is not None and (session.named.expanduser() / ".quarterdeck").is_dir():
            return session.named.expanduser().resolve()  # Its settings are lost, its state is not.
        return None


def _told(one: Plain) -> Iterator[str]:
    yield f"  the chain verifies over {counted(number(one, 'events'), 'event')}, to position {number(one, 'seq')}"
    if text(one, "origin"):
        count = number(one, "forgettings")
        some = counted(count, "forgetting") if count else "some forgettings"
        what = some if one.get("forgets") or count else "nothing"
        origin = line(text(one, "origin"))
        yield f"  carried out in {origin} since: {what}" + ("; it holds here too" if count else "")
    for lack in strings(one.get("lacks")):
        yield f"  mind: {line(lack)}"


def _settled(made: Plain) -> Iterator[str]:
    counts = {name: len(strings(made.get(name))) for name in ("paused", "withdrawn", "unknown")}
    words = {
        "paused": ("run", "paused"),
        "withdrawn": ("waiting action", "withdrawn: it may have left meanwhile"),
        "unknown": ("action", "on the wire then, `unknown` now"),
    }
    for name, count in counts.items():
        if count:
            thing, became = words[name]
            yield f"  {counted(count, thing)} {became}"
