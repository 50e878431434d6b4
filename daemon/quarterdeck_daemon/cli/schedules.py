"""`schedules`: playbooks that run by themselves, by the clock or after an event."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .plain import Plain, number, records, strings, text
from .session import Session
from .text import line
from .times import local
from .values import pairs
from .words import changes, noun, past, reads, verb_of

schedules = noun(
    "schedules", "Playbooks that run by themselves: list, show, add, pause, resume, remove, next.", default="list"
)
MISSED = click.Choice(("skip", "once", "all"))
OVERLAP = click.Choice(("skip", "queue", "allow"))
PRIORITY = click.Choice(("interactive", "normal", "batch"))
NEXT_ROW = 1  # Times shown in a row of the list.


@verb_of(schedules, "list", examples=("quarterdeck schedules", "quarterdeck schedules list --all --json"))
@click.option("--all", "also_over", is_flag=True, help="Removed ones and those that are over as well.")
@click.option("--playbook", metavar="NAME", help="Only those of this playbook.")
@reads
def list_schedules(session: Session, also_over: bool, playbook: str | None) -> None:
    """List schedules, the next to come first."""
    params: Plain = {"all": also_over}
    if playbook:
        params["playbook"] = playbook
    items = session.items("schedule.list", params)
    rows = [
        (text(one, "id"), text(one, "state"), _next(one), text(one, "playbook"), rule_of(one)) for one in items
    ]  # fmt: skip
    headers = ("ID", "STATE", "NEXT", "PLAYBOOK", "WHEN")
    session.show_items(items, session.printer.table(headers, rows), none="No schedules.")
    for one in items:
        if text(one, "refused"):
            session.printer.talk(f"{text(one, 'id')} could not start: {text(one, 'refused')}")


def _next(row: Plain) -> str:
    if text(row, "kind") == "after":
        return "on news" if text(row, "state") == "live" else ""
    return local(row.get("next_at"))


def rule_of(row: Plain) -> str:
    """Return when it runs, in words: `cron 0 9 * * 1-5 (Europe/Berlin)`."""
    kind, rule = text(row, "kind"), text(row, "rule")
    if kind == "after":
        return f"after {rule}" + (f" when {text(row, 'when')}" if text(row, "when") not in ("", "true") else "")
    return f"{kind} {rule} ({text(row, 'zone')})"


@verb_of(schedules, "show", examples=("quarterdeck schedules show s1",))
@click.argument("id")
@reads
def show(session: Session, id: str) -> None:
    """Show schedule ID: its rule, its policies, its next times."""
    found = session.ask("schedule.get", {"id": id})
    session.show(found, _lines(session, found))


def _lines(session: Session, found: Plain) -> Iterator[str]:
    yield line(f"{text(found, 'id')}  {text(found, 'playbook')}  {text(found, 'state')}")
    yield line(f"  {rule_of(found)}")
    for when in strings(found.get("next")):
        yield line(f"  next     {when}")
    if text(found, "wakes_at") and text(found, "wakes_at") != text(found, "next_at"):
        yield line(f"  begins   {local(found.get('wakes_at'))}, by its jitter or window")
    most = f" up to {number(found, 'missed_max')}" if text(found, "missed") == "all" else ""
    yield line(f"  missed   {text(found, 'missed')}{most}; {number(found, 'missed_count')} so far")
    yield line(f"  overlap  {text(found, 'overlap')}; {number(found, 'queued')} waiting")
    for name in ("inputs", "jitter", "priority", "window", "objective", "namespace", "file", "note"):
        value = text(found, name)
        if value not in ("", "normal", "default"):
            yield line(f"  {name:<8} {value}")
    runs = strings(found.get("runs"))
    yield line(f"  started  {number(found, 'fired')} runs" + (f", the last one {runs[-1]}" if runs else ""))
    if text(found, "refused"):
        yield session.printer.paint(line(f"  could not start: {text(found, 'refused')}"), "yellow")


@verb_of(
    schedules,
    "add",
    examples=(
        "quarterdeck schedules add weekly-report --cron '0 9 * * 1' --zone Europe/Berlin",
        "quarterdeck schedules add follow-up --after fact.asserted --when \"fact.kind == 'invoice'\" id='${fact.key}'",
        "quarterdeck schedules add tidy --every 2h --priority batch --window 22:00-06:00",
    ),
)
@click.argument("playbook")
@click.argument("inputs", nargs=-1, metavar="[NAME=VALUE]…")
@click.option("--id", metavar="NAME", default="", help="Yours; with that of a present one, it is changed.")
@click.option("--cron", metavar="'M H D M W'", default="", help="Minute, hour, day of month, month, day of week.")
@click.option("--rrule", metavar="RULE", default="", help="A rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=MO.")
@click.option("--at", metavar="TIME", default="", help="Once: 2026-12-01T09:00, in the zone.")
@click.option("--every", metavar="LENGTH", default="", help="A length of time: 15m, 2h, 7d.")
@click.option("--after", metavar="EVENT", default="", help="A kind of event: fact.asserted, run.ended …")
@click.option("--when", metavar="CEL", default="", help="With --after: a condition over what the event tells.")
@click.option("--begin", metavar="TIME", default="", help="Where --rrule and --every begin to count; else now.")
@click.option("--zone", metavar="NAME", help="An IANA time zone; else the workspace's.")
@click.option(
    "--missed", type=MISSED, help="What is done about times at which nothing ran; once, if nothing is said."
)
@click.option("--missed-max", type=click.IntRange(1, 100), help="With --missed all: the most that are made up for.")
@click.option("--overlap", type=OVERLAP, help="What is done while the run before still lives.")
@click.option("--jitter", metavar="LENGTH", help="It begins up to so much later, by chance.")
@click.option("--priority", type=PRIORITY, help="Whose steps go first.")
@click.option("--window", metavar="HOURS", help="Hours in which it may begin: 22:00-06:00 mon-fri.")
@click.option("--for", "objective", metavar="ID", help="The objective that its runs serve.")
@click.option("--namespace", metavar="NAME", help="Whose work it is.")
@click.option("--note", metavar="TEXT", help="For you.")
@changes
def add(session: Session, playbook: str, inputs: tuple[str, ...], **said: object) -> None:
    """Have PLAYBOOK run by itself, with inputs: name=text, name:=JSON. A text may hold ${…}, see docs/scheduling.md."""
    params: Plain = {"playbook": playbook} | {name: value for name, value in said.items() if value not in (None, "")}
    if inputs:
        params["inputs"] = pairs(inputs)
    if session.dry_run:
        _say_times(session, session.ask("schedule.put", params | {"dry_run": True}))
        return
    result = session.change("schedule.put", params, does=f"schedule {playbook}")
    assert result is not None, "a dry run has returned before"
    id = text(result.result, "id")
    times = strings(result.result.get("next"))
    then = f"it runs at {times[0]}" if times else f"it runs after {said.get('after')}"
    session.done(
        result, id, f"scheduled {playbook} as {id}", then=then, undo=session.command(f"schedules remove {id}")
    )


def _say_times(session: Session, found: Plain) -> None:
    times = strings(found.get("next"))
    lines = [line(f"would run at {when}") for when in times] or ["would run whenever its event happens"]
    session.show(found, lines)


@verb_of(schedules, "next", examples=("quarterdeck schedules next", "quarterdeck schedules next --days 30 s1"))
@click.argument("id", required=False, default="")
@click.option("--days", type=click.FloatRange(0, 366, min_open=True), default=7.0, show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@reads
def coming(session: Session, id: str, days: float, limit: int) -> None:
    """Say what would run in the days to come; nothing is started."""
    found = session.ask("schedule.next", {"days": days, "limit": limit, "id": id})
    items = records(found.get("items"))
    rows = [(text(one, "wall"), text(one, "schedule"), text(one, "playbook"), _begins(one)) for one in items]
    session.show(found, session.printer.table(("TIME", "SCHEDULE", "PLAYBOOK", "BEGINS"), rows) if items else ())
    if not items:
        session.printer.talk(f"Nothing is to run within {days:g} days.")
    if found.get("more"):
        session.printer.talk("There is more: --limit")
    for one in records(found.get("waiting")):
        session.printer.talk(f"{text(one, 'id')} runs {text(one, 'playbook')} after each {text(one, 'after')}")


def _begins(row: Plain) -> str:
    return "" if text(row, "begins_at") == text(row, "at") else local(row.get("begins_at"))


def _steer(session: Session, method: str, id: str, does: str, so: str, undo: str) -> None:
    result = session.change(f"schedule.{method}", {"id": id}, does=does)
    if result is not None:
        times = strings(result.result.get("next"))
        then = f"it runs at {times[0]}" if times else session.command(f"schedules show {id}")
        session.done(result, id, f"{past(does)}; {so}", then=then, undo=undo)


@verb_of(schedules, "pause")
@click.argument("id")
@changes
def pause(session: Session, id: str) -> None:
    """Let schedule ID start nothing until it is resumed."""
    _steer(session, "pause", id, f"pause {id}", "it starts nothing", session.command(f"schedules resume {id}"))


@verb_of(schedules, "resume")
@click.argument("id")
@changes
def resume(session: Session, id: str) -> None:
    """Let schedule ID start runs again, from now on; what it missed meanwhile is not made up for."""
    undo = session.command(f"schedules pause {id}")
    _steer(session, "resume", id, f"resume {id}", "it starts runs again", undo)


@verb_of(schedules, "remove")
@click.argument("id")
@changes
def remove(session: Session, id: str) -> None:
    """Remove schedule ID; what it did stays in the log."""
    _steer(
        session, "delete", id, f"remove {id}", "what it started goes on", "add it again: quarterdeck schedules add"
    )
