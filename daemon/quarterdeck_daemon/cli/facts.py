"""`fact`: canonical records, written only over the version that was seen, and read at two clocks."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .runs import when
from .session import Session
from .text import line
from .times import local, position
from .values import pairs, parsed, read_file
from .words import changes, noun, reads, verb_of

fact = noun("fact", "Canonical facts: put, get, query, history, link; and what was proposed.")


def names_fact(*, fields: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives `kind` and `key`, said as `client acme` or `client/acme`; and `fields` after them."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapped(session: Session, words: tuple[str, ...], **more: object) -> None:
            kind, key, rest = _named(words)
            if rest and not fields:
                raise click.UsageError(f"Got an unexpected extra argument ({rest[0]}).")
            function(session, kind, key, **({"fields": rest} if fields else {}), **more)

        metavar = "KIND KEY" + (" NAME=VALUE…" if fields else "")
        return click.argument("words", nargs=-1, metavar=metavar)(wrapped)

    return decorate


def _named(words: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    kind, slash, key = words[0].removeprefix("fact:").partition("/") if words else ("", "", "")
    if kind and key:
        return kind, key, words[1:]
    if slash or len(words) < 2:
        raise click.UsageError("Say which fact: KIND KEY, or KIND/KEY.")
    return words[0], words[1], words[2:]


@verb_of(fact, "put", examples=(
    "quarterdeck fact put client northwind name='Northwind Traders BV' domain=northwind.test",
    "quarterdeck fact put client northwind 'contacts:=[\"ines@northwind.test\"]' --if-version 3",
))  # fmt: skip
@names_fact(fields=True)
@click.option("--value", "whole", metavar="JSON", help="The whole value instead of fields.")
@click.option("--if-version", type=click.IntRange(0), metavar="N", help="Only over this version; 0: only when new.")
@click.option("--valid-from", metavar="DATE", help="Since when it is true; else a change counts from now.")
@click.option("--valid-to", metavar="DATE", help="The first day on which it is no longer true.")
@click.option("--namespace", metavar="NAME")
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
    undo = session.command(f"fact history {kind} {key}") + " shows the versions before; put the right one"
    if version == "1":
        undo = session.command(f"fact retract {kind} {key}")
    for remark in strings(record(result.result).get("remarks")):
        session.printer.talk(f"note: {line(remark)}")
    session.done(
        result, id, f"wrote {id} version {version}", then=session.command(f"fact get {kind} {key}"), undo=undo
    )


@verb_of(
    fact,
    "get",
    examples=("quarterdeck fact get client northwind", "quarterdeck fact get client northwind --as-of 1d"),
)
@names_fact()
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
    span = span_words(found)
    latest = number(found, "latest_version")
    if latest > number(found, "version"):
        span += f"; version {latest} was learned last, it speaks of another time"
    if span:
        yield line(f"  true {span}")
    for name, value in record(found.get("value")).items():
        yield line(f"  {name}: {shown(value)}")


def span_words(found: Plain) -> str:
    """Return for which time it is true, in words; nothing for always."""
    start, end = (_moment(text(found, name)) for name in ("valid_from", "valid_to"))
    return " ".join(filter(None, (f"from {start}" if start else "", f"until {end}" if end else "")))


def _moment(said: str) -> str:
    """A time that nobody wrote, down to the microsecond, as people read it; what was written stays as it is."""
    return local(said) if "." in said else said


def shown(value: object) -> str:
    """Return a value of a fact as people read it; money with its currency."""
    if isinstance(value, dict) and isinstance(value.get("minor"), int):
        whole, rest = divmod(abs(value["minor"]), 100)
        sign = "-" if value["minor"] < 0 else ""
        return f"{sign}{whole:,}.{rest:02d} {value.get('currency') or ''}".rstrip()
    return text({"value": value}, "value")


@verb_of(
    fact,
    "query",
    examples=(
        "quarterdeck fact query client",
        "quarterdeck fact query invoice --where status=open --where 'amount.minor>100000' --order -due",
    ),
)
@click.argument("kind")
@click.option("--where", "conditions", multiple=True, metavar="CONDITION", help="Repeated: all must hold. See below.")
@click.option("--order", metavar="NAMES", help="By fields, with commas; -NAME backwards.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--as-of", metavar="SEQ|TIME", help="What we believed then.")
@click.option("--valid-at", metavar="DATE", help="What was true then.")
@click.option("--namespace", metavar="NAME")
@click.option("--proposed", is_flag=True, help="What was captured and waits, too.")
@reads
def query(session: Session, kind: str, conditions: tuple[str, ...], as_of: str | None, **more: object) -> None:
    """List the facts of a KIND.

    A condition is NAME=VALUE, NAME!=VALUE, NAME>VALUE, >=, <, <=, NAME~PART (contains), NAME^=START, or NAME:=JSON.
    NAME may be a dotted path.
    """
    params: Plain = {"kind": kind, **{name: value for name, value in more.items() if value}}
    if conditions:
        params["where"] = where(conditions)
    if as_of:
        params["as_of"] = position(as_of)
    found = session.ask("fact.query", params)
    items = records(found.get("items"))
    rows = [
        (
            text(one, "id"),
            text(one, "version"),
            ", ".join(f"{n}={shown(v)}" for n, v in record(one.get("value")).items()),
        )
        for one in items
    ]
    none = f"There are no facts of kind {kind}" + (" that fit." if conditions else ".")
    session.show_items(items, session.printer.table(("ID", "VERSION", "VALUE"), rows), none=none)
    if found.get("next"):
        session.printer.talk("There are more: give a higher --limit, or narrow it with --where.")


_CONDITION = re.compile(r"([A-Za-z_$][\w.$-]*)\s*(:=|!=|>=|<=|\^=|=|>|<|~)\s*(.*)", re.DOTALL)
_WORDS = {
    "=": "=",
    ":=": "=",
    "!=": "!=",
    ">": ">",
    ">=": ">=",
    "<": "<",
    "<=": "<=",
    "~": "contains",
    "^=": "prefix",
}


def where(conditions: tuple[str, ...]) -> Plain:
    """Return the conditions as the protocol takes them. Raises QuarterdeckError `bad_value`."""
    found: dict[str, Plain] = {}
    for condition in conditions:
        match = _CONDITION.fullmatch(condition)
        if match is None or match[3][:1] in tuple("=<>~"):
            hint = "Write status=open, 'amount>100', name~acme or 'tags:=[1]'."
            raise QuarterdeckError("bad_value", f"`{condition}` is no condition.", hint=hint)
        name, sign, value = match.groups()
        found.setdefault(name, {})[_WORDS[sign]] = parsed(value, name) if sign == ":=" else value
    return dict(found)


@verb_of(fact, "history", examples=("quarterdeck fact history product audit",))
@names_fact()
@click.option("--as-of", metavar="SEQ|TIME", help="As it was known then.")
@click.option("--valid-at", metavar="DATE", help="Only what speaks about that time.")
@reads
def history(session: Session, kind: str, key: str, as_of: str | None, valid_at: str | None) -> None:
    """Show the versions of KIND/KEY as they were learned, each with the time for which it is true today."""
    params: Plain = {"kind": kind, "key": key, "limit": 1000}
    if as_of:
        params["as_of"] = position(as_of)
    if valid_at:
        params["valid_at"] = valid_at
    items = records(session.ask("fact.history", params).get("items"))
    rows = [(text(one, "version"), text(one, "seq"), when(one), _true_words(one), _said(one)) for one in items]
    session.show_items(
        items, session.printer.table(("VERSION", "SEQ", "LEARNED", "TRUE", "SAYS"), rows), none="Nothing."
    )


def _true_words(one: Plain) -> str:
    if one.get("retracted"):
        return "-"
    if not one.get("spans"):
        return f"no longer (version {text(one, 'superseded_by_version')})"
    return span_words(one) or "always"


def _said(one: Plain) -> str:
    if one.get("retracted"):
        return "taken back" + (f": {text(one, 'reason')}" if one.get("reason") else "")
    return ", ".join(f"{name}={shown(value)}" for name, value in record(one.get("value")).items())


@verb_of(fact, "retract", examples=("quarterdeck fact retract client acme --reason 'a mix-up'",))
@names_fact()
@click.option("--if-version", type=click.IntRange(0), metavar="N")
@changes
def retract(session: Session, kind: str, key: str, if_version: int | None) -> None:
    """Take KIND/KEY back: we no longer say so. Its versions stay, and putting it again brings it back."""
    params: Plain = {"kind": kind, "key": key}
    if if_version is not None:
        params["if_version"] = if_version
    result = session.change("fact.retract", params, does=f"take {kind}/{key} back")
    if result is not None:
        then = session.command(f"fact history {kind} {key}")
        undo = session.command(f"fact put {kind} {key} …")
        session.done(result, f"{kind}/{key}", f"took {kind}/{key} back", then=then, undo=undo)


@verb_of(fact, "kinds", examples=("quarterdeck fact kinds", "quarterdeck fact kinds invoice"))
@click.argument("kind", required=False)
@reads
def kinds(session: Session, kind: str | None) -> None:
    """List the kinds of facts; of one KIND its fields. Your own stand in kinds/NAME.json as JSON Schema."""
    params: Plain = {"kind": kind} if kind else {}
    if not kind:
        items = session.items("fact.kinds", params)
        rows = [(text(one, "id"), text(one, "facts") or "0", _origin(one), text(one, "about")) for one in items]
        session.show_items(items, session.printer.table(("KIND", "FACTS", "FROM", "ABOUT"), rows), none="None.")
        return
    items = records(session.ask("fact.kinds", params).get("items"))
    session.show_items(items, (one for item in items for one in _kind_lines(item)), none="None.")


def _origin(kind: Plain) -> str:
    return "BROKEN FILE" if text(kind, "refused") else text(kind, "origin") or "free-form"


def _kind_lines(item: Plain) -> Iterator[str]:
    yield line(f"{text(item, 'id')}  {_origin(item)}; facts of it: {number(item, 'facts')}")
    if text(item, "refused"):
        yield line(f"  none is written until its file is mended: {text(item, 'refused')}")
    if text(item, "about"):
        yield line(f"  {text(item, 'about')}")
    for schema in records(item.get("schemas")):
        required = strings(schema.get("required"))
        for name, field in record(schema.get("properties")).items():
            yield line(f"  {name}: {_field_words(record(field))}{' (required)' if name in required else ''}")


def _field_words(field: Plain) -> str:
    if field.get("x-ref"):
        return "names a " + " or ".join(strings(field["x-ref"]))
    if field.get("enum"):
        return " or ".join(str(one) for one in strings(field["enum"]) if one != "None")
    if field.get("anyOf"):
        return "an amount: 1200.50, or {minor, currency}"
    kinds = field.get("type")
    words = [
        one for one in (strings(kinds) if isinstance(kinds, list) else [str(kinds or "anything")]) if one != "null"
    ]
    return text(field, "format") or " or ".join(words)


@verb_of(fact, "link", examples=("quarterdeck fact link client/northwind employs contact/ines",))
@click.argument("source")
@click.argument("relation")
@click.argument("target")
@click.option("--remove", is_flag=True, help="Take the link away.")
@changes
def link(session: Session, source: str, relation: str, target: str, remove: bool) -> None:
    """Say that SOURCE stands in RELATION to TARGET; both written kind/key."""
    params: Plain = {"source": source, "relation": relation, "target": target}
    shown = f"{source} {relation} {target}"
    did = "unlinked" if remove else "linked"
    result = session.change("fact.unlink" if remove else "fact.link", params, does=f"{did} {shown}")
    if result is not None:
        undo = session.command(f"fact link {shown}" + ("" if remove else " --remove"))
        session.done(result, shown, f"{did} {shown}", then=session.command(f"why {source}"), undo=undo)


@verb_of(fact, "near", examples=("quarterdeck fact near client/northwind --depth 2",))
@click.argument("id", metavar="KIND/KEY")
@click.option("--depth", type=click.IntRange(1, 8), default=1, show_default=True)
@click.option("--relation", multiple=True, metavar="NAME", help="Only these; may be repeated.")
@reads
def near(session: Session, id: str, depth: int, relation: tuple[str, ...]) -> None:
    """Show what KIND/KEY is related to, both ways."""
    kind, key = _parts(id)
    params: Plain = {"kind": kind, "key": key, "depth": depth, "limit": 1000}
    if relation:
        params["relation"] = list(relation)
    items = records(session.ask("fact.neighbours", params).get("items"))
    rows = [(text(one, "depth"), text(one, "via") or f"fact:{id}", _arrow(one), text(one, "id")) for one in items]
    session.show_items(
        items, session.printer.table(("STEP", "FROM", "RELATION", "TO"), rows), none="It stands alone."
    )


@verb_of(fact, "path", examples=("quarterdeck fact path contact/ines invoice/SL-2026-031",))
@click.argument("source", metavar="KIND/KEY")
@click.argument("target", metavar="KIND/KEY")
@click.option("--max", "steps", type=click.IntRange(1, 8), default=6, show_default=True, help="Steps at most.")
@click.option("--relation", multiple=True, metavar="NAME")
@click.pass_context
@reads
def path(
    ctx: click.Context, session: Session, source: str, target: str, steps: int, relation: tuple[str, ...]
) -> None:
    """Show the shortest way from one fact to another. Exit status 1: there is none."""
    params: Plain = {"source": source, "target": target, "max": steps}
    if relation:
        params["relation"] = list(relation)
    found = session.ask("fact.path", params)
    way = [line(f"{text(one, 'source')} {_arrow(one)} {text(one, 'target')}") for one in records(found.get("steps"))]
    session.show(found, way)
    if not found.get("found"):
        cut = " among the records looked at" if found.get("cut") else ""
        session.printer.talk(f"There is no way from {source} to {target} in {steps} steps{cut}.")
        ctx.exit(1)


def _arrow(one: Plain) -> str:
    name = text(one, "relation")
    return f"-{name}->" if text(one, "direction") == "out" else f"<-{name}-"


def _parts(id: str) -> tuple[str, str]:
    kind, slash, key = id.removeprefix("fact:").partition("/")
    if not (kind and slash and key):
        raise QuarterdeckError("bad_value", f"`{id}` is not KIND/KEY.", hint="Such as client/northwind.")
    return kind, key


@verb_of(fact, "transact", examples=("quarterdeck fact transact changes.json",))
@click.argument("file", type=click.Path(path_type=Path))
@changes
def transact(session: Session, file: Path) -> None:
    """Write several facts and links at once, all or none: FILE holds {"items": […], "links": […]} as in fact.transact."""
    params = parsed(read_file(file), str(file))
    if not isinstance(params, dict):
        raise QuarterdeckError(
            "bad_value", f"{file} holds no map.", hint='Write {"items": [{"kind": …, "key": …, "value": …}]}.'
        )
    count = len(records(params.get("items")))
    result = session.change("fact.transact", params, does=f"write {count} facts")
    if result is not None:
        ids = [text(one, "id") for one in records(result.result.get("items"))]
        undo = "quarterdeck fact history KIND KEY shows the versions before; put the right ones"
        session.done(result, ", ".join(ids), f"wrote {', '.join(ids) or 'the links'}", then="nothing", undo=undo)
