"""`dead`: work that gave up, with what is needed to mend it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .plain import Plain, number, record, records, strings, text
from .runs import when
from .session import Session
from .text import counted, line
from .times import local
from .values import pairs
from .words import changes, noun, past, reads, verb_of

dead = noun("dead", "Work that gave up: list, show, retry, edit, reroute, compensate, drop.", default="list")
REMEDIES = ("retry", "edit", "reroute", "compensate", "drop")
THEN = {
    "retry": "its run goes on",
    "edit": "its run goes on with the new input",
    "reroute": "its run goes on with the other agent",
    "compensate": "what its run did is taken back: quarterdeck undo --list",
    "drop": "its run stays as it ended",
}


@verb_of(dead, "list", examples=("quarterdeck dead", "quarterdeck dead list --all", "quarterdeck dead --run r7"))
@click.option("--all", "also_resolved", is_flag=True, help="Those that were resolved too.")
@click.option("--run", "run", metavar="ID", help="Only of this run.")
@reads
def list_dead(session: Session, also_resolved: bool, run: str | None) -> None:
    """List what gave up and waits for you, newest first."""
    params: Plain = {"all": also_resolved} | ({"run": run} if run else {})
    items = session.items("deadletter.list", params)
    rows = [
        (text(one, "id"), when(one), text(one, "run"), text(one, "step"), text(one, "attempts"), _said(one))
        for one in items
    ]
    headers = ("ID", "SINCE", "RUN", "STEP", "TRIES", "ERROR")
    session.show_items(items, session.printer.table(headers, rows), none="Nothing gave up.")
    if any(not text(one, "resolved") for one in items):
        session.printer.talk("next: `quarterdeck dead show ID` says what is behind it and what can be done")


def _said(item: Plain) -> str:
    message = text(record(item.get("error")), "message") or text(item, "error")
    return f"{text(item, 'resolved')}: {message}" if text(item, "resolved") else message


@verb_of(dead, "show", examples=("quarterdeck dead show dead2", "quarterdeck dead show dead2 --json | jq .context"))
@click.argument("id")
@reads
def show(session: Session, id: str) -> None:
    """Show all that is known about ID: every try, its input, the likely cause, the remedies."""
    found = session.ask("deadletter.get", {"id": id})
    session.show(found, _lines(session, found))


def _lines(session: Session, found: Plain) -> Iterator[str]:
    where = ", ".join(
        part
        for part in (
            f"step {text(found, 'step')} of {text(found, 'run')}" if text(found, "step") else text(found, "run"),
            text(found, "playbook"),
            f"agent {text(found, 'agent')}" if text(found, "agent") else "",
            f"effect {text(found, 'action')}" if text(found, "action") else "",
        )
        if part
    )
    yield line(f"{text(found, 'id')}  {where}")
    yield line(f"gave up {when(found)} after {counted(number(found, 'attempts'), 'try')}")
    yield session.printer.paint(line(f"error: {text(record(found.get('error')), 'message')}"), "red")
    if text(found, "diagnosis"):
        yield line(f"likely: {text(found, 'diagnosis')}")
    for one in records(found.get("failures")):
        error = record(one.get("error"))
        yield line(
            f"  try {text(one, 'attempt')}  {local(one.get('at'))}  {text(one, 'agent')}: {text(error, 'message')}"
        )
    for name, value in record(found.get("input")).items():
        yield line(f"  input {name} = {value}")
    if number(found, "input_seq"):
        yield line(f"context: quarterdeck timeline {number(found, 'input_seq')}")
    if text(found, "resolved"):
        yield line(f"resolved: {text(found, 'resolved')}")
        return
    yield "what you can do:"
    yield from (line(f"  {remedy}") for remedy in strings(found.get("remedies")))


def _apply(session: Session, id: str, remedy: str, more: Plain | None = None) -> None:
    params: Plain = {"id": id, "remedy": remedy, **(more or {})}
    result = session.change("deadletter.resolve", params, does=f"{remedy} {id}")
    if result is not None:
        undo = "quarterdeck undo --list" if remedy == "compensate" else "start its playbook again"
        session.done(result, id, past(f"{remedy} {id}"), then=THEN[remedy], undo=undo)


@verb_of(dead, "retry", examples=("quarterdeck dead retry dead2",))
@click.argument("id")
@changes
def retry(session: Session, id: str) -> None:
    """Try ID again as it is; an effect is proposed once more."""
    _apply(session, id, "retry")


@verb_of(
    dead, "edit", examples=("quarterdeck dead edit dead2 to=ines@example.test", "quarterdeck dead edit dead2 n:=3")
)
@click.argument("id")
@click.argument("input", nargs=-1, required=True, metavar="NAME=VALUE…")
@changes
def edit(session: Session, id: str, input: tuple[str, ...]) -> None:
    """Put other input in the place of the step's, then try ID again: name=text, name:=JSON, name=@FILE."""
    _apply(session, id, "edit", {"input": pairs(input)})


@verb_of(dead, "reroute", examples=("quarterdeck dead reroute dead2 composer",))
@click.argument("id")
@click.argument("agent")
@changes
def reroute(session: Session, id: str, agent: str) -> None:
    """Have AGENT do the step of ID."""
    _apply(session, id, "reroute", {"agent": agent})


@verb_of(dead, "compensate", examples=("quarterdeck dead compensate dead2",))
@click.argument("id")
@changes
def compensate(session: Session, id: str) -> None:
    """Take back what the run of ID did before it failed."""
    _apply(session, id, "compensate")


@verb_of(dead, "drop", examples=("quarterdeck dead drop dead2 --reason spam",))
@click.argument("id")
@changes
def drop(session: Session, id: str) -> None:
    """Leave ID as it is, for good; it stays in the log."""
    _apply(session, id, "drop")


@verb_of(dead, "resolve", examples=("quarterdeck dead resolve dead2 retry",))
@click.argument("id")
@click.argument("remedy", type=click.Choice(("retry", "compensate", "drop")))
@changes
def resolve(session: Session, id: str, remedy: str) -> None:
    """Apply REMEDY to ID; the same as the command of its name."""
    _apply(session, id, remedy)
