"""Changes one setting in quarterdeck.toml and leaves everything else, comments included, as the operator wrote it.

Promises the file reads as before but for that one value, which is checked before anything is written; a reader sees
         the old file or the new one.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
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


def add_table(folder: Path, name: str, values: Mapping[str, str | int | list[str]]) -> None:
    """Add `[name]` with these values at the end of the settings. Raises as `set_text` does, `conflict` when it is there."""
    path, before = _settings(folder)
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    gap = "" if not before or before.endswith("\n") else "\n"
    after = f"{before}{gap}\n[{name}]\n" + "\n".join(lines) + "\n"
    _take(folder, path, after, f"[{name}]", lambda found: _put(found, name.split("."), dict(values)), before)


def drop_table(folder: Path, name: str) -> bool:
    """Remove `[name]` with its lines. Returns False when there is none. Raises as `set_text` does."""
    path, before = _settings(folder)
    lines = before.splitlines(keepends=True)
    header = re.compile(rf"\s*\[\s*{re.escape(name)}\s*\]\s*(#.*)?$")
    start = next((at for at, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        return False
    end = next((at for at in range(start + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1  # What stands before the next table belongs to that.
    after = "".join(lines[:start] + lines[end:])
    _take(folder, path, after, f"[{name}]", lambda found: _cut(found, name.split(".")), before)
    return True


def drop_line(folder: Path, table: str, key: str) -> bool:
    """Remove the line of `key` in `[table]`. Returns False when there is none. Raises as `set_text` does."""
    path, before = _settings(folder)
    lines = before.splitlines(keepends=True)
    header = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?$")
    own = re.compile(rf"\s*{re.escape(key)}\s*=")
    inside = False
    for at, line in enumerate(lines):
        inside = header.match(line) is not None if line.lstrip().startswith("[") else inside
        if inside and own.match(line):
            after = "".join(lines[:at] + lines[at + 1 :])
            _take(folder, path, after, f"{table}.{key}", lambda found: _cut(found, [table, key]), before)
            return True
    return False


def _settings(folder: Path) -> tuple[Path, str]:
    path = (folder / CONFIG_NAME).resolve()
    load_config(folder)  # Says what is wrong with the file as it is.
    return path, path.read_bytes().decode()


def _take(
    folder: Path, path: Path, after: str, what: str, change: Callable[[dict[str, object]], None], before: str
) -> None:
    """Write the new text, if it differs from the old one by this change alone and is right."""
    wanted = tomllib.loads(before)
    change(wanted)
    try:
        same = _without_empty(tomllib.loads(after)) == _without_empty(wanted)
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        hint = f"Change {what} in {path} yourself."
        raise QuarterdeckError("conflict", f"{what} was not found as it is usually written", hint=hint)
    _check(folder, after)
    _replace(path, after)


def _put(found: dict[str, object], route: list[str], value: object) -> None:
    for name in route[:-1]:
        inner = found.setdefault(name, {})
        assert isinstance(inner, dict), "a table, or it would not be right"
        found = inner
    found.setdefault(route[-1], value)


def _without_empty(found: dict[str, object]) -> dict[str, object]:
    """A table that holds nothing says nothing, whether its header stands there or not."""
    inner = {name: _without_empty(one) if isinstance(one, dict) else one for name, one in found.items()}
    return {name: one for name, one in inner.items() if one != {}}


def _cut(found: dict[str, object], route: list[str]) -> None:
    for name in route[:-1]:
        inner = found[name]
        assert isinstance(inner, dict), "it was found there"
        found = inner
    del found[route[-1]]


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
