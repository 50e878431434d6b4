"""`audit`: whether the log is whole, a copy of it to keep, the trail of one thing, and what agents did."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .session import Session
from .text import counted, cut, line
from .times import iso, local, moment
from .words import changes, noun, reads, verb_of

audit = noun("audit", "The log: verify, export, trail; what agents did: report.")
LONG_DEADLINE_MS = 600_000
HASH_CHARS = 12  # Of a hash on screen; --json has all of it.
TITLE_COLUMNS = 110


# --- verify -----------------------------------------------------------------------------------------


@verb_of(
    audit, "verify",
    examples=(
        "quarterdeck audit verify", "quarterdeck audit verify --offline",
        "quarterdeck audit verify .quarterdeck/backup/monday", "quarterdeck audit verify log.jsonl --key /mnt/stick/chain.key",
    ),
)  # fmt: skip
@click.argument("target", required=False, metavar="[DIR|BACKUP|EXPORT.jsonl]", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Read the log itself; the daemon must be down.")
@click.option(
    "--key", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A chain.key."
)
@click.option(
    "--heads",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Heads that were noted elsewhere.",
)
@click.option("--partial", is_flag=True, help="The export has some events only; gaps are no fault.")
@reads
def verify(
    session: Session, target: Path | None, offline: bool, key: Path | None, heads: Path | None, partial: bool
) -> None:
    """Walk the chain of the log, a backup or an export. Exit status 1: it was changed, and where.

    Compared with the heads noted each day in .quarterdeck/heads.jsonl and where [audit] heads_to says.
    """
    if target is None and not offline:
        found = session.ask("audit.verify", deadline_ms=LONG_DEADLINE_MS)
    else:
        from ..service.audit_files import verify_offline

        workspace = _workspace(session)
        where = target or workspace or session.folder
        found = verify_offline(where.expanduser(), workspace=workspace, key=key, heads=heads, partial=partial)
    session.show(found, _verdict(found))
    if not found.get("ok"):
        broken = found.get("broken_at")
        reason = (
            text(found, "reason") or "; ".join(strings(found.get("faults"))) or "an entry does not match its seal"
        )
        where_broken = f"Event {broken}: {reason}." if broken is not None else f"{reason}."
        hint = text(found, "fix") or "Keep the folder as it is; restore a backup beside it."
        raise QuarterdeckError("internal", where_broken, hint=hint)


def _workspace(session: Session) -> Path | None:
    """The workspace that was named or that we are in, when there is one; its settings may be lost."""
    try:
        return session.folder
    except QuarterdeckError:
        named = session.named.expanduser().resolve() if session.named is not None else None
        return named if named is not None and (named / ".quarterdeck").is_dir() else None


def _verdict(found: Plain) -> Iterator[str]:
    if found.get("broken_at") is not None or text(found, "reason"):
        broken = found.get("broken_at")
        yield f"broken at event {broken}" if broken is not None else "not verified"
        return
    first = number(found, "first")
    begins = f", from event {first} on" if first > 1 else ""
    yield f"whole: {counted(number(found, 'checked'), 'event')}{begins}"
    heads = number(found, "heads")
    yield (
        f"  {counted(heads, 'head')} noted outside the log fit"
        if heads
        else "  no head noted outside the log to compare with"
    )
    if found.get("kind") == "export" and not found.get("keyed"):
        yield "  without the key: order and completeness only, not what each event says (--key FILE)"
    if found.get("beyond"):
        yield f"  the log went on: a head of event {found['beyond']} is known, this ends at {number(found, 'head_seq')}"
    for fault in strings(found.get("faults")):
        yield f"  {line(fault)}"


# --- export -----------------------------------------------------------------------------------------


@verb_of(
    audit, "export",
    examples=(
        "quarterdeck audit export --to log.jsonl", "quarterdeck audit export | gzip > log.gz",
        "quarterdeck audit export --format cloudevents --since 7d --kinds action,effect --to week.jsonl",
    ),
)  # fmt: skip
@click.option("--to", "path", metavar="FILE", help="A new file; else stdout.")
@click.option("--format", "form", type=click.Choice(("jsonl", "cloudevents")), default="jsonl", show_default=True)
@click.option("--after", type=click.IntRange(0), default=0, metavar="SEQ", help="Only later ones: to go on.")
@click.option("--since", metavar="TIME")
@click.option("--until", metavar="TIME")
@click.option("--run", metavar="ID", help="Only of this run.")
@click.option("--kinds", metavar="WORDS", help="Only these: effect.sent, or nouns such as effect; with commas.")
def export(
    session: Session, path: str | None, form: str, after: int, since: str | None, until: str | None, run: str | None,
    kinds: str | None,
) -> None:  # fmt: skip
    """Write events as JSON lines, oldest first, each with what `audit verify FILE` needs.

    cloudevents: the names of CloudEvents 1.0.
    """
    if session.as_of is not None:
        raise QuarterdeckError("bad_value", "An export names its own times.", hint="Use --until TIME.")
    params: Plain = {"after": after}
    params |= {"since": iso(moment(since, past=True))} if since else {}
    params |= {"until": iso(moment(until, past=True))} if until else {}
    params |= {"run": run} if run else {}
    if kinds:
        params["kinds"] = [one if "." in one else f"{one}.*" for one in kinds.replace(" ", "").split(",") if one]
    with _opened(path) as file:
        count, last = _write(session, params, form, file)
    if path is not None:
        session.printer.say(f"wrote {counted(count, 'event')} to {line(path)}, up to {last}")


@contextlib.contextmanager
def _opened(path: str | None) -> Iterator[TextIO]:
    """A new file that nobody else reads, or stdout."""
    if path is None:
        yield sys.stdout
        return
    try:
        handle = os.open(Path(path).expanduser(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise QuarterdeckError("conflict", f"{path} exists.", hint="Name a new file.") from error
    except OSError as error:
        raise QuarterdeckError(
            "bad_value", f"Cannot write {path}: {error.strerror}.", hint="Name another file."
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        yield file


def _write(session: Session, params: Plain, form: str, file: TextIO) -> tuple[int, int]:
    """Write lines as they come. Returns how many, and the last sequence."""
    import msgspec

    from ..service.audit_lines import cloud_event

    name = session.folder.name
    shape: Callable[[Plain], Plain] = (
        (lambda one: cloud_event(one, name)) if form == "cloudevents" else (lambda one: one)
    )
    count, last = 0, number(params, "after")
    try:
        for chunk in session.client.stream("audit.export", params, deadline_ms=LONG_DEADLINE_MS):
            for one in records(chunk.get("events")):
                file.write(msgspec.json.encode(shape(one)).decode() + "\n")
                count, last = count + 1, number(one, "seq")
    except QuarterdeckError as error:
        if not count:
            raise
        hint = f"What is written is good; go on with `--after {last}` into a new file."
        raise QuarterdeckError(error.code, error.message, hint=hint) from error
    return count, last


# --- head -------------------------------------------------------------------------------------------


@verb_of(audit, "head", examples=("quarterdeck audit head",))
@changes
def head(session: Session) -> None:
    """Note the head of the chain outside the log now, as is done each day."""
    result = session.change("audit.head", {}, does="note the head of the chain")
    if result is not None:
        seq, mac = number(result.result, "head_seq"), result.result.get("head_mac")
        shown = mac.hex() if isinstance(mac, bytes) else text(result.result, "head_mac")
        lines = [
            f"event {seq}  {shown}",
            *(f"  noted in {line(one)}" for one in strings(result.result.get("places"))),
        ]
        session.show({**result.result, "head_mac": shown}, lines)


# --- trail ------------------------------------------------------------------------------------------


@verb_of(audit, "trail", examples=("quarterdeck audit trail a17", "quarterdeck audit trail r3 --json"))
@click.argument("id")
@reads
def trail(session: Session, id: str) -> None:
    """Show the way of an action, run or document: intent, plan, steps, actions, verdicts, effects, outcome."""
    found = session.ask("audit.trail", {"id": id})
    session.show(found, _nodes(session, record(found.get("tree")), 0))


def _nodes(session: Session, node: Plain, depth: int) -> Iterator[str]:
    paint = session.printer.paint
    seq, at = number(node, "seq"), node.get("at")
    head = f"{seq or '':>6}  {local(at) if at else '':<12}  {'  ' * depth}{paint(line(text(node, 'stage')), 'cyan')}"
    own = not text(node, "kind").count(".")  # A thing, not one event of it.
    name = f"{line(text(node, 'id'))}  " if own else ""
    title = cut(line(text(node, "title")), TITLE_COLUMNS)
    parts = [line(text(node, "actor")), line(text(node, "detail"))]
    parts += [f"hash {text(node, 'hash')[:HASH_CHARS]}"] if text(node, "hash") else []
    yield f"{head}  {name}{title}  {paint(', '.join(part for part in parts if part), 'dim')}".rstrip()
    for child in records(node.get("children")):
        yield from _nodes(session, child, depth + 1)


# --- report -----------------------------------------------------------------------------------------

COLUMNS = (
    ("STEPS", "steps"), ("PROPOSED", "proposed"), ("YES", "approved"), ("EDITED", "edited"), ("NO", "rejected"),
    ("UNASKED", "unasked"), ("DENIED", "denied"), ("UNDONE", "undone"), ("OUT OF SCOPE", "out_of_scope"),
    ("BREACHES", "breaches"),
)  # fmt: skip


@verb_of(audit, "report", examples=("quarterdeck audit report", "quarterdeck audit report --since 30d --json"))
@click.option("--since", metavar="TIME", default="7d", show_default=True)
@click.option("--until", metavar="TIME")
@reads
def report(session: Session, since: str, until: str | None) -> None:
    """Show what each agent did, what became of it, and what of it is unlike its own past."""
    params: Plain = {"since": iso(moment(since, past=True))}
    params |= {"until": iso(moment(until, past=True))} if until else {}
    found = session.ask("audit.report", params, deadline_ms=LONG_DEADLINE_MS)
    session.show(found, _report(session, found))


def _report(session: Session, found: Plain) -> Iterator[str]:
    items = records(found.get("items"))
    yield f"from {local(found.get('since'))} to {local(found.get('until'))}"
    if not items:
        yield "no agent did anything"
        return
    rows = [(text(one, "id"), *(number(one, name) for _, name in COLUMNS), _time(one)) for one in items]
    yield from session.printer.table(("AGENT", *(name for name, _ in COLUMNS), "TIME"), rows)
    for one in items:
        failures = record(one.get("failures"))
        if failures:
            yield f"{line(text(one, 'id'))} failed: {line(', '.join(f'{name} {count}' for name, count in failures.items()))}"
    for one in items:
        for told in strings(one.get("unusual")):
            yield session.printer.paint(f"unusual: {line(text(one, 'id'))}: {line(told)}", "yellow")
    if not number(found, "unusual"):
        stretches = number(found, "stretches")
        yield (
            f"nothing unusual beside {counted(stretches, 'stretch')} before"
            if stretches
            else "no past to compare with yet"
        )
    if not found.get("complete"):
        yield "the log is too long to look at all of the past; an earlier stretch is left out"


def _time(one: Plain) -> str:
    return f"{number(one, 'ms') / 1000:.1f}s"
