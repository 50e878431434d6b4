"""`python -m quarterdeck_tui --workspace DIR`: the terminal screen of one workspace."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from quarterdeck_protocol.codes import EXIT_STATUS, QuarterdeckError
from quarterdeck_protocol.connection import CONFIG_NAME, daemon_file, find_workspace, read_connection

from .app import QuarterdeckApp
from .clock import Clock
from .live_session import LiveSession

NO_WORKSPACE = """There is no workspace in {folder}.
Look around in the practice company:  quarterdeck demo
Make a workspace of your own:         quarterdeck init {folder}"""
NO_DAEMON = """No daemon runs for {folder}.
Start it with:  quarterdeck -w {folder} up"""


def run(workspace: Path, *, ascii_only: bool = False) -> int:
    """Open the screen and return the shell's exit status: 0, or 6 without a daemon to talk to.

    workspace: the folder with `quarterdeck.toml`. ascii_only: draw with ASCII signs alone.
    """
    if not (workspace / CONFIG_NAME).is_file():
        print(NO_WORKSPACE.format(folder=workspace), file=sys.stderr)
        return EXIT_STATUS["unavailable"]
    try:
        read_connection(daemon_file(workspace))
    except QuarterdeckError as error:
        print(NO_DAEMON.format(folder=workspace), file=sys.stderr)
        return EXIT_STATUS.get(error.code, 1)
    clock = Clock()
    app = QuarterdeckApp(LiveSession(workspace, clock=clock), clock=clock, ascii_only=ascii_only)
    app.run()
    return app.return_code or 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="quarterdeck_tui", description="The terminal screen of a Quarterdeck workspace."
    )
    parser.add_argument("--workspace", type=Path, help=f"folder with {CONFIG_NAME}; left out: the one around here")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII signs alone")
    words = parser.parse_args()
    return run(words.workspace.resolve() if words.workspace else _around_here(), ascii_only=words.ascii)


def _around_here() -> Path:
    try:
        return find_workspace()
    except QuarterdeckError:
        return Path.cwd()


if __name__ == "__main__":
    sys.exit(main())
