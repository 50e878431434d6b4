"""How a proposed action is shown to the one who decides: a row of a table, and the whole of it."""

from __future__ import annotations

from collections.abc import Iterator

from .output import Printer
from .plain import Plain, record, records, strings, text
from .text import block, line
from .times import local

HEADERS = ("ID", "RISK", "AGENT", "EXPIRES", "SUMMARY")
QUOTE_CHARACTERS_MAX = 300


def name_of(item: Plain) -> str:
    """Return `connector.verb`."""
    action = record(item.get("action"))
    return f"{text(action, 'connector')}.{text(action, 'verb')}".strip(".")


def agent_of(item: Plain) -> str:
    return text(item, "agent") or text(record(item.get("action")), "agent")


def expiry(item: Plain) -> str:
    return local(item.get("expires_at") or item.get("expires_us"))


def rows(items: list[Plain]) -> list[tuple[str, ...]]:
    return [(text(one, "id"), text(one, "risk"), agent_of(one), expiry(one), text(one, "summary")) for one in items]


def targets(item: Plain) -> list[str]:
    return strings(record(item.get("action")).get("targets"))


def whole(printer: Printer, item: Plain) -> Iterator[str]:
    """Yield everything that one should know before saying yes, the text itself last."""
    yield f"{line(text(item, 'id'))}  {printer.paint(line(text(item, 'summary')), 'bold')}"
    facts = {
        "does": f"{name_of(item)} to {', '.join(targets(item)) or 'nobody outside'}",
        "risk": text(item, "risk"),
        "why": text(item, "why"),
        "rule": rule(item),
        "cost": text(item, "cost"),
        "undo": text(item, "undo"),
        "expires": expiry(item),
        "group": text(item, "group"),
    }
    for name, value in facts.items():
        if value:
            yield f"  {name + ':':<9}{line(value)}"
    for one in strings(item.get("risks")):
        yield f"  {'beware:':<9}{line(one)}"
    yield from evidence(item)
    yield ""
    yield from body(item)


def rule(item: Plain) -> str:
    """Return which rule decided and where it stands."""
    found = item.get("policy") or item.get("verdict")
    if not isinstance(found, dict):
        return str(found or "")
    reasons = "; ".join(strings(found.get("reasons")))
    head = f"{text(found, 'verdict')} by {text(found, 'rule')} ({text(found, 'where')})"
    return f"{head}: {reasons}" if reasons else head


def evidence(item: Plain) -> Iterator[str]:
    for one in records(item.get("evidence")):
        quote = text(one, "quote")[:QUOTE_CHARACTERS_MAX]
        said = f' "{line(quote)}"' if quote else ""
        yield f"  because  {line(text(one, 'claim'))}  [{line(text(one, 'source'))}]{said}"


def body(item: Plain) -> Iterator[str]:
    """Yield the arguments: a mail as a mail, anything else name by name. Quoted, so that nothing in it looks like us."""
    args = record(record(item.get("action")).get("args"))
    for name, value in args.items():
        if name != "body":
            shown = ", ".join(strings(value)) if isinstance(value, list) else value
            yield f"  | {line(name)}: {line(str(shown))}"
    if "body" in args:
        yield "  |"
        for one in block(str(args["body"])).rstrip("\n").split("\n"):
            yield f"  | {one}".rstrip()
