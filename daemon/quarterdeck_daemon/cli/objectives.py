"""`objectives`: what the work is for, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .plain import Plain, record, records, strings, text
from .session import Session
from .tasks import given
from .text import line
from .times import local
from .words import changes, noun, reads, verb_of

objectives = noun(
    "objectives", "What the work is for: list, show, add, edit, attach, pause, resume, close, replan.", default="list"
)


@verb_of(objectives, "list", examples=("quarterdeck objectives", "quarterdeck objectives list --all"))
@click.option("--all", "also_closed", is_flag=True, help="Closed ones as well.")
@reads
def list_objectives(session: Session, also_closed: bool) -> None:
    """List objectives and their projects, with how far they are."""
    items = session.items("objective.list", {"all": also_closed})
    rows = [(text(one, "id"), text(one, "state"), share(one), _due(one), _hold(one), _title(one)) for one in items]
    headers = ("ID", "STATE", "DONE", "DUE", "HELD UP", "TITLE")
    session.show_items(items, session.printer.table(headers, rows), none="No objectives.")
    for one in items:
        if record(one.get("replan")):
            session.printer.talk(f"{text(one, 'id')} asks: quarterdeck objectives replan {text(one, 'id')}")


def share(row: Plain) -> str:
    value = row.get("share")
    return f"{value * 100:.0f} %" if isinstance(value, int | float) else ""


def _due(row: Plain) -> str:
    due = local(row.get("due_at"))
    return f"{due} late" if row.get("late_itself") else due


def _hold(row: Plain) -> str:
    late, blocked = strings(row.get("late")), strings(row.get("blocked"))
    return ", ".join(
        part for part in (f"{len(blocked)} wait" if blocked else "", f"{len(late)} late" if late else "") if part
    )


def _title(row: Plain) -> str:
    return text(row, "title") + (f"  (of {text(row, 'parent')})" if text(row, "parent") else "")


@verb_of(
    objectives, "show", examples=("quarterdeck objectives show obj1", "quarterdeck objectives show obj1 --steps")
)
@click.argument("id")
@click.option("--steps", is_flag=True, help="The steps of each run as well.")
@reads
def show(session: Session, id: str, steps: bool) -> None:
    """Show objective ID as a tree: projects, tasks, runs, schedules."""
    found = session.ask("objective.get", {"id": id})
    session.show(found, _lines(session, found, steps))


def _lines(session: Session, found: Plain, steps: bool) -> Iterator[str]:
    yield from _branch(session, record(found.get("tree")), "", "", steps)
    for criterion in strings(found.get("criteria")):
        yield line(f"done when  {criterion}")
    counts = record(found.get("counts"))
    for kind, states in counts.items():
        yield line(f"{kind:<10} " + ", ".join(f"{count} {state}" for state, count in record(states).items()))
    for why in strings(found.get("blocked")):
        yield session.printer.paint(line(f"held up by {why}"), "yellow")
    for late in strings(found.get("late")):
        yield session.printer.paint(line(f"late       {late}"), "red")
    replan = record(found.get("replan"))
    if replan:
        items = strings(replan.get("items"))
        yield line(f"proposed   {text(replan, 'verb')} {', '.join(items[:8])}" + (" …" if len(items) > 8 else ""))


def _branch(session: Session, node: Plain, first: str, rest: str, steps: bool) -> Iterator[str]:
    """A node and what is below it, drawn with lines."""
    done = f"  {share(node)}" if node.get("share") is not None else ""
    due = f"  due {local(node.get('due_at'))}" if text(node, "due_at") else ""
    state = session.printer.paint(line(text(node, "state")), _TONES.get(text(node, "state"), ""))
    yield f"{first}{line(text(node, 'kind'))} {line(text(node, 'id'))}  {line(text(node, 'title'))}  {state}{done}{line(due)}"
    children = [one for one in records(node.get("children")) if steps or text(one, "kind") != "step"]
    for number, child in enumerate(children, 1):
        last = number == len(children)
        yield from _branch(
            session, child, f"{rest}{'└ ' if last else '├ '}", f"{rest}{'  ' if last else '│ '}", steps
        )


_TONES = {
    "done": "green",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "dim",
    "paused": "yellow",
    "waiting": "yellow",
}


@verb_of(
    objectives,
    "add",
    examples=(
        "quarterdeck objectives add 'Ten new clients' --due 2027-03-31",
        "quarterdeck objectives add 'New site' --under obj1",
    ),
)
@click.argument("title")
@click.option("--under", "parent", metavar="ID", help="The objective of which it is a project.")
@click.option("--text", metavar="TEXT", help="More words about it.")
@click.option("--due", metavar="TIME", help="2027-03-31, 30d; a date means its end.")
@click.option("--criterion", "criteria", multiple=True, metavar="TEXT", help="What must hold when it is done.")
@click.option("--namespace", metavar="NAME")
@changes
def add(session: Session, title: str, **said: object) -> None:
    """Add an objective, or with --under a project of one."""
    params: Plain = {"title": title} | given(said)
    result = session.change("objective.put", params, does=f"add the objective {title!r}")
    if result is not None:
        id = text(result.result, "id")
        then = session.command(f"tasks add '…' --for {id}")
        session.done(result, id, f"added {id}", then=then, undo=session.command(f"objectives close {id} --cancelled"))


@verb_of(
    objectives,
    "edit",
    examples=("quarterdeck objectives edit obj1 --due 60d", "quarterdeck objectives edit obj2 --under obj1"),
)
@click.argument("id")
@click.option("--title", metavar="TEXT")
@click.option("--under", "parent", metavar="ID", help="The objective of which it is a project; '' for none.")
@click.option("--text", metavar="TEXT")
@click.option("--due", metavar="TIME", help="'' takes it away.")
@click.option("--criterion", "criteria", multiple=True, metavar="TEXT", help="In place of those there are.")
@changes
def edit(session: Session, id: str, **said: object) -> None:
    """Change objective ID."""
    _change(session, id, given(said), f"change {id}", "change it back")


def _change(session: Session, id: str, params: Plain, did: str, undo: str) -> None:
    result = session.change("objective.put", {"id": id} | params, does=did)
    if result is None:
        return
    replan = record(result.result.get("replan"))
    then = session.command(f"objectives show {id}")
    if replan:
        count = len(strings(replan.get("items")))
        session.printer.talk(
            f"{count} below could be changed with it ({text(replan, 'verb')}); nothing of it is done yet"
        )
        then = session.command(f"objectives replan {id}")
    session.done(result, id, did, then=then, undo=undo)


def _to_state(session: Session, id: str, state: str, did: str, undo: str) -> None:
    _change(session, id, {"state": state}, did, session.command(undo))


@verb_of(objectives, "pause")
@click.argument("id")
@changes
def pause(session: Session, id: str) -> None:
    """Pause objective ID. What is below goes on until you confirm the proposal."""
    _to_state(session, id, "paused", f"pause {id}", f"objectives resume {id}")


@verb_of(objectives, "resume")
@click.argument("id")
@changes
def resume(session: Session, id: str) -> None:
    """Open objective ID again."""
    _to_state(session, id, "open", f"open {id}", f"objectives pause {id}")


@verb_of(
    objectives,
    "close",
    examples=("quarterdeck objectives close obj1", "quarterdeck objectives close obj1 --cancelled"),
)
@click.argument("id")
@click.option("--cancelled", is_flag=True, help="It is given up, instead of done.")
@changes
def close(session: Session, id: str, cancelled: bool) -> None:
    """Close objective ID as done, or as given up."""
    state = "cancelled" if cancelled else "done"
    _to_state(session, id, state, f"close {id} as {state}", f"objectives resume {id}")


@verb_of(
    objectives,
    "attach",
    examples=("quarterdeck objectives attach obj1 run:r3 task:t2", "quarterdeck objectives attach '' run:r3"),
)
@click.argument("id")
@click.argument("entities", nargs=-1, required=True, metavar="ENTITY…")
@changes
def attach(session: Session, id: str, entities: tuple[str, ...]) -> None:
    """Have runs, tasks, schedules or projects serve objective ID; '' for none. They are named kind:id, as run:r3."""
    for entity in entities:
        params: Plain = {"entity": entity, "objective": id}
        result = session.change("objective.attach", params, does=f"attach {entity} to {id or 'nothing'}")
        if result is not None:
            did = f"{entity} serves {id}" if id else f"{entity} serves nothing"
            then = session.command(f"objectives show {id}" if id else "objectives list")
            session.done(result, entity, did, then=then, undo=session.command(f"objectives attach '' {entity}"))


@verb_of(
    objectives, "replan", examples=("quarterdeck objectives replan obj1", "quarterdeck objectives replan obj1 --keep")
)
@click.argument("id")
@click.option("--keep", is_flag=True, help="Leave what is below as it is.")
@changes
def replan(session: Session, id: str, keep: bool) -> None:
    """Do what the change of objective ID proposes for what is below it: pause, cancel or resume all of it."""
    seen = session.ask("objective.get", {"id": id})
    params: Plain = {"id": id, "keep": keep, "seq": seen.get("seq", 0)}
    proposed = record(seen.get("replan"))
    does = (
        "leave what is below as it is"
        if keep
        else f"{text(proposed, 'verb')} {', '.join(strings(proposed.get('items')))}"
    )
    result = session.change("objective.replan", params, does=does)
    if result is not None:
        did = strings(result.result.get("done"))
        said = f"{text(proposed, 'verb')}: {', '.join(did)}" if did else "all below goes on as it is"
        session.done(
            result, id, said, then=session.command(f"objectives show {id}"), undo=_undo(session, id, proposed)
        )


def _undo(session: Session, id: str, proposed: Plain) -> str:
    paused = text(proposed, "verb") == "pause"
    return session.command(f"objectives resume {id}") if paused else "what was cancelled is started anew"
