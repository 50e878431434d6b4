"""`policies`: what may leave the house, why, what other rules would have said, and your standing permissions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .session import Session
from .text import block, line
from .times import iso, local, moment
from .values import pairs, read_file
from .words import changes, noun, reads, verb_of

policies = noun(
    "policies", "What may leave the house: list, show, explain, test, grant, grants, revoke.", default="list"
)

CHANGES = (
    ("allowed", "would newly be allowed"),
    ("denied", "would newly be denied"),
    ("asked", "would newly ask"),
    ("same", "would be as it was"),
)


@verb_of(policies, "list")
@reads
def list_policies(session: Session) -> None:
    """List the rules in the order in which they are asked: yours, then the preset. Built-in guards stand above them."""
    files = session.items("policy.list")
    rules = [
        {**rule, "where": text(file, "path")}
        for file in files
        for rule in records(record(file.get("details")).get("rules"))
    ]
    headers = ("RULE", "MATCH", "VERDICT", "RISK", "WHERE", "WHEN")
    rows = [[text(rule, name) for name in ("id", "match", "verdict", "risk", "where", "when")] for rule in rules]
    session.show_items(rules, session.printer.table(headers, rows), none="There are no rules: what leaves asks.")
    for file in files:
        if text(file, "error"):
            session.printer.talk(line(f"not in use, so everything asks: {text(file, 'path')}: {text(file, 'error')}"))
    for rule in rules:
        if text(rule, "problem"):
            session.printer.talk(
                line(f"{text(rule, 'where')}: rule {text(rule, 'id')} always asks: {text(rule, 'problem')}")
            )


@verb_of(policies, "show", examples=("quarterdeck policies show", "quarterdeck policies show balanced"))
@click.argument("name", required=False, metavar="[PRESET|FILE]")
@reads
def show(session: Session, name: str | None) -> None:
    """Print the rules of a preset or of one of your files; without a name, which preset is in force and its rules."""
    from ..service.presets import PRESETS, preset_text
    from ..service.workspace import load_config

    if name is None:
        name = load_config(session.folder).policy.preset
        if not name:
            session.show({"id": "", "text": ""}, ["No preset is in force: what none of your rules covers asks."])
            return
        session.printer.talk(line(f"preset {name}, after your own files in {session.folder / 'policies'}"))
    content = preset_text(name) if name in PRESETS else read_file(_own_file(session, name))
    session.show({"id": name, "text": content}, [block(one).rstrip() for one in content.splitlines()])


def _own_file(session: Session, name: str) -> Path:
    path = session.folder / "policies" / f"{name.removeprefix('policies/').removesuffix('.toml')}.toml"
    if not path.is_file():
        own = sorted(one.stem for one in path.parent.glob("*.toml"))
        known = ", ".join(["cautious", "balanced", "autonomous", *own])
        raise QuarterdeckError("not_found", f"There is no preset and no file {name!r}.", hint=f"There are: {known}.")
    return path


# --- why ------------------------------------------------------------------------------------------


@verb_of(policies, "explain", examples=(
    "quarterdeck policies explain a17", "quarterdeck policies explain --like mail.send to:='[\"ines@northwind.test\"]'",
))  # fmt: skip
@click.argument("words", nargs=-1, metavar="[ID|CONNECTOR.VERB] [NAME=VALUE]…")
@click.option("--like", metavar="CONNECTOR.VERB", help="An action that is only thought of.")
@click.option("--agent", metavar="NAME", default="", help="Who would propose it.")
@reads
def explain(session: Session, words: tuple[str, ...], like: str | None, agent: str) -> None:
    """Say which rule decides about an action that exists, or about one that might, and what each rule looked at."""
    if like is None and not words:
        raise QuarterdeckError("bad_value", "Name an action.", hint="Its id, or --like mail.send and its arguments.")
    subject = like or words[0]
    args = words if like else words[1:]
    params: Plain = {"id": subject}
    connector, dot, verb = subject.partition(".")
    if like and not dot:
        raise QuarterdeckError("bad_value", f"`{like}` is no kind of action.", hint="Such as mail.send.")
    if dot:
        params = {"connector": connector, "verb": verb, "args": pairs(args), "agent": agent}
    found = session.ask("policy.explain", params)
    session.show(found, _explained(found))


def _explained(found: Plain) -> Iterator[str]:
    verdict = record(found.get("verdict")) or found
    yield line(f"{text(verdict, 'verdict')}  risk {text(verdict, 'risk')}")
    yield line(f"  rule: {text(verdict, 'rule')} ({text(verdict, 'where')})")
    for reason in strings(verdict.get("reasons")):
        yield line(f"  because: {reason}")
    for guard in records(found.get("spoke")):
        yield line(f"  guard {text(guard, 'number')} says {text(guard, 'word')}: {text(guard, 'reason')}")
    if text(found, "basis"):
        yield line(f"  confidence: {text(found, 'confidence') or '-'} ({text(found, 'basis')})")
    for step in records(found.get("tried")):
        yield line(f"  looked at {text(step, 'rule')} ({text(step, 'where')}): {text(step, 'outcome')}")
        for name, value in record(step.get("terms")).items():
            yield "    " + line(f"{name} is {_value(value)}")


def _value(value: object) -> str:
    said = text({"value": value}, "value") or ("no" if value is False else str(value))
    return said if len(said) <= 80 else said[:79] + "…"


# --- the past -------------------------------------------------------------------------------------


@verb_of(policies, "test", examples=(
    "quarterdeck policies test policies/mail.toml --since 30d", "quarterdeck policies test --preset balanced",
))  # fmt: skip
@click.argument("file", required=False, metavar="[FILE]")
@click.option(
    "--preset", type=click.Choice(("cautious", "balanced", "autonomous")), help="In the place of the one in force."
)
@click.option("--ahead", is_flag=True, help="FILE before your rules, not in their place.")
@click.option("--since", metavar="TIME", help="Only what was proposed from then on, such as 30d.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="Of the actions shown.")
@reads
def test(session: Session, file: str | None, preset: str | None, ahead: bool, since: str | None, limit: int) -> None:
    """Ask other rules about every recorded action: what it did, and what they would have done. Nothing is done."""
    if file is None and preset is None:
        raise QuarterdeckError("bad_value", "Name what to test.", hint="A file of rules, or --preset balanced.")
    params: Plain = {"preset": preset or "", "ahead": ahead, "limit": limit}
    if file is not None:
        params["text"] = read_file(Path(file))
    if since is not None:
        params["since"] = iso(moment(since, past=True))
    found = session.ask("policy.test", params)
    session.show(found, _tested(session, found))


def _tested(session: Session, found: Plain) -> Iterator[str]:
    counts = record(found.get("counts"))
    yield line(f"{number(found, 'compared')} actions of the past; nothing was done")
    for name, said in CHANGES:
        yield f"{number(counts, name):>7}  {said}"
    if number(found, "against"):
        yield line(f"  of what would newly be allowed, you had rejected or changed {number(found, 'against')}")
    for slip in strings(found.get("slips")):
        yield line(f"  beware: {slip}; it always asks")
    items = [one for one in records(found.get("items")) if text(one, "change") != "same"]
    rows = [
        [text(one, "id"), text(one, "agent"), text(one, "action"), f"{text(one, 'was')} → {text(one, 'now')}",
         text(one, "decided", "became"), text(one, "rule"), text(one, "summary")]
        for one in items
    ]  # fmt: skip
    if rows:
        yield ""
        yield from session.printer.table(("ID", "AGENT", "ACTION", "VERDICT", "YOU", "BY", "WHAT"), rows)


# --- permissions ----------------------------------------------------------------------------------


@verb_of(policies, "grants")
@click.option("--all", "everything", is_flag=True, help="Those that have ended, too.")
@reads
def grants(session: Session, everything: bool) -> None:
    """List your standing permissions."""
    items = session.items("policy.grants", {"all": everything})
    headers = ("ID", "AGENT", "ACTION", "TO", "LEFT", "UNTIL", "STATUS")
    rows = [
        [text(one, "id"), text(one, "agent"), text(one, "action"), text(one, "to"),
         f"{number(one, 'left')} of {number(one, 'uses_max')}", local(one.get("expires_at")), text(one, "status")]
        for one in items
    ]  # fmt: skip
    session.show_items(items, session.printer.table(headers, rows), none="No standing permission is in force.")


@verb_of(policies, "grant", examples=(
    "quarterdeck policies grant composer mail.send --to known --until 7d --max 20",
    "quarterdeck policies grant composer mail.send --to '*@northwind.test' --until 30d --max 50 --per-day 5",
))  # fmt: skip
@click.argument("agent")
@click.argument("action", metavar="CONNECTOR.VERB")
@click.option(
    "--to",
    "to",
    multiple=True,
    required=True,
    metavar="WHOM",
    help="An address, a pattern, or `known`; may be repeated.",
)
@click.option("--until", required=True, metavar="TIME", help="When it ends, such as 7d; within 90 days.")
@click.option("--max", "uses", type=click.IntRange(1, 1_000), required=True, help="How often in all.")
@click.option("--per-day", type=click.IntRange(0, 1_000), default=0, help="How often in a day at most.")
@click.option(
    "--amount-max", type=click.IntRange(0), help="Up to which amount, in cents; else none that names an amount."
)
@changes
def grant(
    session: Session, agent: str, action: str, to: tuple[str, ...], until: str, uses: int, per_day: int,
    amount_max: int | None,
) -> None:  # fmt: skip
    """Let AGENT do one kind of thing without asking. Guards still ask; money, secrets and deletion are never covered."""
    params: Plain = {
        "agent": agent, "action": action, "to": list(to), "until": iso(moment(until, past=False)), "max": uses,
        "per_day": per_day, "amount_max": amount_max,
    }  # fmt: skip
    result = session.change("policy.grant", params, does=f"let {agent} {action} to {', '.join(to)} {uses} times")
    if result is None:
        return
    id = text(result.result, "id")
    ends = local(result.result.get("expires_at"))
    said = f"{agent} may {action} to {', '.join(to)} without asking, {uses} times until {ends} ({id})"
    session.done(result, id, said, then="each use is counted", undo=session.command(f"policies revoke {id}"))


@verb_of(policies, "revoke", examples=("quarterdeck policies revoke g3",))
@click.argument("id")
@changes
def revoke(session: Session, id: str) -> None:
    """End a standing permission, for good. What it allowed and has not left yet does not leave."""
    result = session.change("policy.revoke", {"id": id}, does=f"revoke {id}")
    if result is None:
        return
    said = f"{id} is {text(result.result, 'status')}"
    session.done(result, id, said, then="from now on it asks", undo="not possible: give a new one")
