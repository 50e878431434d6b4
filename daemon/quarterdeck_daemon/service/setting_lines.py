"""Changes one setting in quarterdeck.toml and leaves everything else, comments included, as the operator wrote it.

Promises the file reads as before but for that one value, which is checked before anything is written; a reader sees
         the old file or the new one.
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from .workspace import CONFIG_NAME, load_config


def set_text(folder: Path, table: str, key: str, value: str) -> bool:
    """Set `key` in `[table]` to a text of plain letters. Returns False when it was so already.

    Raises QuarterdeckError `conflict` when the file is written in a way in which the line cannot be found, and what
    `load_config` raises when the file would no longer be right.
    """
    assert re.fullmatch(r"[\w-]+", value), "words of ours need no escapes"
    path = (folder / CONFIG_NAME).resolve()
    load_config(folder)  # Says what is wrong with the file as it is.
    before = path.read_bytes().decode()
    after = with_text(before, table, key, value)
    if not _differ_only(before, after, table, key, value):
        hint = f'Write {key} = "{value}" into [{table}] yourself.'
        raise QuarterdeckError("conflict", f"the line of {table}.{key} was not found in {path}", hint=hint)
    if after == before:
        return False
    _check(folder, after)
    _replace(path, after)
    return True


def with_text(text: str, table: str, key: str, value: str) -> str:
    """Return the settings with this one changed: in its line, as a new line of its table, or as a new table."""
    lines = text.splitlines(keepends=True)
    header = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?$")
    start = next((at for at, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f'{text}{gap}\n[{table}]\n{key} = "{value}"\n'
    own = re.compile(rf"(\s*{re.escape(key)}\s*=\s*)(\"[^\"\\]*\"|'[^']*')(.*\n?)$", re.DOTALL)
    for at in range(start + 1, len(lines)):
        if lines[at].lstrip().startswith("["):
            break
        if match := own.match(lines[at]):
            lines[at] = f'{match[1]}"{value}"{match[3]}'
            return "".join(lines)
    ended = lines[start] if lines[start].endswith("\n") else f"{lines[start]}\n"
    lines[start] = f'{ended}{key} = "{value}"\n'
    return "".join(lines)


def _differ_only(before: str, after: str, table: str, key: str, value: str) -> bool:
    wanted = tomllib.loads(before)
    wanted.setdefault(table, {})[key] = value
    try:
        return tomllib.loads(after) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _check(folder: Path, text: str) -> None:
    """Read the new text as the daemon would, in a folder of its own. Raises what is wrong, naming the real file."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-") as trial:
        (Path(trial) / CONFIG_NAME).write_text(text, encoding="utf-8")
        (Path(trial) / CONFIG_NAME).chmod(0o600)
        try:
            load_config(Path(trial))
        except QuarterdeckError as error:
            message = error.message.replace(trial, str(folder))
            raise QuarterdeckError(error.code, message, hint=error.hint) from error


def _replace(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(fresh, mode)
        os.replace(fresh, path)
    except OSError:
        os.unlink(fresh)
        raise
