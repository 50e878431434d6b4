"""`up` and `down`: the processes of a workspace. Starts and ends them by `service.lifecycle` alone."""

from __future__ import annotations

import click

from .session import Session
from .words import changes, verb


def start(session: Session) -> bool:
    """Start the daemon unless it runs. Returns whether it was started now."""
    from ..service import lifecycle

    if lifecycle.is_running(session.folder):
        return False
    lifecycle.start(session.folder)
    return True


@verb("up", examples=("quarterdeck up", "quarterdeck up --foreground   # for systemd and launchd"))
@click.option("--foreground", is_flag=True, help="Stay, until ended by a signal.")
@changes
def up(session: Session, foreground: bool) -> None:
    """Start the daemon of this workspace. It is no error when it runs already."""
    from ..service import lifecycle

    folder = session.folder
    if session.dry_run:
        session.show({"dry_run": True, "workspace": str(folder)}, [f"would start the daemon of {folder}"])
        return
    if foreground:
        lifecycle.start(folder, foreground=True)
    fresh = start(session)
    owner = lifecycle.is_running(folder)
    pid = owner.daemon if owner else 0
    did = "started" if fresh else "running already"
    value = {"id": str(pid), "workspace": str(folder), "started": fresh, "pid": pid}
    session.show(value, [f"{did}: daemon {pid} of {folder}"])
    session.printer.talk(f"next: {session.command('status')}")
    session.printer.talk(f"undo: {session.command('down')}")


@verb("down", examples=("quarterdeck down",))
@changes
def down(session: Session) -> None:
    """End the daemon of this workspace. Runs go on where they were at the next start."""
    from ..service import lifecycle

    folder = session.folder
    if session.dry_run:
        session.show({"dry_run": True, "workspace": str(folder)}, [f"would end the daemon of {folder}"])
        return
    ended = lifecycle.stop_all(folder)
    session.show({"workspace": str(folder), "ended": ended}, ["ended" if ended else "it was not running"])
    session.printer.talk(f"undo: {session.command('up')}")
