"""`scopes`: who may see and change what of memory."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, strings, text
from .session import Session
from .text import line
from .words import noun, reads, verb_of

scopes = noun("scopes", "Who may see and change what of memory: list, show.", default="list")
PARTS = ("namespaces", "facts", "memories", "tiers", "records", "sensitivity", "integrity", "effects")


@verb_of(scopes, "list", examples=("quarterdeck scopes", "quarterdeck scopes --json"))
@reads
def list_scopes(session: Session) -> None:
    """List every party with what it reads and writes. [[grants]] in quarterdeck.toml changes it, at once."""
    items = session.items("scope.list")
    rows = [
        (text(one, "id"), text(one, "by"), _short(record(one.get("read"))), _short(record(one.get("write"))),
         number(one, "refusals") or "")
        for one in items
    ]  # fmt: skip
    table = session.printer.table(("WHO", "BY", "READS", "WRITES", "REFUSED"), rows)
    session.show_items(items, table, none="Nobody.")


@verb_of(scopes, "show", examples=("quarterdeck scopes show agent:composer",))
@click.argument("who")
@reads
def show(session: Session, who: str) -> None:
    """Show all parts of one party's scope."""
    found = next((one for one in session.items("scope.list") if text(one, "id") == who), None)
    if found is None:
        raise QuarterdeckError("not_found", f"there is no party {who!r}", hint="List them: quarterdeck scopes")
    session.show(found, _lines(found))


def _short(scope: Plain) -> str:
    """`default, acme up to private; facts client, lead`."""
    effects = strings(scope.get("effects"))
    proposed = [f"proposes {_any(effects)}"] if effects and "*" not in effects else []
    kinds = [name for name in ("facts", "memories") if strings(scope.get(name))]
    if not strings(scope.get("namespaces")) or (not kinds and "records" not in scope):
        return "; ".join(proposed) or "nothing"
    parts = [
        f"{name} {_any(strings(scope.get(name)))}"
        for name in ("facts", "memories")
        if strings(scope.get(name)) != ["*"]
    ]
    records = strings(scope.get("records"))
    parts += [f"only {', '.join(records)}"] if records and "*" not in records else []
    return "; ".join(
        [f"{_any(strings(scope.get('namespaces')))} up to {text(scope, 'sensitivity')}", *parts, *proposed]
    )


def _any(names: list[str]) -> str:
    return "any" if "*" in names else ", ".join(names) or "none"


def _lines(one: Plain) -> Iterator[str]:
    yield line(f"{text(one, 'id')}  ({text(one, 'by')}, {number(one, 'refusals')} refusals in the last hour)")
    for way in ("read", "write"):
        scope = record(one.get(way))
        for part in PARTS:
            if part in scope:
                value = scope[part]
                yield line(f"  {way:<6}{part:<13}{value if isinstance(value, str) else _any(strings(value))}")
