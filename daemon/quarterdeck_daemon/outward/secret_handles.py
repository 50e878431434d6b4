"""Resolves `secret://…` handles at the last moment. The value is returned, never kept, logged or shown.

Looked up first in the operating system's keyring (when the `keyring` package is installed), as the user
name of the service "quarterdeck"; then in `.quarterdeck/secrets.toml`, which must belong to this user alone.
`secret://mail/smtp` is there `smtp = "…"` in the table `[mail]`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import stat
import tomllib
from pathlib import Path
from typing import Literal, Protocol, cast

from quarterdeck_protocol.codes import Code, QuarterdeckError

SCHEME = "secret://"
SERVICE = "quarterdeck"
FILE_NAME = "secrets.toml"
FILE_BYTES_MAX = 65_536

Why = Literal["secret_missing", "secret_unsafe", "secret_unreadable"]
_CODES: dict[Why, Code] = {
    "secret_missing": "not_found",
    "secret_unsafe": "forbidden",
    "secret_unreadable": "bad_value",
}


class SecretRefused(QuarterdeckError):
    """A handle gave no secret; `why` says in one word what is wrong. Nothing of the secret is in the message."""

    def __init__(self, why: Why, message: str, hint: str = "") -> None:
        super().__init__(_CODES[why], message, hint=hint)
        self.why: Why = why


class _Keyring(Protocol):
    def get_password(self, service: str, user: str) -> str | None: ...


def resolve(handle: str, home: Path) -> str:
    """Return the secret behind the handle; `home` is the state folder. Raises SecretRefused."""
    name = handle.removeprefix(SCHEME)
    if not handle.startswith(SCHEME) or not name:
        raise SecretRefused("secret_missing", "a secret is named by a handle such as secret://mail/smtp")
    found = _from_keyring(name) or _from_file(name, home / FILE_NAME)
    if not found:
        hint = f"Put it into the keyring (service {SERVICE!r}, user {name!r}) or into .quarterdeck/{FILE_NAME}."
        raise SecretRefused("secret_missing", f"there is no secret {name!r}", hint)
    return found


def _from_keyring(name: str) -> str | None:
    if importlib.util.find_spec("keyring") is None:
        return None
    keyring = cast(_Keyring, importlib.import_module("keyring"))
    try:
        return keyring.get_password(SERVICE, name)
    except RuntimeError:  # keyring.errors.NoKeyringError and its kind: no keyring on this machine.
        return None


def _from_file(name: str, path: Path) -> str | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretRefused("secret_unsafe", f"{FILE_NAME} cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise SecretRefused(
                "secret_unsafe",
                f".quarterdeck/{FILE_NAME} can be read by others, so it is not used",
                f"Run `chmod 600 .quarterdeck/{FILE_NAME}` and change what stands in it.",
            )
        data = file.read(FILE_BYTES_MAX)
    try:
        value: object = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # The parser's words could quote the line, so they are not repeated, nor chained.
        raise SecretRefused("secret_unreadable", f".quarterdeck/{FILE_NAME} is not valid TOML") from None
    for part in name.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None
