"""The state folder of a workspace: where its files are, who may enter, and the lock that makes one owner.

Owns     `.quarterdeck/`, `.quarterdeck/run/`, `.quarterdeck/logs/`: their modes, and the file `run/lock`.
Promises one supervisor for a workspace at a time; the loser learns the owner's process id and touches nothing.
         The kernel drops the lock when its owner dies in any way, so a stale one recovers by itself.
Leaves   what is put on the sockets to the processes that bind them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import RUN_FOLDER, daemon_file, supervisor_file
from quarterdeck_protocol.messages import ROLES

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included. The smaller one counts.
SOCKET_PATH_BYTES_MAX = 107 if os.uname().sysname == "Linux" else 103
SOCKET_NAMES = ("control", "rpc", "events", "orders", *(f"events-{role}" for role in ROLES[:-1]))
END_S_MAX = 5.0  # From the wish to end until the lock is free, whatever the children do.
LOCK_WAIT_S = 2.0  # How long a loser waits for the winner to write its process id.
LOCK_RECORD_BYTES = 128  # Fixed, so that one write replaces the whole record.


@dataclass(frozen=True)
class Places:
    """Every path below the state folder of one workspace."""

    workspace: Path

    @property
    def home(self) -> Path:
        return self.workspace / RUN_FOLDER.parent

    @property
    def run(self) -> Path:
        return self.workspace / RUN_FOLDER

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    @property
    def fence(self) -> Path:
        return self.home / "fence"

    @property
    def stop_flag(self) -> Path:
        """A file that stops everything outward by being there; any tool can make it."""
        return self.home / "STOP"

    @property
    def connection(self) -> Path:
        """Written by the daemon once it answers."""
        return daemon_file(self.workspace)

    @property
    def control(self) -> Path:
        """Written by the supervisor: how to reach it when the daemon hangs or never came up."""
        return supervisor_file(self.workspace)

    def log_of(self, role: str) -> Path:
        return self.logs / f"{role}.log"


@dataclass(frozen=True)
class Endpoints:
    """Addresses of the sockets; `folder` holds their files."""

    folder: Path

    def of(self, name: str) -> str:
        return f"ipc://{self.socket(name)}"

    def socket(self, name: str) -> Path:
        return self.folder / f"{name}.sock"


def places_of(workspace: Path) -> Places:
    return Places(workspace.resolve())


def make_private(folder: Path) -> None:
    """Make `folder` ours alone (mode 0700).

    Raises QuarterdeckError `forbidden` when it is a symbolic link or belongs to somebody else.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise QuarterdeckError(
            "forbidden",
            f"{folder} is not a folder of user {os.getuid()}",
            hint="Move it away, or start as the user who owns it.",
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def prepare(places: Places) -> None:
    """Make the folders, private. Raises QuarterdeckError `not_found` without the workspace, `forbidden`."""
    if not places.workspace.is_dir():
        raise QuarterdeckError(
            "not_found", f"there is no workspace at {places.workspace}", hint="Make one with `quarterdeck init`."
        )
    for folder in (places.home, places.run, places.logs):
        make_private(folder)


def endpoints_of(places: Places) -> Endpoints:
    """Return where the sockets of this workspace live: `run/`, or a private folder when that path is too long.

    The same workspace always gets the same place. Makes the folder when it is the private one.
    """
    longest = max(len(os.fsencode(places.run / f"{name}.sock")) for name in SOCKET_NAMES)
    if longest <= SOCKET_PATH_BYTES_MAX and _is_plain(places.run):
        return Endpoints(places.run)
    name = hashlib.blake2b(os.fsencode(places.workspace), digest_size=8).hexdigest()
    base = _runtime_base()
    make_private(base)
    make_private(base / name)
    return Endpoints(base / name)


def _is_plain(path: Path) -> bool:
    """An address is text; a file name need not be."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _runtime_base() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and len(os.fsencode(given)) < 60 and Path(given).is_dir():
        return Path(given) / "quarterdeck"
    return Path(tempfile.gettempdir()) / f"quarterdeck-{os.getuid()}"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lock. `daemon` is 0 while there is none."""

    pid: int
    daemon: int = 0

    def __str__(self) -> str:
        daemon = f"daemon {self.daemon}" if self.daemon else "daemon not up yet"
        return f"{daemon} (supervisor {self.pid})"


class Lock:
    """Held by the one supervisor of a workspace, until it releases it or dies."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.record(Owner(pid=os.getpid()))

    def record(self, owner: Owner) -> None:
        os.pwrite(self._handle, msgspec.json.encode(owner).ljust(LOCK_RECORD_BYTES), 0)

    def stands_at(self, path: Path) -> bool:
        """Whether `path` is still the file that is locked: not after its folder was removed, moved or replaced.

        An error that says nothing about that (a disk that hangs, say) counts as yes: it is no reason to end.
        """
        mine = os.fstat(self._handle)
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)

    def release(self) -> None:
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def take_lock(path: Path) -> Lock:
    """Take the lock or raise QuarterdeckError `conflict` naming the owner. Nothing else is touched."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + LOCK_WAIT_S
    while not _try_lock(handle, fcntl.LOCK_EX):
        owner = _read_owner(handle)
        if owner is None and time.monotonic() < give_up:
            time.sleep(0.01)  # Either the winner has not written yet, or somebody only looked (owner_of).
            continue
        os.close(handle)
        raise already_running(owner)
    return Lock(handle)


def owner_of(path: Path) -> Owner | None:
    """Return who holds the lock, None when nobody does. `pid` is 0 when the owner has not said who it is yet."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try_lock(handle, fcntl.LOCK_SH):
            return None
        return _read_owner(handle) or Owner(pid=0)
    finally:
        os.close(handle)


def already_running(owner: Owner | None) -> QuarterdeckError:
    return QuarterdeckError(
        "conflict",
        f"already running: {owner or 'process id unknown'}",
        hint="Use the running one, or end it with `quarterdeck down`.",
        details={"supervisor": owner.pid, "daemon": owner.daemon} if owner else {},
    )


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_owner(handle: int) -> Owner | None:
    """The record, unless it is empty or left by a process that is gone."""
    try:
        owner = msgspec.json.decode(os.pread(handle, LOCK_RECORD_BYTES, 0), type=Owner)
        os.kill(owner.pid, 0)
    except (msgspec.DecodeError, ProcessLookupError, PermissionError):
        return None
    return owner
