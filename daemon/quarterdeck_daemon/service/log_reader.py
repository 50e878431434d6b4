"""Reading the logs of all processes as one stream, for `quarterdeck logs`."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from .logs import AT_FORMAT, LEVELS, LOGS_KEPT, LogLine

POLL_S = 0.2
LINE_BYTES_MAX = 256 * 1024  # A longer line is handed out in pieces.


class Tail:
    """The log files of one role: what is there, oldest first, then what is added, over rotations."""

    def __init__(self, path: Path) -> None:
        self.role = path.name.removesuffix(".log")
        self._path = path
        self._inode = 0
        self._offset = 0
        self._rest = b""
        self._last_at = ""

    def past(self) -> Iterator[LogLine]:
        """The rotated files, then what the present one holds now."""
        for number in range(LOGS_KEPT, 0, -1):
            yield from self._whole(self._path.with_name(f"{self._path.name}.{number}"))
        yield from self.added()

    def added(self) -> Iterator[LogLine]:
        """What was written since the last call. A new or shortened file is read from its start."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            found = self._path.stat()
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._inode, self._offset, self._rest = found.st_ino, 0, b""
            file.seek(self._offset)
            for piece in iter(lambda: file.readline(LINE_BYTES_MAX), b""):
                self._offset += len(piece)
                self._rest += piece
                if self._rest.endswith(b"\n") or len(self._rest) >= LINE_BYTES_MAX:
                    line, self._rest = self._rest, b""
                    yield self._parse(line)

    def _whole(self, path: Path) -> Iterator[LogLine]:
        try:
            with path.open("rb") as file:
                for piece in iter(lambda: file.readline(LINE_BYTES_MAX), b""):
                    yield self._parse(piece)
        except FileNotFoundError:
            return

    def _parse(self, line: bytes) -> LogLine:
        """Anything that is not ours (a traceback of the interpreter, a native library) is an error line."""
        try:
            parsed = msgspec.json.decode(line, type=LogLine)
        except msgspec.DecodeError:
            text = line.decode(errors="replace").rstrip("\n")
            return LogLine(at=self._last_at or self._changed_at(), level="error", role=self.role, pid=0, message=text)
        self._last_at = parsed.at
        return parsed

    def _changed_at(self) -> str:
        """The best there is for a line without a time and without a line before it."""
        try:
            changed = self._path.stat().st_mtime
        except FileNotFoundError:
            return ""
        return datetime.fromtimestamp(changed, UTC).strftime(AT_FORMAT)


def follow_logs(
    folder: Path,
    *,
    since: datetime | None = None,
    roles: Collection[str] = (),
    level: str = "debug",
    follow: bool = True,
    ended: Callable[[], bool] = lambda: False,
) -> Iterator[LogLine]:
    """Yield log lines of all roles by time: first the past ones, then new ones as they come.

    folder: where the logs are.  since: earlier lines are left out.  roles: none means all; `worker-1` means `worker`.
    level: the lowest one shown.  ended: asked between polls; True ends the stream.
    """
    wanted = LEVELS[LEVELS.index(level) :]
    earliest = since.astimezone(UTC).strftime(AT_FORMAT) if since else ""

    def shown(line: LogLine) -> bool:
        return line.level in wanted and line.at >= earliest

    tails: dict[Path, Tail] = {}
    _notice_new(folder, roles, tails)
    yield from filter(shown, heapq.merge(*(tail.past() for tail in tails.values()), key=lambda line: line.at))
    while follow and not ended():
        _notice_new(folder, roles, tails)
        fresh = [line for tail in tails.values() for line in tail.added()]
        yield from filter(shown, sorted(fresh, key=lambda line: line.at))
        if not fresh:
            time.sleep(POLL_S)


def _notice_new(folder: Path, roles: Collection[str], tails: dict[Path, Tail]) -> None:
    for path in sorted(folder.glob("*.log")):
        role = path.name.removesuffix(".log")
        if path not in tails and (not roles or role in {name.partition("-")[0] for name in roles}):
            tails[path] = Tail(path)
