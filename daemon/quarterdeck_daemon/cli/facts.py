"""`fact`: canonical records, written only over the version that was seen."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, record, records, text
from .session import Session
from .text import line
from .times import position
from .values import pairs, parsed
from .words import changes, noun, reads, verb_of

fact = noun("fact", "Canonical facts: put, get, query, link.")


@verb_of(fact, "put", examples=(
    "quarterdeck fact put client northwind name='Northwind Traders BV' domain=northwind.test",
    "quarterdeck fact put client northwind 'contacts:=[\"ines@northwind.test\"]' --if-version 3",
))  # fmt: skip
@click.argument("kind")
@click.argument("key")
@click.argument("fields", nargs=-1, metavar="NAME=VALUE…")
@click.option("--value", "whole", metavar="JSON", help="The whole value instead of fields.")
@click.option("--if-version", type=click.IntRange(0), metavar="N", help="Only over this version; 0: only when new.")
@click.option("--valid-from", metavar="DATE", help="Since when it is true, apart from when we learned it.")
@click.option("--valid-to", metavar="DATE")
@click.option("--source", metavar="ID")
@changes
def put(
    session: Session, kind: str, key: str, fields: tuple[str, ...], whole: str | None, if_version: int | None,
    **more: str | None,
) -> None:  # fmt: skip
    """Write the fact KIND/KEY. Exit status 8: it has another version than --if-version."""
    value = parsed(whole, "--value") if whole else pairs(fields)
    if not isinstance(value, dict) or not value:
        raise QuarterdeckError(
            "bad_value", "A fact has named fields.", hint="Write name=value words, or --value JSON."
        )
    params: Plain = {"kind": kind, "key": key, "value": value, **{name: text for name, text in more.items() if text}}
    if if_version is not None:
        params["if_version"] = if_version
    result = session.change("fact.put", params, does=f"write {kind}/{key}: {value}")
    if result is None:
        return
    id = text(result.result, "id") or f"{kind}/{key}"
    version = text(result.result, "version")
    undo = session.command(f"memory history fact:{id}") + " shows the versions before; put the right one"
    session.done(
        result, id, f"wrote {id} version {version}", then=session.command(f"fact get {kind} {key}"), undo=undo
    )


@verb_of(
    fact,
    "get",
    examples=("quarterdeck fact get client northwind", "quarterdeck fact get client northwind --as-of 1d"),
)
@click.argument("kind")
@click.argument("key")
@click.option("--as-of", metavar="SEQ|TIME", help="What we believed then.")
@click.option("--valid-at", metavar="DATE", help="What was true then.")
@reads
def get(session: Session, kind: str, key: str, as_of: str | None, valid_at: str | None) -> None:
    """Show the fact KIND/KEY."""
    params: Plain = {"kind": kind, "key": key}
    if as_of:
        params["as_of"] = position(as_of)
    if valid_at:
        params["valid_at"] = valid_at
    found = session.ask("fact.get", params)
    session.show(found, _lines(found))


def _lines(found: Plain) -> Iterator[str]:
    trust = text(record(found.get("labels")), "integrity")
    yield line(f"{text(found, 'id')}  version {text(found, 'version')}  {trust}  {text(found, 'source')}")
    for name, value in record(found.get("value")).items():
        yield line(f"  {name}: {value}")


@verb_of(
    fact, "query", examples=("quarterdeck fact query client", "quarterdeck fact query invoice --where status=open")
)
@click.argument("kind")
@click.option("--where", "conditions", multiple=True, metavar="NAME=VALUE", help="May be repeated; all must hold.")
@click.option("--order", metavar="NAME", help="By a field; -NAME backwards.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@reads
def query(session: Session, kind: str, conditions: tuple[str, ...], order: str | None, limit: int) -> None:
    """List the facts of a KIND."""
    params: Plain = {"kind": kind, "limit": limit}
    if conditions:
        params["where"] = pairs(conditions)
    if order:
        params["order"] = order
    items = records(session.ask("fact.query", params).get("items"))
    rows = [
        (text(one, "id"), text(one, "version"), ", ".join(f"{n}={v}" for n, v in record(one.get("value")).items()))
        for one in items
    ]
    none = f"There are no facts of kind {kind}."
    session.show_items(items, session.printer.table(("ID", "VERSION", "VALUE"), rows), none=none)


@verb_of(fact, "link", examples=("quarterdeck fact link client/northwind employs contact/ines",))
@click.argument("source")
@click.argument("relation")
@click.argument("target")
@click.option("--remove", is_flag=True, help="Take the link away.")
@changes
def link(session: Session, source: str, relation: str, target: str, remove: bool) -> None:
    """Say that SOURCE stands in RELATION to TARGET; both written kind/key."""
    params: Plain = {"source": source, "relation": relation, "target": target}
    if session.reason:
        params["reason"] = session.reason
    shown = f"{source} {relation} {target}"
    did = "unlinked" if remove else "linked"
    result = session.change("fact.unlink" if remove else "fact.link", params, does=f"{did} {shown}")
    if result is not None:
        undo = session.command(f"fact link {shown}" + ("" if remove else " --remove"))
        session.done(result, shown, f"{did} {shown}", then=session.command(f"why {source}"), undo=undo)
