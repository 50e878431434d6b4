"""Asking the operator, in plain lines: no cursor tricks, the same on a terminal and in a pipe."""

from __future__ import annotations

import sys

from quarterdeck_protocol.codes import QuarterdeckError

from .session import Session

ANSWER_CHARACTERS_MAX = 4_096


def ask(question: str) -> str | None:
    """Print the question on stderr and return the line typed, stripped; None when the input has ended."""
    sys.stdout.flush()
    sys.stderr.write(question + " ")
    sys.stderr.flush()
    typed = sys.stdin.readline(ANSWER_CHARACTERS_MAX)
    if not typed:
        sys.stderr.write("\n")
        return None
    return typed.strip()


def sure(session: Session, question: str) -> bool:
    """Return whether the operator says yes. --yes says it; where nobody can answer, it is an error."""
    if session.yes:
        return True
    if session.no_input:
        raise QuarterdeckError("bad_value", f"{question} Nobody can be asked.", hint="Add --yes.")
    answer = ask(f"{question} [y/N]")
    if answer is None:
        raise QuarterdeckError("bad_value", f"{question} The input ended without an answer.", hint="Add --yes.")
    return answer.lower() in ("y", "yes")
