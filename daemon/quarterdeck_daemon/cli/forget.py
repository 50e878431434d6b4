"""`memory forget` and `memory verify-forgotten`: erasing for good, shown before, proven after."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .memory import memory
from .plain import Plain, number, record, records, strings, text
from .prompt import sure
from .session import Session
from .text import counted, line
from .times import local
from .words import changes, confirms, reads, verb_of

LONG_MS = 1_800_000
SHOWN_MAX = 40
CALLED = {"alias": "name", "deadletter": "dead letter", "receipt": "answered request"}  # Else as they are called.


@verb_of(memory, "forget", examples=(
    "quarterdeck memory forget --person 'Ines Marlow' --dry-run", "quarterdeck memory forget --person 'Ines Marlow'",
    "quarterdeck memory forget m12 --yes", "quarterdeck memory forget --source notes/old.md",
))  # fmt: skip
@click.argument("id", required=False)
@click.option("--person", metavar="NAME", help="Everything about somebody, under all their addresses and numbers.")
@click.option("--source", metavar="PATH|ADDRESS", help="Everything that came from there.")
@click.option("--query", metavar="TEXT", help="What recall finds for it.")
@click.option(
    "--also", "identifiers", multiple=True, metavar="TEXT", help="One more name, address or number of theirs."
)
@click.option("--keep", multiple=True, metavar="ID", help="Leave this: fact:kind/key, doc3, r7; may be repeated.")
@click.option("--include-kept", is_flag=True, help="Also what the settings keep by law.")
@click.option("--plan", "plan_hash", metavar="HASH", help="Only if the plan is still the one of this dry run.")
@confirms
@changes
def forget(session: Session, id: str | None, plan_hash: str | None, **options: object) -> None:
    """Erase for good: text, versions, index, backups, and what was made of it. It cannot be undone.

    First the plan is shown: what goes, what stays and why, what lies outside our reach.
    """
    params = _wanted(id, options)
    plan = session.ask("memory.forget", params | {"dry_run": True}, deadline_ms=LONG_MS)
    if session.dry_run:
        session.show(plan, plan_lines(session, plan))
        return
    if not session.printer.json:
        session.show(plan, plan_lines(session, plan))
    if not (plan_hash or sure(session, "Erase all this for good?")):
        session.printer.talk("nothing was changed")
        return
    params |= {"plan": plan_hash or text(plan, "plan"), "reason": session.reason}
    done = session.client.call("memory.forget", params, request_id=session.request_id, deadline_ms=LONG_MS)
    result = done.result
    session.show({**result, "seq": done.seq, "undo": ""}, proof_lines(session, result))
    session.printer.talk(
        "next: copies that were carried elsewhere keep it until `quarterdeck backup forget DIR` reaches them"
    )
    session.printer.talk("undo: none; it is gone")


def _wanted(id: str | None, options: dict[str, object]) -> Plain:
    params: Plain = {name: options[name] for name in ("person", "source", "query") if options[name]}
    if id:
        params["id"] = id
    if len(params) != 1:
        raise QuarterdeckError(
            "bad_value", "What is to be forgotten?", hint="Give one of ID, --person, --source and --query."
        )
    for name in ("identifiers", "keep"):
        values = options[name]
        if isinstance(values, tuple) and values:
            params[name] = list(values)
    if options["include_kept"]:
        params["include_kept"] = True
    return params


def plan_lines(session: Session, plan: Plain) -> Iterator[str]:
    """Yield the plan as a person reads it."""
    looked_for = strings(plan.get("identifiers"))
    if looked_for:
        yield f"looked for: {line(', '.join(looked_for))}"
    yield session.printer.paint("goes for good: " + _counted(record(plan.get("counts"))), "bold")
    items = records(plan.get("items"))
    yield from (f"  {line(text(one, 'entity'))}  {line(text(one, 'title'))}".rstrip() for one in items[:SHOWN_MAX])
    if len(items) > SHOWN_MAX:
        yield f"  … and {len(items) - SHOWN_MAX} more; --json lists them"
    yield from _section("stays:", records(plan.get("kept")))
    yield from _section("outside our reach:", records(plan.get("outside")))
    yield session.printer.paint(f"plan {text(plan, 'plan')}", "dim")


def _section(title: str, rows: list[Plain]) -> Iterator[str]:
    if rows:
        yield title
        yield from (f"  {line(text(one, 'entity', 'path'))}: {line(text(one, 'why'))}" for one in rows[:SHOWN_MAX])
    if len(rows) > SHOWN_MAX:
        yield f"  … and {len(rows) - SHOWN_MAX} more; --json lists them"


def _counted(counts: Plain) -> str:
    return ", ".join(counted(int(str(count)), CALLED.get(kind, kind)) for kind, count in counts.items()) or "nothing"


def proof_lines(session: Session, result: Plain) -> Iterator[str]:
    """Yield what was found afterwards."""
    proof = record(result.get("proof"))
    yield f"forgotten: {text(result, 'id')}"
    left = number(proof, "events") + number(proof, "records") + number(proof, "files")
    where = ", ".join(counted(number(proof, f"{one}s"), one) for one in ("event", "record", "file"))
    yield session.printer.paint(f"  still said in {where}", "yellow" if left else "green")
    if left and records(result.get("kept")):
        yield "  these are what stays, as listed above"
    chain = "verifies" if proof.get("chain") else "DOES NOT VERIFY"
    checked, copies = counted(number(proof, "checked"), "event"), counted(number(proof, "copies"), "backup")
    yield f"  the chain {chain} over {checked}; {copies} reached"


@verb_of(
    memory, "verify-forgotten", examples=("quarterdeck memory verify-forgotten 'Ines Marlow' ines@marlow.example",)
)
@click.argument("words", nargs=-1, required=True)
@reads
def verify_forgotten(session: Session, words: tuple[str, ...]) -> None:
    """Look once more through log, records and files. Exit status: 0 nowhere, 1 somewhere."""
    found = session.ask("memory.verify_forgotten", {"words": list(words)}, deadline_ms=LONG_MS)
    session.show(found, _found_lines(session, found))
    if not found.get("ok"):
        raise click.exceptions.Exit(1)


def _found_lines(session: Session, found: Plain) -> Iterator[str]:
    files = strings(found.get("files"))
    sizes = (("event", number(found, "events")), ("record", number(found, "records")), ("file", len(files)))
    where = ", ".join(counted(size, one) for one, size in sizes)
    yield session.printer.paint(f"found in {where}", "green" if found.get("ok") else "yellow")
    yield from (f"  {line(name)}" for name in files[:SHOWN_MAX])
    yield f"the chain {'verifies' if found.get('chain') else 'DOES NOT VERIFY'}"
    for one in records(found.get("erasures")):
        yield f"{text(one, 'id')}  {local(one.get('at'))}  {text(one, 'stage')}  {_counted(record(one.get('counts')))}"
