"""`tasks`: what is to be done, by whom and by when, and who accepted it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .plain import Plain, record, records, strings, text
from .session import Session
from .text import line
from .times import iso, local, moment
from .words import changes, noun, reads, verb_of

tasks = noun(
    "tasks",
    "What is to be done: list, show, add, edit, do, wait, done, accept, reject, reassign, cancel.",
    default="list",
)
STATES = click.Choice(("open", "doing", "waiting", "review", "done", "cancelled"))


@verb_of(
    tasks, "list", examples=("quarterdeck tasks", "quarterdeck tasks list --overdue", "quarterdeck tasks list --mine")
)
@click.option("--state", type=STATES, help="Only those of this state; else all that are not closed.")
@click.option("--owner", metavar="WHO", help="operator, or agent:NAME.")
@click.option("--mine", is_flag=True, help="The same as --owner operator.")
@click.option("--for", "parent", metavar="ID", help="Only those of this objective.")
@click.option("--overdue", is_flag=True, help="Only what is late.")
@click.option("--waits", is_flag=True, help="Only what waits for your word.")
@click.option("--all", "also_closed", is_flag=True, help="Closed ones as well.")
@reads
def list_tasks(
    session: Session, state: str | None, owner: str | None, mine: bool, parent: str | None, overdue: bool, waits: bool,
    also_closed: bool,
) -> None:  # fmt: skip
    """List tasks by due date."""
    params: Plain = {"overdue": overdue, "waits": waits, "all": also_closed}
    wanted = {"state": state, "owner": "operator" if mine else owner, "parent": parent}
    items = session.items("task.list", params | {name: value for name, value in wanted.items() if value})
    rows = [(text(one, "id"), state_of(one), _due(one), text(one, "owner"), text(one, "title")) for one in items]
    headers = ("ID", "STATE", "DUE", "OWNER", "TITLE")
    session.show_items(items, session.printer.table(headers, rows), none="No tasks.")
    if any(record(one.get("proposal")) or text(one, "state") == "review" for one in items):
        session.printer.talk("next: `quarterdeck tasks show ID`, then `accept` or `reject`")


def state_of(row: Plain) -> str:
    return f"{text(row, 'state')}, asked" if record(row.get("proposal")) else text(row, "state")


def _due(row: Plain) -> str:
    due = local(row.get("due_at"))
    return f"{due} late" if row.get("overdue") and text(row, "state") not in ("done", "cancelled") else due


@verb_of(tasks, "show", examples=("quarterdeck tasks show t3",))
@click.argument("id")
@reads
def show(session: Session, id: str) -> None:
    """Show task ID with its evidence, its acceptance and its history."""
    found = session.ask("task.get", {"id": id})
    session.show(found, _lines(session, found))


def _lines(session: Session, found: Plain) -> Iterator[str]:
    yield line(f"{text(found, 'id')}  {state_of(found)}  {text(found, 'title')}")
    if text(found, "text"):
        yield line(f"  {text(found, 'text')}")
    yield line(f"  owner    {text(found, 'owner')}")
    if text(found, "due_at"):
        yield line(f"  due      {_due(found)}")
    for name, value in (
        ("for", text(found, "parent")),
        ("source", text(found, "source")),
        ("note", text(found, "note")),
    ):
        if value:
            yield line(f"  {name:<8} {value}")
    for criterion in strings(found.get("criteria")):
        yield line(f"  when     {criterion}")
    for evidence in strings(found.get("evidence")):
        yield line(f"  shows    {evidence}")
    accepted = record(found.get("accepted"))
    if accepted:
        why = f": {text(accepted, 'reason')}" if text(accepted, "reason") else ""
        yield line(f"  accepted by {text(accepted, 'by')}, {local(accepted.get('at'))}{why}")
    elif found.get("accept"):
        yield line("  is closed by your acceptance only")
    yield from _proposal_lines(session, record(found.get("proposal")))
    for one in records(found.get("history")):
        note = f"  {text(one, 'note')}" if text(one, "note") else ""
        what = text(one, "kind").removeprefix("task.")
        yield session.printer.paint(
            line(f"  {local(one.get('at'))}  {what}  {text(one, 'state')}  {text(one, 'by')}{note}"), "dim"
        )


def _proposal_lines(session: Session, proposal: Plain) -> Iterator[str]:
    if not proposal:
        return
    wanted = [f"{name} {text(proposal, name)}" for name in ("state", "owner") if text(proposal, name)]
    wanted += [f"due {local(proposal.get('due_at'))}"] if text(proposal, "due_at") else []
    wanted += (
        [f"shown by {', '.join(strings(proposal.get('evidence')))}"] if strings(proposal.get("evidence")) else []
    )
    yield session.printer.paint(line(f"  {text(proposal, 'by')} proposes: {'; '.join(wanted) or 'a note'}"), "yellow")
    if text(proposal, "note"):
        yield line(f"    {text(proposal, 'note')}")


def given(said: dict[str, object]) -> Plain:
    """The options that were given, as params."""
    params: Plain = {name: value for name, value in said.items() if value not in (None, (), False)}
    due = params.get("due")
    if isinstance(due, str) and due and not _is_date(due):
        params["due"] = iso(moment(due, past=False))
    return params


def _is_date(words: str) -> bool:
    """A bare date means its end, in the workspace's zone; the daemon knows both."""
    return len(words) == 10 and words[4] == words[7] == "-" and words.replace("-", "").isdigit()


@verb_of(
    tasks,
    "add",
    examples=(
        "quarterdeck tasks add 'Send the contract to Ines' --due friday --for obj1",
        "quarterdeck tasks add 'Check the figures' --owner agent:composer --accept --criterion 'adds up to 100 %'",
    ),
)
@click.argument("title")
@click.option("--text", metavar="TEXT", help="More words about it.")
@click.option("--owner", metavar="WHO", help="operator (you), or agent:NAME.")
@click.option("--due", metavar="TIME", help="2026-12-01, 2d, tomorrow 9:00; a date means its end.")
@click.option("--accept", is_flag=True, help="Only your acceptance closes it.")
@click.option(
    "--criterion", "criteria", multiple=True, metavar="TEXT", help="What must hold for that; several times."
)
@click.option("--evidence", multiple=True, metavar="ID", help="What shows it: document:doc3, a path; several times.")
@click.option("--for", "parent", metavar="ID", help="The objective or project that it serves.")
@click.option("--priority", type=click.Choice(("interactive", "normal", "batch")))
@click.option("--namespace", metavar="NAME")
@changes
def add(session: Session, title: str, **said: object) -> None:
    """Add a task."""
    result = session.change("task.put", {"title": title} | given(said), does=f"add the task {title!r}")
    if result is not None:
        id = text(result.result, "id")
        undo = session.command(f"tasks cancel {id}")
        session.done(result, id, f"added {id}", then=session.command(f"tasks show {id}"), undo=undo)


@verb_of(tasks, "edit", examples=("quarterdeck tasks edit t3 --due 2d", "quarterdeck tasks edit t3 --for ''"))
@click.argument("id")
@click.option("--title", metavar="TEXT")
@click.option("--text", metavar="TEXT")
@click.option("--due", metavar="TIME", help="'' takes it away.")
@click.option("--accept/--no-accept", default=None, help="Whether only your acceptance closes it.")
@click.option("--criterion", "criteria", multiple=True, metavar="TEXT", help="In place of those there are.")
@click.option("--evidence", multiple=True, metavar="ID", help="Added to what there is.")
@click.option("--for", "parent", metavar="ID", help="The objective that it serves; '' for none.")
@changes
def edit(session: Session, id: str, accept: bool | None, **said: object) -> None:
    """Change task ID."""
    params = given(said) | ({} if accept is None else {"accept": accept})
    _change(session, id, params, f"change {id}", session.command(f"tasks show {id}"))


def _change(session: Session, id: str, params: Plain, did: str, undo: str) -> None:
    result = session.change("task.put", {"id": id} | params, does=did)
    if result is not None:
        asked = text(result.result, "state") == "review"
        then = session.command(f"tasks accept {id}" if asked else f"tasks show {id}")
        session.done(
            result, id, did if not asked else f"{id} is done and waits for your acceptance", then=then, undo=undo
        )


def _to_state(session: Session, id: str, state: str, did: str, evidence: tuple[str, ...] = ()) -> None:
    _change(session, id, given({"state": state, "evidence": evidence}), did, session.command(f"tasks reopen {id}"))


@verb_of(tasks, "do")
@click.argument("id")
@changes
def do(session: Session, id: str) -> None:
    """Say that task ID is being done."""
    _to_state(session, id, "doing", f"begin {id}")


@verb_of(tasks, "wait")
@click.argument("id")
@changes
def wait(session: Session, id: str) -> None:
    """Say that task ID waits for something; --reason says for what."""
    _to_state(session, id, "waiting", f"let {id} wait")


@verb_of(tasks, "done", examples=("quarterdeck tasks done t3 --evidence document:doc7",))
@click.argument("id")
@click.option("--evidence", multiple=True, metavar="ID", help="What shows it; several times.")
@changes
def done(session: Session, id: str, evidence: tuple[str, ...]) -> None:
    """Say that task ID is done. One that needs acceptance then waits for `tasks accept`."""
    _to_state(session, id, "done", f"close {id}", evidence)


@verb_of(tasks, "cancel")
@click.argument("id")
@changes
def cancel(session: Session, id: str) -> None:
    """Say that task ID is not to be done."""
    _to_state(session, id, "cancelled", f"cancel {id}")


@verb_of(tasks, "reopen")
@click.argument("id")
@changes
def reopen(session: Session, id: str) -> None:
    """Say that task ID is to be done after all."""
    _change(session, id, {"state": "open"}, f"open {id}", session.command(f"tasks done {id}"))


@verb_of(tasks, "reassign", examples=("quarterdeck tasks reassign t3 agent:composer",))
@click.argument("id")
@click.argument("owner")
@changes
def reassign(session: Session, id: str, owner: str) -> None:
    """Give task ID to OWNER: operator, or agent:NAME."""
    _change(session, id, {"owner": owner}, f"give {id} to {owner}", session.command(f"tasks show {id}"))


@verb_of(tasks, "accept", examples=("quarterdeck tasks accept t3 --reason 'looked at it'",))
@click.argument("id")
@changes
def accept(session: Session, id: str) -> None:
    """Accept that task ID is done, or what is proposed for it."""
    _decide(session, "accept", id, f"accept {id}", session.command(f"tasks reopen {id}"))


@verb_of(tasks, "reject", examples=("quarterdeck tasks reject t3 --reason 'the figures do not add up'",))
@click.argument("id")
@changes
def reject(session: Session, id: str) -> None:
    """Say that task ID is not done, or is not to be changed as proposed."""
    _decide(session, "reject", id, f"reject {id}", session.command(f"tasks accept {id}"))


def _decide(session: Session, verb: str, id: str, did: str, undo: str) -> None:
    """Binds what was seen: a task that changes between the look and the word is a conflict."""
    seen = session.ask("task.get", {"id": id})
    params: Plain = {"id": id, "seq": seen.get("seq", 0)}
    result = session.change(f"task.{verb}", params, does=did)
    if result is not None:
        did = f"{did}: {text(result.result, 'state')}"
        session.done(result, id, did, then=session.command(f"tasks show {id}"), undo=undo)
