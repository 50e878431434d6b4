"""Named places where a process can be made to die or to stand still, so that crash tests hit the exact line.

Silent unless the environment says otherwise: `QUARTERDECK_FAULT=effect.before_wire` kills the process there
(as a power cut would), `QUARTERDECK_FAULT=effect.before_wire:pause` stops it, the first time, until somebody
sends SIGCONT.
`QUARTERDECK_TWIN=no-lookup` takes away the protection against doing things twice; crash tests use it to show
that this protection, and not luck, is what protects.
"""

from __future__ import annotations

import os
import signal
import threading

FAULT_VARIABLE = "QUARTERDECK_FAULT"
TWIN_VARIABLE = "QUARTERDECK_TWIN"

POINTS = (
    "effect.after_started",
    "effect.before_journal",
    "effect.after_journal",
    "effect.before_wire",
    "maildir.before_link",
    "maildir.after_link",
    "smtp.before_end_of_data",
    "smtp.after_acceptance",
    "files.before_rename",
    "files.after_rename",
    "effect.after_wire",
    "effect.before_outcome",
    "effect.after_outcome_before_answer",
)


_met: set[str] = set()


def fault(point: str) -> None:
    """Die or pause here, when the environment names this point."""
    assert point in POINTS, f"{point} is not a declared fault point"
    wanted, _, how = os.environ.get(FAULT_VARIABLE, "").partition(":")
    if wanted == point and point not in _met:
        _met.add(point)
        # To this thread, so that it does not run on for a moment while another one is being stopped.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP if how == "pause" else signal.SIGKILL)


def lookup_disabled() -> bool:
    """Whether this is the unprotected twin of a crash test. Never in production."""
    return os.environ.get(TWIN_VARIABLE) == "no-lookup"
