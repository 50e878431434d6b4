"""`python -m quarterdeck_tui --workspace DIR`: the terminal screen of one workspace."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from quarterdeck_protocol.codes import EXIT_STATUS, QuarterdeckError
from quarterdeck_protocol.connection import daemon_file, read_connection

from .app import QuarterdeckApp
from .clock import Clock
from .live_session import LiveSession


def run(workspace: Path, *, ascii_only: bool = False) -> int:
    """Open the screen and return the shell's exit status: 0, or 6 without a daemon to talk to.

    workspace: the folder with `quarterdeck.toml`. ascii_only: draw with ASCII signs alone.
    """
    try:
        read_connection(daemon_file(workspace))
    except QuarterdeckError as error:
        print(f"No daemon runs for {workspace}.", file=sys.stderr)
        print(f"Start it with:  quarterdeck -w {workspace} up", file=sys.stderr)
        return error.exit_status if error.code in EXIT_STATUS else 1
    clock = Clock()
    app = QuarterdeckApp(LiveSession(workspace, clock=clock), clock=clock, ascii_only=ascii_only)
    app.run()
    return app.return_code or 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="quarterdeck_tui", description="The terminal screen of a Quarterdeck workspace."
    )
    parser.add_argument("--workspace", type=Path, default=Path.cwd(), help="folder with quarterdeck.toml")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII signs alone")
    words = parser.parse_args()
    return run(words.workspace.resolve(), ascii_only=words.ascii)


if __name__ == "__main__":
    sys.exit(main())
