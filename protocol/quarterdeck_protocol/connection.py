"""The connection file: where the daemon of a workspace can be reached, and the token to show.

Owns     `.quarterdeck/run/daemon.json` and `supervisor.json`: their shape, mode and replacement.
Promises a reader sees the old or the new file; one that others could have read is refused.
Leaves   choosing the socket paths to the daemon, which writes them here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from .codes import QuarterdeckError

CONFIG_NAME = "quarterdeck.toml"
RUN_FOLDER = Path(".quarterdeck") / "run"
DAEMON_FILE = "daemon.json"
SUPERVISOR_FILE = "supervisor.json"
CONNECTION_BYTES_MAX = 65_536


class ConnectionFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to reach one process. Unknown keys are ignored.

    rpc, events  endpoints of the daemon's ROUTER and PUB; empty in the supervisor's file
    control      endpoint of the supervisor's ROUTER: same envelopes, serves `stop.engage`, `stop.release`,
                 `system.shutdown` and `supervisor.status` also while the daemon hangs
    supervisor   process id of the supervisor; while it lives, a daemon that ended comes back
    """

    protocol: str
    pid: int
    workspace: str
    rpc: str = ""
    events: str = ""
    token: str
    control: str = ""
    supervisor: int = 0


def find_workspace(start: Path | None = None) -> Path:
    """Return the nearest folder from `start` (default: the current folder) upward that holds `quarterdeck.toml`.

    Raises QuarterdeckError `not_found`.
    """
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / CONFIG_NAME).is_file():
            return candidate
    raise QuarterdeckError(
        "not_found",
        f"neither {folder} nor a folder above it holds {CONFIG_NAME}",
        hint="Make a workspace with `quarterdeck init DIR`, or name one with `-w DIR`.",
    )


def daemon_file(workspace: Path) -> Path:
    return workspace / RUN_FOLDER / DAEMON_FILE


def supervisor_file(workspace: Path) -> Path:
    return workspace / RUN_FOLDER / SUPERVISOR_FILE


def read_connection(path: Path) -> ConnectionFile:
    """Read a connection file.

    Raises QuarterdeckError: `unavailable` when there is none, `unauthorized` when the file is not ours alone,
    `schema` when it is not a connection file.
    """
    try:
        with path.open("rb") as file:
            _refuse_shared(path, os.fstat(file.fileno()))
            data = file.read(CONNECTION_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise no_daemon(f"there is no {path}") from error
    except OSError as error:
        raise QuarterdeckError("unauthorized", f"{path} cannot be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(data, type=ConnectionFile)
    except msgspec.DecodeError as error:
        raise QuarterdeckError("schema", f"{path} is not a connection file: {error}") from error


def write_connection(path: Path, connection: ConnectionFile) -> None:
    """Replace the file at once, readable by its owner alone."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(connection))
    fresh.replace(path)


def no_daemon(why: str) -> QuarterdeckError:
    return QuarterdeckError("unavailable", f"no daemon answers: {why}", hint="Start it with `quarterdeck up`.")


def is_alive(pid: int) -> bool:
    """Whether a process of this id exists. 0 is nobody."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _refuse_shared(path: Path, found: os.stat_result) -> None:
    """A token that others could read, or could have put there, protects nothing."""
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077 == 0 and found.st_uid == os.getuid():
        return
    raise QuarterdeckError(
        "unauthorized",
        f"{path} has mode {mode:04o} and belongs to user {found.st_uid}; it must be 0600 and yours",
        hint="Others may have read the token: `quarterdeck down`, then `quarterdeck up` makes a new one.",
    )


# A file is replaced, never edited, so a new inode or time means a new daemon.
_Stamp = tuple[int, int]

Where = Path | str | ConnectionFile | None


class Contact:
    """Where to reach the daemon now. Follows the connection file through restarts.

    `version` counts the files read, so a caller can tell whether what it used is still the newest.
    """

    def __init__(self, where: Where = None) -> None:
        """where: a workspace folder, a connection file, its content, or None: search upward from here."""
        self.version = 0
        self._path: Path | None = None
        self._stamp: _Stamp | None = None
        self._known: ConnectionFile | None = None
        if isinstance(where, ConnectionFile):
            self._known = where
        else:
            path = find_workspace() if where is None else Path(where)
            self._path = path if path.is_file() else daemon_file(path)

    @property
    def connection(self) -> ConnectionFile:
        """The file as last read; read now when it never was. Raises what read_connection raises."""
        if self._known is None:
            assert self._path is not None, "a contact has a path or a content"
            return self._read(self._path)
        return self._known

    def _read(self, path: Path) -> ConnectionFile:
        stamp = _stamp(path)  # Before reading: a file replaced meanwhile is seen next time.
        self._known = read_connection(path)
        self._stamp = stamp
        return self._known

    def look(self) -> None:
        """Read the file again if it was replaced. One that is gone only means: the daemon is on its way.

        Raises what read_connection raises, `unavailable` only when there never was a file.
        """
        if self._path is None:
            return
        if self._known is None:
            self._read(self._path)
            return
        stamp = _stamp(self._path)
        if stamp is None or stamp == self._stamp:
            return
        try:
            self._read(self._path)
        except QuarterdeckError as error:
            if error.code != "unavailable":
                raise
            return
        self.version += 1

    @property
    def present(self) -> bool:
        """Whether the process that wrote the file still runs."""
        return self._known is not None and is_alive(self._known.pid)

    @property
    def returning(self) -> bool:
        """Whether somebody would start the daemon again."""
        return self._known is not None and is_alive(self._known.supervisor)

    def control(self) -> ConnectionFile:
        """Return how to reach the supervisor: its own file, else the daemon's. Raises `unavailable`."""
        if self._path is not None:
            own = self._path.with_name(SUPERVISOR_FILE)
            if own.is_file():
                return read_connection(own)
        connection = self.connection
        if not connection.control:
            raise no_daemon("the connection file names no supervisor")
        return connection


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
