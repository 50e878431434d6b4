"""`lessons`: what agents were taught, what it was worth, and edits that could become one. `templates`: the same of templates."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .approvals import lesson_of
from .plain import Plain, number, record, records, strings, text
from .records import told
from .session import Session
from .text import block, line
from .times import local
from .words import changes, noun, reads, verb_of

lessons = noun(
    "lessons", "What agents were taught: list, show, withdraw; keep or decline what is suggested.", default="list"
)
templates = noun(
    "templates", "Templates of mails: list with what became of them, keep one from an approved mail.", default="list"
)


@verb_of(lessons, "list", examples=("quarterdeck lessons", "quarterdeck lessons list --agent composer"))
@click.option("--all", "every", is_flag=True, help="Those that were taken back or replaced, too.")
@click.option("--agent", metavar="NAME", help="Only what this agent is shown.")
@reads
def list_lessons(session: Session, every: bool, agent: str | None) -> None:
    """List lessons, newest first, and edits of yours that could become one."""
    items = session.items("lesson.list", {"all": every, **({"agent": agent} if agent else {})})
    rows = [
        (text(one, "id"), text(one, "status"), _for(one), str(_given(one)), text(one, "text").split("\n")[0])
        for one in items
    ]
    table = session.printer.table(("ID", "STATE", "FOR", "USED", "LESSON"), rows)
    session.show_items(items, table, none="Nothing was taught yet: reject or edit something with --lesson.")
    if not session.printer.json:
        for one in session.items("lesson.suggested", {"all": every}):
            for said in _suggested(session, one):
                session.printer.say(said)


def _for(one: Plain) -> str:
    whom = ", ".join(strings(one.get("agents"))) or "all"
    to = ", ".join(strings(one.get("to")))
    return f"{whom} to {to}" if to else whom


def _given(one: Plain) -> int:
    return number(record(record(one.get("effect")).get("given")), "decisions")


def _suggested(session: Session, one: Plain) -> Iterator[str]:
    id, status = text(one, "id"), text(one, "status")
    where = f"{number(one, 'count')} drafts of {text(one, 'agent')} ({', '.join(strings(one.get('actions')))})"
    yield line(f"{id}  {text(one, 'text') or 'what was changed is forgotten'}  {where}")
    if status != "asked":
        yield line(f"  {status} {text(one, 'lesson')}".rstrip())
        return
    yield line(
        f"  Make this a lesson? {session.command(f'lessons keep {id}')}, or {session.command(f'lessons decline {id}')}"
    )


@verb_of(lessons, "show", examples=("quarterdeck lessons show m12", "quarterdeck lessons show habit1"))
@click.argument("id")
@reads
def show(session: Session, id: str) -> None:
    """Show lesson ID with the edit that taught it and what it was worth; or what is suggested."""
    found = session.ask("lesson.get", {"id": id})
    if suggested := record(found.get("suggested")):
        session.show(found, list(_suggested(session, suggested)))
        return
    session.show(found, list(_whole(record(found.get("lesson")))))


def _whole(one: Plain) -> Iterator[str]:
    yield line(f"{text(one, 'id')}  {text(one, 'status').replace('_', ' ')}  for {_for(one)}")
    yield from (f"  | {row}".rstrip() for row in block(text(one, "text")).split("\n"))
    for name, said in (("taught", "learned from"), ("actions", "about")):
        if words := ", ".join(strings(one.get(name))):
            yield line(f"  {said}: {words}")
    yield line(
        f"  since {local(one.get('at'))}"
        + (f", until {local(one.get('expires_at'))}" if one.get("expires_at") else "")
    )
    yield from effect_lines(record(one.get("effect")))
    for row in text(one, "diff").split("\n"):
        if row:
            yield f"  {block(row)}"


def effect_lines(effect: Plain) -> Iterator[str]:
    """How its scope stood before and since, and how what was made with it stands."""
    scope = ", ".join(strings(effect.get("scope"))) or "nothing decided yet"
    yield line(f"  of {scope}")
    for name, said in (("before", "before"), ("since", "since"), ("given", "with it")):
        yield f"  {said + ':':<9}{line(told(record(effect.get(name))))}"


@verb_of(lessons, "withdraw", examples=("quarterdeck lessons withdraw m12 --reason 'we do it otherwise now'",))
@click.argument("id")
@changes
def withdraw(session: Session, id: str) -> None:
    """Take lesson ID back: no agent is shown it any more."""
    result = session.change("memory.withdraw", {"id": id}, does=f"take lesson {id} back")
    if result is not None:
        back = session.command(f"memory restore {id}")
        session.done(result, id, f"{id} is no lesson any more", then="the next draft is made without it", undo=back)


@verb_of(
    lessons,
    "keep",
    examples=("quarterdeck lessons keep habit1", "quarterdeck lessons keep habit1 --reason 'Dear, never Hi'"),
)
@click.argument("id")
@click.option("--to", metavar="ADDRESS", default="", help="Only about this recipient.")
@click.option("--all-agents", "everybody", is_flag=True, help="For all agents.")
@click.option("--until", metavar="TIME", default="", help="It ends then, such as 90d; else it stays.")
@changes
def keep(session: Session, id: str, to: str, everybody: bool, until: str) -> None:
    """Make the suggested ID a lesson: in its words as they are now, or in those of --reason."""
    hash = text(record(session.ask("lesson.get", {"id": id}).get("suggested")), "shown_hash")
    lesson = lesson_of(session, until, everybody, to, edited=True)
    params: Plain = {"id": id, "decision": "keep", "shown_hash": hash, "lesson": lesson}
    result = session.change("lesson.decide", params, does=f"make {id} a lesson")
    if result is not None:
        made = text(result.result, "lesson")
        back = session.command(f"lessons withdraw {made}")
        session.done(result, made, f"{id} is lesson {made} now", then="it is shown with the next draft", undo=back)


@verb_of(lessons, "decline", examples=("quarterdeck lessons decline habit1",))
@click.argument("id")
@changes
def decline(session: Session, id: str) -> None:
    """Leave it as it is; this edit is not asked about again."""
    result = session.change("lesson.decide", {"id": id, "decision": "decline"}, does=f"decline {id}")
    if result is not None:
        undo = session.command("remember 'TEXT' --kind lesson")
        session.done(result, id, f"{id} is declined", then="it is not asked again", undo=undo)


@verb_of(templates, "list")
@reads
def list_templates(session: Session) -> None:
    """List templates with what became of the mails made from each."""
    items = session.items("template.record")
    rows = [
        (text(one, "name"), text(one, "path"), told(record(record(one.get("effect")).get("given")))) for one in items
    ]
    table = session.printer.table(("NAME", "FILE", "MADE FROM IT"), rows)
    session.show_items(items, table, none="There are no templates in templates/.")


@verb_of(templates, "show", examples=("quarterdeck templates show reply-to-lead",))
@click.argument("name")
@reads
def show_template(session: Session, name: str) -> None:
    """Show how mails stood before template NAME was used first, and since."""
    items = [one for one in session.items("template.record") if text(one, "name") == name]
    rows = [
        row
        for one in items
        for row in (line(f"{text(one, 'name')}  {text(one, 'path')}"), *effect_lines(record(one.get("effect"))))
    ]
    session.show_items(items, rows, none=f"There is no template {name}.")


@verb_of(
    templates,
    "keep",
    examples=("quarterdeck templates keep a7 --as welcome", "quarterdeck templates keep a7 --as welcome --dry-run"),
)
@click.argument("id")
@click.option("--as", "name", metavar="NAME", required=True, help="Its name; never one that is there already.")
@changes
def keep_template(session: Session, id: str, name: str) -> None:
    """Write templates/NAME.md from the approved mail ID: what was put into the draft becomes a field again."""
    params: Plain = {"id": id, "name": name, "dry_run": session.dry_run}
    dry, session.dry_run = (
        session.dry_run,
        False,
    )  # The daemon makes the template either way; with --dry-run it writes nothing.
    try:
        result = session.change("template.keep", params, does=f"keep {id} as a template")
    finally:
        session.dry_run = dry
    assert result is not None, "it is no dry run of the command line"
    found = result.result
    session.show(found, [*(block(row) for row in text(found, "text").rstrip().split("\n")), *_turned(found)])
    if not dry:
        session.printer.talk(line(f"next: name it in a playbook: reads: {{template: {{template: {name}}}}}"))
        session.printer.talk(line(f"undo: delete {text(found, 'path')}"))


def _turned(found: Plain) -> Iterator[str]:
    yield line(f"{'written' if found.get('written') else 'would be written'}: {text(found, 'path')}")
    for one in records(found.get("turned")):
        yield line(f"  field {text(one, 'field')}: {text(one, 'value')}")
    for one in records(found.get("left")):
        yield line(f"  stays as it is, from {text(one, 'source')}: {text(one, 'value')}")
