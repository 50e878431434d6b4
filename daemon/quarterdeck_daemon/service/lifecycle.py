"""Starting, stopping and asking after the team of a workspace: what `up`, `down`, `stop` and `logs` stand on.

Promises `start` returns when the daemon answers, or says why it does not with the end of its log;
         `stop_all` returns when the lock is free; no process is ever signalled on the word of an old pid file.
Leaves   words for people and exit codes to the command line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import msgspec

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import CODES, Code, QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, read_connection
from quarterdeck_protocol.frames import Plain

from . import log_reader
from .environment import child_env
from .logs import LogLine, rotate
from .run_folder import END_S_MAX, Owner, Places, already_running, owner_of, places_of, prepare

POLL_S = 0.02
HELLO_MS = 500
ASK_MS = 5_000
KILL_WAIT_S = 2.0
TAIL_LINES = 12
TAIL_BYTES = 16 * 1024
START_ERRORS: dict[int, Code] = {2: "schema", 3: "not_found", 4: "forbidden"}
SUPERVISOR = [sys.executable, "-P", "-m", "quarterdeck_daemon.service.supervisor"]


def is_running(workspace: Path) -> Owner | None:
    """Return who runs this workspace (supervisor and daemon process ids), None when nobody does."""
    return owner_of(places_of(workspace).lock)


def start(
    workspace: Path, *, foreground: bool = False, wait_s: float = 20.0, command: list[str] | None = None
) -> ConnectionFile:
    """Start the team and wait until the daemon answers.

    foreground: this process becomes the supervisor and the call does not return (for systemd and friends).
    command: what to start in place of our supervisor; the workspace is appended.
    Raises QuarterdeckError `conflict` when it runs already, `unavailable` with the end of the log when the
    daemon did not answer in time, `schema` and others when the settings are bad.
    """
    places = places_of(workspace)
    owner = owner_of(places.lock)
    if owner is not None:
        raise already_running(owner)
    prepare(places)
    arguments = [*(command or SUPERVISOR), str(places.workspace)]
    if foreground:
        os.execve(arguments[0], arguments, child_env(os.environ))
    since = {role: _log_bytes(places, role) for role in ("supervisor", "daemon")}
    process = _spawn_detached(arguments, places)
    return _wait_until_up(process, places, wait_s, since)


def stop_all(workspace: Path, *, wait_s: float = END_S_MAX + 1.0) -> bool:
    """End the team and wait until it has ended; False when it was not running.

    Asks over `control`; a supervisor that does not answer gets SIGTERM, then SIGKILL, which takes its children along.
    Raises QuarterdeckError `unavailable` when it runs on after all that.
    """
    places = places_of(workspace)
    if owner_of(places.lock) is None:
        return False
    steps: list[tuple[Callable[[], None], float]] = [
        (lambda: _ask_to_end(places), wait_s),
        (lambda: _signal_owner(places, signal.SIGTERM), wait_s),
        (lambda: _signal_owner(places, signal.SIGKILL), KILL_WAIT_S),
    ]
    for step, patience_s in steps:
        step()
        if _poll(lambda: owner_of(places.lock) is None, patience_s):
            return True
    raise QuarterdeckError(
        "unavailable", f"the supervisor still holds {places.lock}", hint="Look for it with `ps` and end it by hand."
    )


def ask_control(workspace: Path, method: str, params: Plain | None = None, *, wait_ms: int = ASK_MS) -> Plain:
    """Call a method of the supervisor (`stop.engage` …); works when the daemon does not.

    Raises QuarterdeckError `unavailable` when nobody runs, `deadline` when nobody answers, or what is answered.
    """
    with Client(workspace, timeout_ms=wait_ms) as client:
        return client.call_control(method, params).result


def follow_logs(
    workspace: Path,
    *,
    since: datetime | None = None,
    roles: Collection[str] = (),
    level: str = "debug",
    follow: bool = True,
    ended: Callable[[], bool] = lambda: False,
) -> Iterator[LogLine]:
    """The logs of all processes of a workspace as one stream; see `log_reader.follow_logs`."""
    folder = places_of(workspace).logs
    return log_reader.follow_logs(folder, since=since, roles=roles, level=level, follow=follow, ended=ended)


# --- start ------------------------------------------------------------------------------------------


def _spawn_detached(arguments: list[str], places: Places) -> subprocess.Popen[bytes]:
    """In a session of its own, away from this terminal; what it can't log itself goes to its log file too."""
    path = places.log_of("supervisor")
    rotate(path)
    with path.open("ab") as log:
        path.chmod(0o600)
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=places.workspace,
            env=child_env(os.environ),
            start_new_session=True,
        )


def _wait_until_up(
    process: subprocess.Popen[bytes], places: Places, wait_s: float, since: dict[str, int]
) -> ConnectionFile:
    give_up = time.monotonic() + wait_s
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise _start_failed(process.returncode, places, since["supervisor"])
        connection = _answering(places)
        if connection is not None:
            return connection
        refusal = _refusal(places, since["daemon"])
        if refusal is not None:
            process.terminate()  # Trying again would end the same way.
            process.wait(END_S_MAX + KILL_WAIT_S)
            raise refusal
        time.sleep(POLL_S)
    raise QuarterdeckError(
        "unavailable",
        f"the daemon did not answer within {wait_s:g} s\n{log_tail(places, 'daemon', since['daemon'])}",
        hint="It is still being tried; see `quarterdeck logs`, or end it with `quarterdeck down`.",
    )


def _answering(places: Places) -> ConnectionFile | None:
    """The connection, once the daemon behind it says hello."""
    try:
        connection = read_connection(places.connection)
        with Client(connection, timeout_ms=HELLO_MS) as client:
            client.call("system.hello")
    except QuarterdeckError:
        return None  # Not yet, or the file and its token are still those of a team that was killed.
    return connection


def _refusal(places: Places, since: int) -> QuarterdeckError | None:
    """Why the daemon refused to start (a damaged or locked log, bad settings); None while it did not."""
    for line in _tail(places, "daemon", since):
        entry = _parsed(line)
        code = entry.fields.get("code") if entry is not None and entry.level == "critical" else None
        if entry is not None and code in CODES:
            return QuarterdeckError(cast(Code, code), entry.message, hint=str(entry.fields.get("hint", "")))
    return None


def _start_failed(status: int, places: Places, since: int) -> QuarterdeckError:
    """The supervisor ended at once: because another was faster, or for what its log says."""
    owner = owner_of(places.lock)
    if status == 8 and owner is not None:
        return already_running(owner)
    return QuarterdeckError(
        START_ERRORS.get(status, "unavailable"),
        f"the supervisor ended with status {status}\n{log_tail(places, 'supervisor', since)}",
        hint="Correct what the log names, then try again.",
    )


def log_tail(places: Places, role: str, since: int = 0) -> str:
    """The last lines of a role's log, for an error message; none from before byte `since`.

    Of a traceback only its last line is shown; `quarterdeck logs` has the rest.
    """
    lines = _tail(places, role, since)
    return "\n".join(map(_readable, lines)) or f"(the log of the {role} says nothing)"


def _tail(places: Places, role: str, since: int) -> list[str]:
    try:
        with places.log_of(role).open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(since if since <= end else 0, end - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
    except FileNotFoundError:
        return []


def _parsed(line: str) -> LogLine | None:
    try:
        return msgspec.json.decode(line, type=LogLine)
    except msgspec.DecodeError:
        return None  # Not ours: what a library or the interpreter wrote to standard error.


def _readable(line: str) -> str:
    entry = _parsed(line)
    if entry is None:
        return line
    trace = str(entry.fields.get("traceback", "")).strip().splitlines()
    return ": ".join([entry.level, entry.message, *trace[-1:]])


def _log_bytes(places: Places, role: str) -> int:
    try:
        return places.log_of(role).stat().st_size
    except FileNotFoundError:
        return 0


# --- end --------------------------------------------------------------------------------------------


def _ask_to_end(places: Places) -> None:
    try:
        ask_control(places.workspace, "system.shutdown", wait_ms=1_000)
    except QuarterdeckError:
        _signal_owner(places, signal.SIGTERM)


def _signal_owner(places: Places, number: signal.Signals) -> None:
    """Signal the process that holds the lock now. A pid is believed only while its lock is held."""
    owner = owner_of(places.lock)
    if owner is None or owner.pid == 0:
        return
    try:
        os.kill(owner.pid, number)
    except ProcessLookupError:
        return


def _poll(done: Callable[[], bool], wait_s: float) -> bool:
    give_up = time.monotonic() + wait_s
    while not done():
        if time.monotonic() >= give_up:
            return False
        time.sleep(POLL_S)
    return True
