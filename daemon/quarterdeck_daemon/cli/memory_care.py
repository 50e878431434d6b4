"""`memory health` and `memory retention`: how memory is, and what is kept of it, in numbers for a screen of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import click

from .memory import memory
from .plain import Plain, number, record, records, strings, text
from .session import Session
from .text import counted, line, pad
from .times import local
from .words import changes, reads, verb_of

SURVEY_MS = 600_000
COLUMNS = 80
NAME = 20
FIGURE = 11
TONES = {"warning": "yellow", "ok": "green", "info": ""}
KIB = 1024


@verb_of(memory, "health", examples=("quarterdeck memory health", "quarterdeck memory health --json"))
@reads
def health(session: Session) -> None:
    """Show junk, duplicates, contradictions, age and use as numbers, each with what to do."""
    found = session.ask("memory.health", deadline_ms=SURVEY_MS)
    session.show(found, _health(session, found))


def _health(session: Session, found: Plain) -> Iterator[str]:
    yield from _tiers(session, found)
    yield ""
    for one in records(found.get("items")):
        tone = TONES.get(text(one, "level"), "")
        figure = _figure(one)
        head = f"{pad(text(one, 'id'), NAME)} {figure:>{FIGURE}}  "
        yield from (session.printer.paint(row, tone) for row in _wrapped(text(one, "text"), head))
        if text(one, "level") != "ok":
            yield from _steps(one)
    whole = "" if found.get("complete") else "  Time ran out; not all was looked at."
    yield ""
    yield f"{counted(number(found, 'looked_at'), 'memory')} looked at in {number(found, 'took_ms') / 1000:.1f} s.{whole}"


def _figure(one: Plain) -> str:
    share = one.get("share")
    value = number(one, "value")
    return f"{value:,} {share:4.0%}" if isinstance(share, int | float) and value else f"{value:,}"


def _steps(one: Plain) -> Iterator[str]:
    indent = " " * (NAME + FIGURE + 3)
    if examples := strings(one.get("examples")):
        yield from _wrapped(f"such as {', '.join(examples)}", indent)
    yield from _wrapped(text(one, "todo"), f"{indent}> ")


def _wrapped(words: str, indent: str) -> Iterator[str]:
    rest = " " * len(indent)
    yield from textwrap.wrap(line(words), COLUMNS, initial_indent=indent, subsequent_indent=rest)


def _tiers(session: Session, found: Plain) -> Iterator[str]:
    kinds = [{**kind, "id": f"  {text(kind, 'id')}"} for kind in records(found.get("kinds"))]
    rows = [
        (text(one, "id"), f"{number(one, 'items'):,}", _size(number(one, "bytes")), f"{number(one, 'tokens'):,}",
         f"of {number(one, 'cap_tokens'):,}" if one.get("cap_tokens") else "")
        for one in (*records(found.get("tiers")), *kinds)
    ]  # fmt: skip
    yield from session.printer.table(("TIER OR KIND", "ITEMS", "SIZE", "TOKENS", "CAP"), rows)


def _size(size: int) -> str:
    if size < KIB:
        return f"{size} B"
    return f"{size / KIB:,.1f} KiB" if size < KIB * KIB else f"{size / KIB / KIB:,.1f} MiB"


@verb_of(memory, "retention", examples=(
    "quarterdeck memory retention", "quarterdeck memory retention --dry-run", "quarterdeck memory retention --run",
))  # fmt: skip
@click.option("--run", "run_now", is_flag=True, help="Make a pass now: expiry, budgets, summaries.")
@changes
def retention(session: Session, run_now: bool) -> None:
    """Show each setting of [memory]: what it holds, what changing it would save and cost.

    With --dry-run, what a pass would take out of recall now. Nothing that goes is erased: `memory restore` brings it
    back. Only the files of replaced documents are removed, and only when [memory] originals says so.
    """
    if run_now or session.dry_run:
        _pass(session, dry_run=session.dry_run)
        return
    found = session.ask("memory.retention", deadline_ms=SURVEY_MS)
    session.show(found, _retention(session, found))


def _pass(session: Session, *, dry_run: bool) -> None:
    params: Plain = {"dry_run": dry_run} | ({"reason": session.reason} if session.reason else {})
    result = session.client.call("memory.keep", params, request_id=session.request_id, deadline_ms=SURVEY_MS)
    found = {**result.result, "seq": result.seq}
    session.show(found, _kept(session, found, dry_run=dry_run))


def _kept(session: Session, found: Plain, *, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    items = records(found.get("items"))
    if items:
        rows = [(text(one, "id"), text(one, "rule"), text(one, "title")) for one in items]
        yield from session.printer.table(("ID", "BECAUSE", "TITLE"), rows)
    expired, compressed = number(found, "expired"), number(found, "compressed")
    told = f"{expired:,} {would}expired, {compressed:,} {would}put behind {counted(number(found, 'summaries'), 'summary')}"
    yield f"{told}; {_size(number(found, 'saved_bytes'))} fewer to search."
    if pruned := number(found, "pruned"):
        size = _size(number(found, "pruned_bytes"))
        files = counted(pruned, "original file")
        yield f"{files} of replaced documents {would}removed, {size}; the text stays."
    if expired + compressed and not dry_run:
        session.printer.talk(f"undo: {session.command('memory restore ID')}")


def _retention(session: Session, found: Plain) -> Iterator[str]:
    items = records(found.get("items"))
    rows = [
        (text(one, "id"), text(one, "setting"), f"{number(one, 'items'):,}", _size(number(one, "bytes")),
         f"{number(one, 'would_go'):,}" if number(one, "would_go") else "-")
        for one in items
    ]  # fmt: skip
    yield from session.printer.table(("SETTING OF [memory]", "NOW", "ITEMS", "SIZE", "NEXT PASS TAKES"), rows)
    yield ""
    for one in items:
        yield from _costs(one)
    kept = record(found.get("kept"))
    yield f"Out of recall and readable: {counted(number(kept, 'items'), 'memory')}, {_size(number(kept, 'bytes'))}."
    disk = record(found.get("disk"))
    yield "On disk: " + ", ".join(f"{name} {_size(number(disk, name))}" for name in disk) + "."
    for hint in strings(found.get("hints")):
        yield from _wrapped(hint, "")
    yield _last_pass(record(found.get("last_pass")))


def _costs(one: Plain) -> Iterator[str]:
    """What a change would do, for settings that hold something."""
    told = "; ".join(part for part in (text(one, "change"), text(one, "costs")) if part)
    if number(one, "items") and told:
        yield from _wrapped(f"{text(one, 'id')}: {told}.", "")


def _last_pass(last: Plain) -> str:
    if not last:
        return "No pass yet: no setting gives the keeper work."
    ended = local(last.get("ended_at"))
    return f"Last pass: {ended}." if ended else "A pass is under way."
