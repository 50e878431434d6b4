"""`logs`: what all processes of the workspace wrote, as one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .session import Session
from .text import block, line
from .times import local, moment
from .words import reads, verb

if TYPE_CHECKING:
    from ..service.logs import LogLine

LEVELS = ("debug", "info", "warning", "error", "critical")
TONES = {"warning": "yellow", "error": "red", "critical": "red", "debug": "dim"}


@verb("logs", examples=("quarterdeck logs -f", "quarterdeck logs --since 10m --level warning --role effector"))
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@click.option("--since", metavar="TIME", help="10m, 14:00, an ISO time.")
@click.option("--role", "roles", multiple=True, metavar="NAME", help="daemon, effector, worker-1 …; may be repeated.")
@click.option("--level", type=click.Choice(LEVELS), default="info", show_default=True)
@reads
def logs(session: Session, follow: bool, since: str | None, roles: tuple[str, ...], level: str) -> None:
    """Show log lines. With --json one JSON object a line. Works without a daemon."""
    import msgspec

    from ..service import lifecycle

    start = moment(since, past=True) if since else None
    for entry in lifecycle.follow_logs(session.folder, since=start, roles=roles, level=level, follow=follow):
        session.printer.stream(msgspec.to_builtins(entry), shown(session, entry))


def shown(session: Session, entry: LogLine) -> str:
    """Return the line; a traceback keeps its lines, below."""
    fields = dict(entry.fields)
    trace = str(fields.pop("traceback", ""))
    said = line("  ".join((entry.message, *(f"{name}={value}" for name, value in fields.items()))))
    level = session.printer.paint(f"{entry.level:<8}", TONES.get(entry.level, ""))
    below = "".join(f"\n    | {row}" for row in block(trace).splitlines())
    return f"{local(entry.at):<8}  {level}  {entry.role:<10}  {said}{below}"
