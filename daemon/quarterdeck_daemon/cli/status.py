"""`status`: where everything stands, on one screen, on one line, or again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import EXIT_STATUS, QuarterdeckError

from .plain import Plain, number, records, text
from .session import Session
from .text import counted, line
from .times import length
from .words import reads, verb

WATCH_S = 2.0
DEADLINE_MS = 3_000
ALERT_TONES = {"warning": "yellow", "critical": "red"}


def look(session: Session) -> tuple[Plain, QuarterdeckError | None]:
    """Return the status, and the error when the daemon is not there: then what the fence file says."""
    try:
        return session.ask("system.status", deadline_ms=DEADLINE_MS), None
    except QuarterdeckError as error:
        if error.code not in ("unavailable", "deadline"):
            raise
        return offline(session), error


def offline(session: Session) -> Plain:
    """Return what can be known without the daemon. `supervisor` is a process id while it would start it again."""
    from ..service.fence import read_fence
    from ..service.run_folder import owner_of, places_of

    places = places_of(session.folder)
    fence, owner = read_fence(places.fence), owner_of(places.lock)
    flagged = places.stop_flag.exists()
    return {
        "running": False,
        "stopped": fence.stopped or flagged,
        "stop_reason": fence.reason or ("STOP file" if flagged else ""),
        "supervisor": owner.pid if owner else 0,
    }


def hint_of(found: Plain, error: QuarterdeckError) -> str:
    """Return the next step. To somebody whose daemon keeps dying, "start it" is no help."""
    return "See `quarterdeck logs --level error`." if found.get("supervisor") else error.hint


def short(status: Plain) -> str:
    """Return one line for a prompt: `14 waiting, 2 running, $1.84`; `STOPPED` first when it is."""
    if not status.get("running"):
        return "STOPPED, down" if status.get("stopped") else "down"
    parts = ["STOPPED"] if status.get("stopped") else []
    parts += [f"{number(status, 'pending_approvals')} waiting", f"{number(status, 'active_runs')} running"]
    if number(status, "dead_letters"):
        parts.append(f"{number(status, 'dead_letters')} dead")
    parts.append(f"${text(status, 'cost_today') or '0'}")
    return line(", ".join(parts))


def lines(session: Session, status: Plain) -> Iterator[str]:
    paint = session.printer.paint
    yield f"workspace  {line(text(status, 'workspace') or str(session.folder))}"
    if not status.get("running"):
        state = "does not answer; it is being started again" if status.get("supervisor") else "not running"
        yield f"daemon     {paint(state, 'yellow')}"
    else:
        pid = text(status, "pid")
        up = length(number(status, "uptime_s")) if status.get("uptime_s") else ""
        about = ", ".join(part for part in (f"process {pid}" if pid else "", f"up {up}" if up else "") if part)
        yield f"daemon     {paint('running', 'green')}" + (f" ({about})" if about else "")
    if status.get("stopped"):
        yield f"outward    {paint('STOPPED', 'red')}: {line(text(status, 'stop_reason')) or 'no reason given'}"
    elif status.get("running"):
        yield "outward    open"
    if status.get("running"):
        yield from _numbers(session, status)


def _numbers(session: Session, status: Plain) -> Iterator[str]:
    rows = {
        "waiting": (number(status, "pending_approvals"), "quarterdeck review"),
        "runs": (number(status, "active_runs"), "quarterdeck runs"),
        "dead": (number(status, "dead_letters"), "quarterdeck dead list"),
    }
    if number(status, "queued"):
        rows["queued"] = (number(status, "queued"), "quarterdeck budget")
    if number(status, "open_breakers"):
        rows["breakers"] = (number(status, "open_breakers"), "quarterdeck breakers")
    for name, (count, command) in rows.items():
        yield f"{name:<11}{count}" + (f"  ({command})" if count else "")
    if number(status, "workers") and text(status, "confinement") != "full":
        yield f"workers    {number(status, 'workers')}, shut in: {line(text(status, 'confinement'))}  (quarterdeck doctor)"
    ready = number(status, "models_ready")
    yield f"mode       {line(text(status, 'mode'))}, {counted(ready, 'model') if ready else 'no model'}"
    yield f"cost today ${line(text(status, 'cost_today') or '0')}"
    yield f"log        {counted(number(status, 'seq'), 'event')}"
    for alert in records(status.get("alerts")):
        hint = text(alert, "hint")
        said = line(text(alert, "text") + (f"  ->  {hint}" if hint else ""))
        yield session.printer.paint(
            f"{line(text(alert, 'level')):<11}{said}", ALERT_TONES.get(text(alert, "level"), "")
        )


@verb(
    "status", examples=("quarterdeck status", "quarterdeck status --short", "quarterdeck status --json | jq .stopped")
)
@click.option("--short", "brief", is_flag=True, help="One line, for a prompt.")
@click.option("--watch", is_flag=True, help="Again every 2 seconds, until ctrl-C.")
@reads
@click.pass_context
def status(ctx: click.Context, session: Session, brief: bool, watch: bool) -> None:
    """Show where everything stands. Exit status: 0, or 6 when the daemon is not running."""
    while True:
        found, error = look(session)
        if watch:
            _repeat(session, found, brief)
            time.sleep(WATCH_S)
            continue
        session.show(found, [short(found)] if brief else lines(session, found))
        if error is not None:
            session.printer.talk(f"hint: {hint_of(found, error)}")
            ctx.exit(EXIT_STATUS["unavailable"])
        return


def _repeat(session: Session, found: Plain, brief: bool) -> None:
    if session.printer.json or brief:
        session.printer.stream(found, short(found))
        return
    for one in lines(session, found):
        session.printer.say(one)
    session.printer.stream(found, "")
