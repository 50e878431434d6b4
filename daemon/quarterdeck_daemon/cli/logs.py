"""`logs`: what all processes of the workspace wrote, as one stream."""

from __future__ import annotations

import click

from .session import Session
from .text import line
from .times import local, moment
from .words import reads, verb

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
        fields = " ".join(f"{name}={value}" for name, value in entry.fields.items())
        level_shown = session.printer.paint(f"{entry.level:<8}", TONES.get(entry.level, ""))
        shown = f"{local(entry.at):<8}  {level_shown}  {entry.role:<10}  {line(f'{entry.message}  {fields}')}"
        session.printer.stream(msgspec.to_builtins(entry), shown)
