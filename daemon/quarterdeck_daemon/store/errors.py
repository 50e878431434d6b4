"""What can go wrong with the store, each with the file it concerns and the next step."""

from __future__ import annotations

from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

RESTORE = (
    "Nothing was changed. Put the missing or older file back, or bring the last good state back with "
    "`quarterdeck backup restore`; `quarterdeck doctor` says what is left."
)


class LogCorrupt(QuarterdeckError):
    """A file of the store is not what was written; it is refused, never repaired or cut silently."""

    def __init__(self, path: Path, reason: str, *, seq: int | None = None, hint: str = RESTORE) -> None:
        details: dict[str, object] = {"path": str(path), "reason": reason}
        if seq is not None:
            details["seq"] = seq
        super().__init__("internal", f"{path} cannot be trusted: {reason}.", hint=hint, details=details)
        self.path, self.reason, self.seq = path, reason, seq


class LogLocked(QuarterdeckError):
    """Another process holds the log; nothing was read or written. `pid` is None when it left no name."""

    def __init__(self, path: Path, pid: int | None) -> None:
        owner = "another process" if pid is None else f"process {pid}"
        super().__init__(
            "conflict",
            f"{path} is in use by {owner}.",
            hint="Stop it with `quarterdeck down`, or name another workspace with `-w DIR`.",
            details={"path": str(path), "pid": pid},
        )
        self.path, self.pid = path, pid


class NoSpace(QuarterdeckError):
    """The disk is full, or so nearly full that the rest is kept for the stop and the audit trail."""

    def __init__(self, path: Path, reason: str, *, free_bytes: int | None = None) -> None:
        super().__init__(
            "no_space",
            f"No room to write in {path}: {reason}.",
            hint="Free some space; reading goes on meanwhile. `quarterdeck doctor` shows what takes the room.",
            details={"path": str(path), "free_bytes": free_bytes},
        )
        self.path, self.reason, self.free_bytes = path, reason, free_bytes


class StoreFailed(QuarterdeckError):
    """A write or sync failed, so what is on the disk is uncertain: only reading goes on until a restart."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            "unavailable",
            f"Writing to {path} failed: {reason}.",
            hint="Restart with `quarterdeck down` and `quarterdeck up`; everything acknowledged is read back.",
            details={"path": str(path), "reason": reason},
        )
        self.path, self.reason = path, reason
