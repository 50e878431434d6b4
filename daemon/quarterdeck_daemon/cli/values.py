"""Words of the command line as values: `k=v`, `k=@file`, `k:=json`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain

# `name=text` is text; `name:=json` is a number, a list, true …; `name=@path` is what the file holds.
_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)(:?=)(.*)", re.DOTALL)


def pairs(words: Sequence[str]) -> Plain:
    """Return the map that `name=value` words spell. Raises QuarterdeckError `bad_value`."""
    found: Plain = {}
    for word in words:
        match = _PAIR.fullmatch(word)
        if match is None:
            hint = "Write name=text, name:=JSON or name=@FILE."
            raise QuarterdeckError("bad_value", f"`{word}` is not name=value.", hint=hint)
        name, sign, value = match.groups()
        found[name] = parsed(value, name) if sign == ":=" else _text(value)
    return found


def _text(value: str) -> str:
    return read_file(Path(value[1:])) if value.startswith("@") else value


def parsed(text: str, name: str) -> object:
    """Return the JSON value. Raises QuarterdeckError `bad_value`."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        hint = f"Quote it for the shell: '{name}:=[1, 2]'."
        raise QuarterdeckError("bad_value", f"The value of {name} is no JSON: {error}.", hint=hint) from error
    return value


def read_file(path: Path) -> str:
    """Return the text of a file. Raises QuarterdeckError `not_found` or `bad_value`."""
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise QuarterdeckError("bad_value", f"{path} is not UTF-8 text.", hint="Convert it first.") from error
    except OSError as error:
        raise QuarterdeckError(
            "not_found", f"Cannot read {path}: {error.strerror}.", hint="Check the path."
        ) from error
