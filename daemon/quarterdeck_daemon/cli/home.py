"""`quarterdeck` alone: the screen; without a terminal, the status."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from quarterdeck_protocol.codes import EXIT_STATUS

from . import service
from .session import Session
from .status import hint_of, lines, look


def open_home(session: Session) -> None:
    """Open the screen, starting the daemon if needed; does not return then."""
    folder = session.folder
    if not session.interactive():
        found, error = look(session)
        session.show(found, lines(session, found))
        if error is not None:
            session.printer.talk(f"hint: {hint_of(found, error)}")
            raise click.exceptions.Exit(EXIT_STATUS["unavailable"])
        return
    if service.start(session):
        session.printer.talk(f"started the daemon of {folder}; `quarterdeck down` ends it")
    open_screen(folder)


def open_screen(folder: Path) -> None:
    """Become the TUI. The daemon goes on without it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "quarterdeck_tui", "--workspace", str(folder)])
