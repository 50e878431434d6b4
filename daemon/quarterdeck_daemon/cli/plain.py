"""Reading answers of the daemon: plain maps, looked at field by field, tolerant of fields that are missing.

An older daemon may leave a field out and a newer one may add some; neither is a reason to fail while
printing. What a command depends on is checked where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

Plain = dict[str, object]


def record(value: object) -> Plain:
    """Return the map, or an empty one when it is none."""
    return cast(Plain, value) if isinstance(value, dict) else {}


def records(value: object) -> list[Plain]:
    """Return the maps of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []


def text(row: Mapping[str, object], *names: str) -> str:
    """Return the first of the fields that holds something, as text."""
    for name in names:
        value = row.get(name)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if value not in (None, "", [], (), {}):
            return _words(value)
    return ""


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def number(row: Mapping[str, object], name: str) -> int:
    value = row.get(name)
    return int(value) if isinstance(value, int | float) else 0


def strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, Iterable) and not isinstance(value, str | dict) else []
