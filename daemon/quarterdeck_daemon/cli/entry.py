"""From the words of a command line to an exit status: every error becomes two lines and a number.

Exit statuses are those of `quarterdeck_protocol.codes`, 130 after ctrl-C, 141 when the reader of a
pipe went away (as if the signal had ended us), 2 for words that make no sense.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .root import make_root
from .session import Session
from .text import block, line

INTERRUPTED = 130
PIPE_CLOSED = 141
USAGE = 2
COMPLETE_VARIABLE = "_QUARTERDECK_COMPLETE"


def run(words: Sequence[str]) -> int:
    """Do what the words say and return the exit status. Prints everything itself."""
    session = Session()
    session.printer.json = _asks_for_json(words)
    _survive_any_locale()
    try:
        status = _run(words, session)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more. The interpreter flushes once more at its end: give it somewhere to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = PIPE_CLOSED
    return status


def _run(words: Sequence[str], session: Session) -> int:
    try:
        return _invoke(words, session)
    except QuarterdeckError as error:
        print_error(session, error.code, error.message, error.hint, error.details)
        return error.exit_status
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "quarterdeck"
        print_error(session, "bad_value", error.format_message(), f"See `{where} --help`.")
        return USAGE
    except click.ClickException as error:
        print_error(session, "internal", error.format_message(), "")
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:  # The disk's word, with the path in it, is what helps.
        print_error(session, "internal", str(error), "")
        return 1
    except (KeyboardInterrupt, click.Abort):
        session.printer.talk("interrupted")
        return INTERRUPTED
    finally:
        session.close()


def _invoke(words: Sequence[str], session: Session) -> int:
    root = make_root()
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        from click.shell_completion import shell_complete

        return shell_complete(root, {"obj": session}, "quarterdeck", COMPLETE_VARIABLE, instruction)
    try:
        with root.make_context("quarterdeck", list(words), obj=session) as ctx:
            root.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    return 0


def print_error(
    session: Session, code: str, message: str, hint: str, details: dict[str, object] | None = None
) -> None:
    """Print what went wrong and the next step, on stderr: two lines, or one JSON object."""
    if session.printer.json:
        error: dict[str, object] = {"code": code, "message": message, "hint": hint}
        if details:
            error["details"] = details
        sys.stderr.write(json.dumps({"error": error}, default=str) + "\n")
        return
    sys.stderr.write(f"error: {block(message)}\n")
    if hint:
        sys.stderr.write(f"hint: {line(hint)}\n")


def _asks_for_json(words: Sequence[str]) -> bool:
    """Return whether --json stands among the options, so that a misspelt command is answered in JSON too."""
    ours = words[: words.index("--")] if "--" in words else words
    return "--json" in ours


def _survive_any_locale() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
