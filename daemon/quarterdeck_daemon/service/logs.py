"""Logs of all our processes: one JSON object a line, secrets masked.

A line is `{"at", "level", "role", "pid", "message", "fields"}`; `at` is UTC with microseconds.
Masking works twice: by the name of a field, and by value for every secret that was announced with `hide`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

AT_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # Sorts as text in the order of time.
MASK = "…masked…"
HIDDEN_CHARACTERS_MIN = 6  # Shorter values would mask ordinary words.
TEXT_CHARACTERS_MAX = 8_192
LOG_BYTES_MAX = 5 * 1024 * 1024
LOGS_KEPT = 3
LEVELS = ("debug", "info", "warning", "error", "critical")

_secret_name = re.compile(
    r"token|passw|secret|credential|authori[sz]ation|cookie|api_?key|private_?key", re.IGNORECASE
)
_hidden: set[str] = set()


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a log file."""

    at: str
    level: str
    role: str
    pid: int
    message: str
    fields: dict[str, object] = {}


def hide(*values: str) -> None:
    """Announce secrets: from now on no log line of this process shows them, wherever they turn up."""
    _hidden.update(value for value in values if len(value) >= HIDDEN_CHARACTERS_MIN)


def mask_text(text: str) -> str:
    """Return `text` without any announced secret, cut to a stated length."""
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[:TEXT_CHARACTERS_MAX]}… ({len(text)} characters)"


def mask(value: object, name: str = "") -> object:
    """Return a plain copy of `value` without secrets. What is not plain is shown by its `repr`."""
    if _secret_name.search(name):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): mask(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(item, name) for item in value]
    return mask_text(value if isinstance(value, str) else repr(value))


def fields(**values: object) -> dict[str, object]:
    """Facts for a log line: `log.info("child died", extra=fields(pid=4711))`."""
    return {"fields": values}


class JsonLines(logging.Formatter):
    """Turn a record into one line."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role

    def format(self, record: logging.LogRecord) -> str:
        given = dict(getattr(record, "fields", {}))
        if record.exc_info:
            given["traceback"] = self.formatException(record.exc_info)
        masked = mask(given)
        line = LogLine(
            at=datetime.fromtimestamp(record.created, UTC).strftime(AT_FORMAT),
            level=record.levelname.lower(),
            role=self.role,
            pid=os.getpid(),
            message=mask_text(record.getMessage()),
            fields=masked if isinstance(masked, dict) else {},
        )
        return msgspec.json.encode(line).decode()


def set_up_logging(
    role: str, *, level: str = "info", path: Path | None = None, stream: TextIO | None = None
) -> logging.Logger:
    """Send everything this process logs to `path`, or else to `stream` (default: standard error).

    Children write to standard error, which the supervisor has tied to their log file. Calling it again replaces
    the set-up. Uncaught exceptions are logged as well.
    """
    handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(role))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logger = logging.getLogger("quarterdeck")
    sys.excepthook = lambda kind, error, trace: logger.critical(
        "ended by an error nobody caught", exc_info=(kind, error, trace)
    )
    return logger


def rotate(path: Path, *, bytes_max: int = LOG_BYTES_MAX, kept: int = LOGS_KEPT) -> None:
    """Move a log that has grown too big to `.1`, the one before to `.2`; the oldest goes."""
    try:
        if path.stat().st_size < bytes_max:
            return
    except FileNotFoundError:
        return
    for number in range(kept, 1, -1):
        older = path.with_name(f"{path.name}.{number - 1}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))
    path.replace(path.with_name(f"{path.name}.1"))
