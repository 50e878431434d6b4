"""`agents`: who does the steps, by which contract; new ones, checked and tried before they are used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from .assets import list_assets, say_checked
from .plain import Plain, record, records, strings, text
from .session import Session
from .text import counted, line
from .values import read_file
from .words import changes, noun, reads, verb_of

agents = noun(
    "agents",
    "Who does the steps, and how far each may go: list, show, new, validate, test, reload, autonomy.",
    default="list",
)


@verb_of(agents, "list")
@reads
def list_agents(session: Session) -> None:
    """List the agents that playbooks may name."""
    columns = (
        ("NAME", ("name", "id")), ("ROLE", ("role", "name")), ("MODE", ("mode",)), ("WORK", ("work",)),
        ("FROM", ("path",)), ("ABOUT", ("description",)),
    )  # fmt: skip
    list_assets(session, "agent.list", columns, "There are no agents.")


@verb_of(agents, "show", examples=("quarterdeck agents show composer",))
@click.argument("name")
@reads
def show(session: Session, name: str) -> None:
    """Show the contract of agent NAME: what it takes, gives, may read, may propose, and may use."""
    found = session.ask("agent.get", {"id": name})
    session.show(found, list(_lines(session, found)))


def _lines(session: Session, found: Plain) -> Iterator[str]:
    contract = record(found.get("contract"))
    yield line(f"{text(found, 'name')}  {text(found, 'purpose')}")
    yield line(
        f"  role {text(found, 'role')} · mode {text(found, 'mode')} · work {text(found, 'work')} · "
        f"{text(found, 'origin')} · version {text(found, 'version')}"
    )
    for title, field in (("reads", "reads"), ("takes", "inputs"), ("gives", "outputs")):
        yield from _named(title, record(contract.get(field)))
    scope = record(record(contract.get("scope")).get("read"))
    seen = [
        f"{name} {', '.join(strings(scope.get(name))) or 'none'}"
        for name in ("facts", "memories", "records")
        if name in scope
    ]
    yield line(f"  sees      {'; '.join(seen) or 'what scopes list says'}")
    yield line(f"  proposes  {', '.join(strings(contract.get('effects'))) or 'no effects'}")
    if kinds := strings(contract.get("facts")):
        yield line(f"  believes  facts of the kind {', '.join(kinds)}, for review")
    for budget in records(contract.get("budget")):
        said = ", ".join(f"{value} {name}" for name, value in budget.items() if name not in ("per", "over"))
        yield line(f"  budget    {said} per {text(budget, 'per') or 'day'}")
    levels = record(found.get("autonomy"))
    for action, level in levels.items():
        yield line(f"  autonomy  {action}: {str(level).replace('_', ' ')}")
    if code := text(contract, "compensation"):
        yield line(f"  undo      {code}")
    name = text(found, "name")
    examples = found.get("examples")
    yield line(f"  examples  {examples}" + (f": {session.command(f'agents test {name}')}" if examples else ""))
    if prompt := text(found, "prompt"):
        yield ""
        yield from (line(one) for one in prompt.splitlines())


def _named(title: str, fields: Plain) -> Iterator[str]:
    for name, value in fields.items():
        form = value if isinstance(value, dict) else {"about": value}
        kind = f" ({text(form, 'type')})" if text(form, "type") else ""
        yield line(f"  {title:9} {name}{kind}  {text(form, 'about')}")


@verb_of(
    agents, "new", examples=("quarterdeck agents new summariser", "quarterdeck agents new composer --from composer")
)
@click.argument("name")
@click.option("--from", "source", metavar="AGENT", help="Begin with the file of this agent.")
@changes
def new(session: Session, name: str, source: str | None) -> None:
    """Write agents/NAME.md, an agent that works as it is, to be made yours."""
    from ..service.agent_scaffold import scaffold, write_agent

    known = text(session.ask("agent.get", {"id": source}), "file") if source else ""
    content = scaffold(name, known)
    path = session.folder / "agents" / f"{name}.md"
    if session.dry_run:
        session.printer.say(content.rstrip())
        return
    write_agent(path, content)
    shown = f"agents/{name}.md"
    session.printer.show(
        {"id": name, "path": shown},
        [
            line(f"wrote {shown}"),
            line(f"then: edit it; {session.command(f'agents test {name}')}"),
            line(f"undo: delete {shown}"),
        ],
    )


@verb_of(agents, "validate", examples=("quarterdeck agents validate agents/summariser.md",))
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@reads
def validate(session: Session, files: tuple[str, ...]) -> None:
    """Check agent FILEs without using them. Exit status 2: one is wrong."""
    from ..service.agent_scaffold import checked_text

    found: list[Plain] = []
    for path in files:
        answer = checked_text(read_file(Path(path)))
        found.append({"id": path, "ok": answer["ok"], "problems": answer["errors"], "warnings": answer["warnings"]})
    say_checked(session, found, "The form: docs/agents.md.")


@verb_of(agents, "test", examples=("quarterdeck agents test summariser",))
@click.argument("names", nargs=-1, metavar="[AGENT…]")
@reads
@click.pass_context
def test(ctx: click.Context, session: Session, names: tuple[str, ...]) -> None:
    """Run the examples that stand in the files of agents; nothing is recorded, nothing is done. Exit status 1: one fails."""
    chosen = list(names) or [
        text(one, "id") for one in session.items("agent.list") if record(one.get("details")).get("examples")
    ]
    found = [session.ask("agent.test", {"id": name}) for name in chosen]
    lines: list[str] = []
    for one in found:
        items = records(one.get("items"))
        if not items:
            lines.append(line(f"-     {text(one, 'id')}: it has no examples"))
        for item in items:
            verdict = "ok  " if item.get("ok") else "FAIL"
            lines.append(line(f"{verdict}  {text(one, 'id')}: {text(item, 'name')}  {text(item, 'says')}".rstrip()))
    session.show({"items": found}, lines)
    failed = sum(not item.get("ok") for one in found for item in records(one.get("items")))
    if failed:
        session.printer.talk(f"{counted(failed, 'example')} did not come out right: mend the agent or the example.")
        ctx.exit(1)


@verb_of(agents, "reload")
@changes
def reload(session: Session) -> None:
    """Read agents, playbooks, policies, templates and kinds again now. Steps under way are not touched."""
    result = session.change("agent.reload", {}, does="read the files again")
    if result is None:
        return
    loaded = strings(result.result.get("loaded"))
    refused = [f"{text(one, 'path')}: {text(one, 'reason')}" for one in records(result.result.get("refused"))]
    then = "; ".join(refused) or ", ".join(loaded) or "everything is as it was"
    session.done(
        result,
        "files",
        f"read the files again: {counted(len(loaded), 'change')}",
        then=then,
        undo="change the file back",
    )
