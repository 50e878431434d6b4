"""`fact proposed`, `accept`, `reject`: what was found in texts and waits for your word."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .facts import fact, shown
from .plain import Plain, record, records, strings, text
from .runs import when
from .session import Session
from .text import line
from .words import changes, reads, verb_of

OUTCOMES = ("open", "accepted", "rejected", "all")


@verb_of(fact, "proposed", examples=("quarterdeck fact proposed", "quarterdeck fact proposed --outcome rejected"))
@click.option("--kind", metavar="KIND", help="Only this kind of fact.")
@click.option("--source", metavar="ID", help="Only what was found there: doc3, m5.")
@click.option("--outcome", type=click.Choice(OUTCOMES), default="open", show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@reads
def proposed(session: Session, kind: str | None, source: str | None, outcome: str, limit: int) -> None:
    """Show what was found in texts. It counts for nothing until you accept it."""
    params: Plain = {"outcome": outcome, "limit": limit}
    params |= {name: value for name, value in (("kind", kind), ("source", source)) if value}
    found = session.ask("fact.proposed", params)
    items = records(found.get("items"))
    session.show_items(items, (one for item in items for one in _lines(session, item)), none="Nothing is proposed.")
    if found.get("next"):
        session.printer.talk("There are more: give a higher --limit, or narrow it with --kind or --source.")
    if items and outcome == "open":
        session.printer.talk("next: `quarterdeck fact accept P…`, or `quarterdeck fact reject P…`")


def _lines(session: Session, item: Plain) -> Iterator[str]:
    against, held = strings(item.get("conflicts")), record(item.get("held"))
    state = text(item, "outcome")
    head = f"{text(item, 'number')}  {text(item, 'fact')}  from {text(item, 'source')}, {when(item)}"
    yield session.printer.paint(line(head + (f"  {state}" if state != "open" else "")), "bold")
    for name, value in record(item.get("value")).items():
        said = line(f"  {name}: {shown(value)}")
        if name in against:
            said = session.printer.paint(line(f"{said}  AGAINST {shown(held.get(name))}"), "red")
        yield said
    quotes = dict.fromkeys(text(one, "quote") for one in records(item.get("evidence")))
    for quote in list(quotes)[:3]:
        yield session.printer.paint(line(f"  “{quote}”"), "dim")


@verb_of(fact, "accept", examples=("quarterdeck fact accept p3", "quarterdeck fact accept p3 p4 p7"))
@click.argument("ids", nargs=-1, required=True, metavar="P…")
@changes
def accept(session: Session, ids: tuple[str, ...]) -> None:
    """Make what was proposed canonical: its fields become a new version of the fact."""
    for id in ids:
        result = _decide(session, "fact.accept", id, "accept")
        if result is not None:
            kind, _, key = text(result, "id").partition("/")
            session.printer.talk(f"undo: put the version before; {session.command(f'fact history {kind} {key}')}")


@verb_of(fact, "reject", examples=("quarterdeck fact reject p3 --reason 'not ours'",))
@click.argument("ids", nargs=-1, required=True, metavar="P…")
@changes
def reject(session: Session, ids: tuple[str, ...]) -> None:
    """Keep what was proposed as rejected; the same is not proposed again."""
    for id in ids:
        _decide(session, "fact.reject", id, "reject")


def _decide(session: Session, method: str, id: str, word: str) -> Plain | None:
    result = session.change(method, {"id": id}, does=f"{word} {id}")
    if result is None:
        return None
    version = f", version {text(result.result, 'version')}" if result.result.get("version") else ""
    said = (
        f"{text(result.result, 'outcome')} {id}: {text(result.result, 'fact') or text(result.result, 'id')}{version}"
    )
    session.printer.show({**result.result, "seq": result.seq}, [line(said)])
    return result.result
