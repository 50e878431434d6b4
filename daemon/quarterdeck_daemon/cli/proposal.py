"""How a proposed action is shown to the one who decides: a row of a table, and the whole of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from quarterdeck_protocol.codes import QuarterdeckError

from .output import Printer
from .plain import Plain, record, records, strings, text
from .session import Session
from .text import block, line
from .times import local

HEADERS = ("ID", "RISK", "AGENT", "EXPIRES", "SUMMARY")
QUOTE_CHARACTERS_MAX = 300
USED_SHOWN = 12


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


def decided(session: Session, id: str) -> Plain:
    """Return the action, or the step of a run, of this id as it stands. Raises QuarterdeckError `not_found`."""
    run, stroke, step = id.partition("/")
    if not stroke:
        return session.ask("action.get", {"id": id})
    steps = records(session.ask("run.get", {"id": run}).get("steps"))
    if (found := next((one for one in steps if text(one, "id") == step), None)) is None:
        raise QuarterdeckError("not_found", f"Run {run} has no step {step}.")
    return found


def does(item: Plain) -> str:
    if item.get("gate") is True:
        return f"lets run {text(item, 'run')} go on; nothing leaves by it"
    return f"{name_of(item)} to {', '.join(targets(item)) or 'nobody outside'}"


def whole(printer: Printer, item: Plain) -> Iterator[str]:
    """Yield everything that one should know before saying yes, the text itself last."""
    yield f"{line(text(item, 'id'))}  {printer.paint(line(text(item, 'summary')), 'bold')}"
    facts = {
        "does": does(item),
        "risk": text(item, "risk"),
        "why": text(item, "why"),
        "rule": rule(item),
        "sure": sure(item),
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
    yield from _made_with(item)
    for other in records(item.get("alternatives")):
        why = f" ({text(other, 'why')})" if text(other, "why") else ""
        yield f"  {'or:':<9}{line(text(other, 'what') + why)}"
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


def sure(item: Plain) -> str:
    """How sure the record makes it, and what a confidence like that was worth before; never an agent's opinion."""
    stated, basis = item.get("confidence"), text(item, "basis")
    if not isinstance(stated, int | float):
        return basis
    worth = text(record(item.get("calibrated")), "says")
    return f"{round(stated * 100)} %: {basis}" + (f"; {worth}" if worth else "")


def _made_with(item: Plain) -> Iterator[str]:
    """The lessons and the template that lay before whoever made it, then all that was read; `why ID` opens each."""
    made = [one.removeprefix("memory:") for one in strings(item.get("made_with"))]
    lessons = [one for one in made if not one.startswith("asset:")]
    templates = [one.removeprefix("asset:template/") for one in made if one.startswith("asset:")]
    if lessons:
        yield f"  {'with:':<9}{line('lesson ' + ', '.join(lessons))}"
    if templates:
        yield f"  {'from:':<9}{line('template ' + ', '.join(templates))}"
    cited = {text(one, "source") for one in records(item.get("evidence"))} | set(strings(item.get("made_with")))
    rest = [one.removeprefix("memory:") for one in strings(item.get("used")) if one not in cited]
    if rest:
        yield f"  {'read:':<9}{line(', '.join(rest[:USED_SHOWN]) + (' …' if len(rest) > USED_SHOWN else ''))}"


def evidence(item: Plain) -> Iterator[str]:
    for one in records(item.get("evidence")):
        quote = text(one, "quote")[:QUOTE_CHARACTERS_MAX]
        said = f' "{line(quote)}"' if quote else ""
        yield f"  because  {line(text(one, 'claim'))}  [{line(text(one, 'source'))}]{said}"


def body(item: Plain) -> Iterator[str]:
    """Yield the arguments: a mail as a mail, anything else name by name. Quoted, so that nothing in it looks like us."""
    args = record(record(item.get("action")).get("args"))
    if item.get("gate") is True:
        yield from _before(args)
        return
    for name, value in args.items():
        if name != "body":
            shown = ", ".join(strings(value)) if isinstance(value, list) else value
            yield f"  | {line(name)}: {line(str(shown))}"
    if "body" in args:
        yield "  |"
        for one in block(str(args["body"])).rstrip("\n").split("\n"):
            yield f"  | {one}".rstrip()


def _before(args: Plain) -> Iterator[str]:
    """Yield the question of a gate and what the steps before it gave, each in full."""
    yield f"  | {line(text(args, 'question'))}"
    for step, output in record(args.get("after")).items():
        for name, value in record(output).items():
            rows = (
                block(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
                .rstrip("\n")
                .split("\n")
            )
            yield f"  | {line(f'{step}.{name}')}:" + (f" {rows[0]}" if len(rows) == 1 else "")
            yield from (f"  |   {row}".rstrip() for row in rows if len(rows) > 1)
