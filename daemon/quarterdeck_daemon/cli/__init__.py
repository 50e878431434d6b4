"""The command line: parse words, call one function of the client, print.

Owns     words, options, exit statuses, and how answers look on a terminal.
Promises nothing heavy is imported before a command needs it; data goes to stdout, talk to stderr.
Leaves   every decision to the daemon.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of `quarterdeck` and `qd`: run the words of the command line and exit."""
    words = sys.argv[1:]
    if words == ["--version"]:  # Asked for by scripts and editors again and again: no option parser needed.
        from .release import version_line

        print(version_line())
        return
    from .entry import run

    sys.exit(run(words))
