"""Named places where a process can be made to die, stand still or spin, so that crash tests hit the exact line.

Silent unless the environment says otherwise. `QUARTERDECK_FAULT=effect.before_wire` kills the process there, as a power
cut would; `…:pause` stops it until somebody sends SIGCONT; `…:spin` keeps its interpreter busy for SPIN_S without ever
giving way. Each happens the first time the place is passed in a process. `QUARTERDECK_FAULT_FILE` names a file that
holds the same words and is removed as it takes effect: so one running house can be hit again and again.
`QUARTERDECK_TWIN=no-lookup` takes away the protection against doing things twice; crash tests use it to show
that this protection, and not luck, is what protects.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

FAULT_VARIABLE = "QUARTERDECK_FAULT"
FILE_VARIABLE = "QUARTERDECK_FAULT_FILE"
TWIN_VARIABLE = "QUARTERDECK_TWIN"
SPIN_S = 5.0

# Every place, in the order in which an effect passes them: process and what has happened by then.
POINTS: dict[str, str] = {
    "daemon.before_order": "daemon: the intent is durable, no order has gone out",
    "effect.after_started": "effector: all checks passed, the daemon was told",
    "daemon.before_started": "daemon: it hears that the wire is about to be touched, nothing is recorded",
    "daemon.after_started": "daemon: that is recorded",
    "effect.before_journal": "effector: nothing is in its journal",
    "effect.after_journal": "effector: `started` is durable in its journal",
    "effect.before_wire": "effector: the connector is about to be called",
    "maildir.before_link": "effector: the mail is written aside",
    "maildir.after_link": "effector: the mail is in the Maildir",
    "smtp.before_end_of_data": "effector: the server has all but the end mark",
    "smtp.after_acceptance": "effector: the server took it, no copy is kept",
    "files.before_rename": "effector: the new bytes are written aside",
    "files.after_rename": "effector: the file is replaced",
    "practice.before_send": "effector: connected, nothing is sent",
    "practice.after_answer": "effector: the server has done it and said so",
    "effect.after_wire": "effector: the connector has returned",
    "effect.before_outcome": "effector: the outcome is not in its journal",
    "effect.after_outcome_before_answer": "effector: the outcome is durable, the daemon does not know",
    "daemon.before_outcome": "daemon: it has the answer, nothing is recorded",
    "daemon.after_outcome": "daemon: the outcome is durable, nobody was told",
}
_met: set[str] = set()


def fault(point: str) -> None:
    """Die, pause or spin here, when the environment names this point."""
    assert point in POINTS, f"{point} is not a declared fault point"
    how = _wanted(point)
    if how == "spin":
        _spin()
    elif how:
        # To this thread, so that it does not run on for a moment while another one is being stopped.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP if how == "pause" else signal.SIGKILL)


def _wanted(point: str) -> str:
    """How to fail here; "" for not at all."""
    named, _, how = os.environ.get(FAULT_VARIABLE, "").partition(":")
    if named == point and point not in _met:
        _met.add(point)
        return how or "kill"
    file = os.environ.get(FILE_VARIABLE, "")
    return _taken(Path(file), point) if file else ""


def _taken(file: Path, point: str) -> str:
    """From the file, which goes with it: whoever removes it is the one that fails."""
    try:
        named, _, how = file.read_text().strip().partition(":")
        if named != point:
            return ""
        file.unlink()
    except FileNotFoundError:
        return ""
    return how or "kill"


def _spin() -> None:
    end = time.monotonic() + SPIN_S
    while time.monotonic() < end:
        pass


def lookup_disabled() -> bool:
    """Whether this is the unprotected twin of a crash test. Never in production."""
    return os.environ.get(TWIN_VARIABLE) == "no-lookup"
