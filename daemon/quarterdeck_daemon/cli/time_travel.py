"""`snapshot`, `diff`, `rewind`, `fork`: names for moments, what differs between two, and ways back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .prompt import sure
from .session import Session
from .text import block, counted, cut, line, plural
from .times import local, position
from .words import changes, confirms, noun, reads, verb, verb_of

LONG_MS = 600_000
FORK_MS = 1_860_000
VALUE_COLUMNS = 160
SIGNS = {"added": "+", "changed": "~", "removed": "-"}
TONES = {"added": "green", "changed": "yellow", "removed": "red"}
KINDS = ("fact", "memory", "document", "link", "file", "run", "action", "setting", "snapshot", "alert")

snapshot = noun("snapshot", "Names for moments: create, list, remove.", default="list")


@verb_of(snapshot, "create", examples=(
    "quarterdeck snapshot create before-import", "quarterdeck snapshot create q3 --at 2026-09-30 --note 'end of quarter'",
))  # fmt: skip
@click.argument("name")
@click.option("--at", "at", metavar="SEQ|TIME", help="The moment that gets the name; else now.")
@click.option("--note", default="", metavar="TEXT")
@changes
def create(session: Session, name: str, at: str | None, note: str) -> None:
    """Call the workspace as it is now, or was then, NAME. It costs less than 1 KB."""
    params: Plain = {"name": name, "note": note}
    if at:
        params["at"] = position(at)
    result = session.change("snapshot.create", params, does=f"call {at or 'now'} {name}")
    if result is not None:
        did = f"{name} is {_place(result.result)}"
        then = session.command(f"diff {name}") + ", or " + session.command(f"rewind {name}")
        session.done(result, name, did, then=then, undo=session.command(f"snapshot remove {name}"))


def _place(found: Plain) -> str:
    when = local(found.get("at_time"))
    return f"position {number(found, 'at_seq')}" + (f", {when}" if when else "")


@verb_of(snapshot, "list")
@click.option("--all", "everything", is_flag=True, help="Removed ones too.")
@reads
def list_snapshots(session: Session, everything: bool) -> None:
    """List snapshots, the latest moment first."""
    items = session.items("snapshot.list", {"all": True} if everything else {})
    rows = [
        (text(one, "id"), number(one, "at_seq"), local(one.get("at_time")), _remark(one))
        for one in items
    ]  # fmt: skip
    table = session.printer.table(("NAME", "POSITION", "WHEN", "NOTE"), rows)
    session.show_items(items, table, none="No moment has a name yet: quarterdeck snapshot create NAME")


def _remark(one: Plain) -> str:
    return "  ".join(part for part in ("(removed)" if one.get("removed") else "", text(one, "note")) if part)


@verb_of(snapshot, "remove")
@click.argument("name")
@changes
def remove(session: Session, name: str) -> None:
    """Take the name away. What it named stays in the log."""
    result = session.change("snapshot.remove", {"name": name}, does=f"remove {name}")
    if result is not None:
        undo = session.command(f"snapshot create {name} --at {number(result.result, 'at_seq')}")
        session.done(result, name, f"removed {name}", then="nothing else changed", undo=undo)


# --- diff ---------------------------------------------------------------------------------------------


@verb("diff", examples=(
    "quarterdeck diff yesterday", "quarterdeck diff before-import --kind fact", "quarterdeck diff 'last tuesday' 2h --json",
))  # fmt: skip
@click.argument("a")
@click.argument("b", required=False)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these; may be repeated.")
@click.option("--chunks", is_flag=True, help="Pieces of documents one by one.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@reads
def diff(session: Session, a: str, b: str | None, kinds: tuple[str, ...], chunks: bool, limit: int) -> None:
    """Show what differs between the moments A and B (else now): who changed what, and why."""
    params: Plain = {"a": position(a), "limit": limit}
    if b:
        params["b"] = position(b)
    if kinds:
        params["kinds"] = list(kinds)
    if chunks:
        params["chunks"] = True
    found = session.ask("snapshot.diff", params, deadline_ms=LONG_MS)
    session.show(found, diff_lines(session, found))


def diff_lines(session: Session, found: Plain) -> Iterator[str]:
    """Yield what a person reads: a head, then one block for each kind."""
    a, b = number(found, "a"), number(found, "b")
    yield f"from {a} ({local(found.get('a_at')) or 'the beginning'}) to {b} ({local(found.get('b_at'))})"
    differs = ", ".join(_counted(kind, record(row)) for kind, row in record(found.get("counts")).items())
    yield f"{counted(number(found, 'events'), 'event')}: {differs or 'nothing differs'}"
    kind = ""
    for item in records(found.get("items")):
        if text(item, "kind") != kind:
            kind = text(item, "kind")
            yield ""
            yield session.printer.paint(plural(kind), "bold")
        yield from _item_lines(session, item)
    if found.get("next"):
        session.printer.talk("there is more: --limit, --kind, or nearer moments")


def _counted(kind: str, row: Plain) -> str:
    parts = [f"{number(row, what)} {what}" for what in SIGNS if number(row, what)]
    return f"{plural(kind)} {' '.join(parts)}"


def _item_lines(session: Session, item: Plain) -> Iterator[str]:
    change = text(item, "change")
    sign = session.printer.paint(SIGNS.get(change, "?"), TONES.get(change, ""))
    name = text(item, "id").removeprefix(f"{text(item, 'kind')}:")
    whose = [text(item, "actor"), text(item, "run"), f"e{number(item, 'seq')}", local(item.get("at"))]
    head = f"{name}  {text(item, 'title')}".rstrip()
    yield f"  {sign} {line(head)}  {session.printer.paint(line(', '.join(filter(None, whose))), 'dim')}"
    was = text(item, "was")
    if was:
        yield f"      {'in the place of' if change == 'changed' else 'its place took'} {line(was)}"
    if text(item, "reason"):
        yield f"      because {cut(line(text(item, 'reason')), VALUE_COLUMNS)}"
    if number(item, "chunks"):
        yield f"      {counted(number(item, 'chunks'), 'piece')}"
    for row in records(item.get("fields")):
        yield f"      {_field(row)}"
    for one in block(text(item, "text")).split("\n") if item.get("text") else ():
        tone = "green" if one.startswith("+") else "red" if one.startswith("-") else "dim"
        yield "      " + session.printer.paint(one.expandtabs(4), tone)


def _field(row: Plain) -> str:
    name, before, after = line(text(row, "name")), _shown(row.get("before")), _shown(row.get("after"))
    if not before:
        return f"{name}: {after}"
    return f"{name}: {before} → {after or 'nothing'}"


def _shown(value: object) -> str:
    return "" if value is None else cut(line(text({"value": value}, "value") or str(value)), VALUE_COLUMNS)


# --- rewind -------------------------------------------------------------------------------------------


@verb("rewind", examples=(
    "quarterdeck rewind before-import", "quarterdeck rewind 'last tuesday' --dry-run",
    "quarterdeck rewind 2h --scope run:r7", "quarterdeck rewind 812 --scope fact:client/acme", "quarterdeck rewind --undo rw3",
))  # fmt: skip
@click.argument("to", required=False)
@click.option("--scope", default="workspace", show_default=True, metavar="WHAT",
              help="run:ID, agent:NAME, or a record: memory:m12, fact:kind/key, document:doc3.")  # fmt: skip
@click.option("--cancel-runs", is_flag=True, help="End the runs that began since.")
@click.option("--write-files", is_flag=True, help="Write the steering files as they were, too.")
@click.option("--plan", "plan_hash", metavar="HASH", help="Only if the plan is still the one of this dry run.")
@click.option("--undo", metavar="ID", help="Take a rewind back.")
@click.option("--resume", metavar="ID", help="Go on with a rewind that was interrupted.")
@confirms
@changes
def rewind(
    session: Session, to: str | None, scope: str, undo: str | None, resume: str | None, **more: object
) -> None:
    """Take records back to how they were at TO. The log only grows: this can be undone.

    What has left the house stays in the world; it is listed with what can be done about it.
    """
    params = _wanted(to, scope, undo, resume)
    if more["cancel_runs"]:
        params["runs"] = "cancel"
    plan = session.ask("rewind", params | {"dry_run": True}, deadline_ms=LONG_MS)
    write_files = bool(more["write_files"])
    if session.dry_run:
        session.show(plan, plan_lines(session, plan, write_files=write_files))
        return
    if not session.printer.json:
        session.show(plan, plan_lines(session, plan, write_files=write_files))
    if not (_does_something(plan, params) or resume) and not (write_files and records(plan.get("files"))):
        session.show(plan, ()) if session.printer.json else session.printer.talk("nothing to do")
        return
    if not (more["plan_hash"] or sure(session, f"Change {counted(number(plan, 'total'), 'record')}?")):
        session.printer.talk("nothing was changed")
        return
    params |= {"plan_hash": more["plan_hash"] or text(plan, "plan_hash"), "reason": session.reason}
    result = session.client.call("rewind", params, request_id=session.request_id, deadline_ms=LONG_MS)
    written = _write_files(session, records(plan.get("files"))) if write_files else []
    _report(session, result.result, result.seq, written)


def _wanted(to: str | None, scope: str, undo: str | None, resume: str | None) -> Plain:
    if resume:
        return {"resume": resume}
    if undo:
        return {"scope": f"rewind:{undo.removeprefix('rewind:')}"}
    if to is None:
        raise QuarterdeckError("bad_value", "Back to when?", hint="quarterdeck rewind yesterday --dry-run")
    return {"to": position(to), "scope": scope}


def _does_something(plan: Plain, params: Plain) -> bool:
    return bool(number(plan, "total") or (params.get("runs") == "cancel" and records(plan.get("runs"))))


def plan_lines(session: Session, plan: Plain, *, write_files: bool) -> Iterator[str]:
    """Yield the plan as a person reads it."""
    when = local(plan.get("to_at")) or "the beginning"
    yield f"{line(text(plan, 'scope'))} as it was at {number(plan, 'to_seq')} ({when})"
    counts = ", ".join(f"{count} {what}" for what, count in record(plan.get("counts")).items())
    yield f"would change {number(plan, 'total')}: {counts}" if counts else "no record would change"
    shown = records(plan.get("changes"))
    for one in shown:
        yield f"  {text(one, 'what'):<13}{line(text(one, 'id'))}  {line(text(one, 'title'))}".rstrip()
        for row in records(one.get("fields")):
            yield f"      {_field(row)}"
    if number(plan, "total") > len(shown):
        yield f"  … and {number(plan, 'total') - len(shown)} more"
    if number(plan, "commits") > 1:
        yield f"in {counted(number(plan, 'commits'), 'step')}; if it is interrupted it can be resumed"
    yield from _rest_lines(plan, write_files)
    yield session.printer.paint(f"plan {text(plan, 'plan_hash')}", "dim")


def _rest_lines(plan: Plain, write_files: bool) -> Iterator[str]:
    sections: list[tuple[str, str, Iterator[str]]] = [
        ("already_done", "already done, and stays in the world:", map(_done_line, records(plan.get("already_done")))),
        ("kept", "stays as it is:", (f"{text(one, 'id')}: {text(one, 'why')}" for one in records(plan.get("kept")))),
        ("runs", "runs that began since (--cancel-runs ends them):", map(_open_line, records(plan.get("runs")))),
        ("waiting", "still waits for you:", map(_open_line, records(plan.get("waiting")))),
        (
            "files",
            "files that were different (would be written):" if write_files
            else "files that were different; they are yours, --write-files writes them:",
            (f"{text(one, 'path')}  {text(one, 'change')} since" for one in records(plan.get("files"))),
        ),
    ]  # fmt: skip
    for name, title, rows in sections:
        if plan.get(name):
            yield title
            for row in rows:
                yield f"  {line(row)}"


def _done_line(one: Plain) -> str:
    to = ", ".join(strings(one.get("targets")))
    said = f"{text(one, 'id')}  {text(one, 'status')}  {text(one, 'summary')}  {to}"
    return f"{said}  {local(one.get('at'))}  ->  {text(one, 'undo')}"


def _open_line(one: Plain) -> str:
    return f"{text(one, 'id')}  {text(one, 'status')}  {text(one, 'title')}"


def _write_files(session: Session, files: list[Plain]) -> list[str]:
    """Write steering files as they were, and move away what was not there yet. Returns their names."""
    written: list[str] = []
    for one in files:
        parts = PurePosixPath(text(one, "path")).parts
        if not parts or ".." in parts or parts[0] in ("/", ".quarterdeck"):
            raise QuarterdeckError("bad_value", f"{text(one, 'path')!r} is no file of the workspace.")
        path = session.folder.joinpath(*parts)
        content = one.get("text")
        if isinstance(content, str):
            path.parent.mkdir(parents=True, exist_ok=True)
            _keep_aside(path)
            path.write_text(content, encoding="utf-8")
        else:
            _keep_aside(path)
        written.append(text(one, "path"))
    return written


def _keep_aside(path: Path) -> None:
    """What lies there is the operator's; it is renamed, never overwritten."""
    if path.exists():
        path.replace(path.with_name(path.name + ".before-rewind"))


def _report(session: Session, done: Plain, seq: int, written: list[str]) -> None:
    id, undo = text(done, "id"), session.command(text(done, "undo_words").removeprefix("quarterdeck "))
    value = {**done, "seq": seq, "files_written": written, "undo_command": undo}
    cancelled = strings(done.get("cancelled"))
    rows = [f"{id}: changed {counted(number(done, 'total'), 'record')}"]
    rows += [f"ended {', '.join(cancelled)}"] if cancelled else []
    rows += [f"wrote {name}; what was there is {name}.before-rewind" for name in written]
    session.show(value, [line(row) for row in rows])
    session.printer.talk(f"next: {session.command('status')}")
    session.printer.talk(f"undo: {undo}" + ("; ended runs stay ended" if cancelled else ""))


# --- fork ---------------------------------------------------------------------------------------------


@verb("fork", examples=("quarterdeck fork experiment", "quarterdeck fork ~/what-if --at 'last tuesday'"))
@click.argument("name")
@click.option("--at", "at", metavar="SEQ|TIME", help="The moment at which its log ends; else now.")
@changes
def fork(session: Session, name: str, at: str | None) -> None:
    """Make the workspace NAME (beside this one, or a path) as this one was then. It begins stopped."""
    params: Plain = {"reason": session.reason, "progress": True}
    params |= (
        {"path": str(Path(name).expanduser().absolute())} if "/" in name or name.startswith("~") else {"name": name}
    )
    if at:
        params["at"] = position(at)
    if session.dry_run:
        session.show({"dry_run": True, "method": "fork", "params": params}, [f"would make {line(name)}"])
        return
    made = _forked(session, params)
    session.show(made, _fork_lines(made))
    path = text(made, "path")
    for note in strings(made.get("notes")):
        session.printer.talk(f"note: {note}")
    session.printer.talk(f"next: quarterdeck -w {path} up, look around, then quarterdeck -w {path} resume")
    session.printer.talk(f"undo: remove {path}; nothing else was changed")


def _forked(session: Session, params: Plain) -> Plain:
    stream = session.client.stream("fork", params, deadline_ms=FORK_MS)
    for chunk in stream:
        session.printer.talk(f"  {text(chunk, 'phase')} …")
    assert stream.result is not None, "a stream ends with its result or an error"
    return stream.result.result


def _fork_lines(made: Plain) -> Iterator[str]:
    state = "verified" if made.get("verified") else "NOT VERIFIED"
    events = counted(number(made, "events"), "event")
    files, originals = counted(number(made, "files"), "steering file"), counted(number(made, "blobs"), "original")
    yield line(f"made {text(made, 'path')}: {events} up to {number(made, 'at_seq')}, {state}")
    yield line(f"  {files}, {originals}; stopped")
    for name, words in (
        ("paused", "runs paused"), ("withdrawn", "actions withdrawn, they live on in the origin"),
        ("unknown", "were on the wire at that moment; the origin knows what became of them"),
    ):  # fmt: skip
        if strings(made.get(name)):
            yield line(f"  {words}: {', '.join(strings(made.get(name)))}")
