"""What of a term conditions look at, read from their text.

Handing a value to CEL costs by its size, so a mail's body is not handed over for a look at its subject.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .entities import Plain
from .expressions import Program
from .vocabulary import TERMS

PATH = re.compile(r"""("[^"]*"|'[^']*')|([a-z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)*)(?![a-zA-Z0-9_(])""")


def fields_of(conditions: Sequence[Program]) -> dict[str, frozenset[str]]:
    """The terms that conditions look at, and of each the fields; empty: all of it."""
    found: dict[str, set[str] | None] = {}
    for condition in conditions:
        for root in condition.names & TERMS.keys():
            fields = _fields_in(condition.text, root)
            known = found.setdefault(root, set())
            found[root] = None if fields is None or known is None else known | fields
    return {root: frozenset(fields or ()) for root, fields in sorted(found.items())}


def _fields_in(text: str, root: str) -> set[str] | None:
    """Fields of a term that the text names by a dot; None when it may look at others. In doubt, it may."""
    if any(mark in text for mark in ("\\", '"""', "'''", "//")):
        return None
    paths = [path.split(".") for quoted, path in PATH.findall(text) if not quoted]
    mine = [path for path in paths if path[0] == root]
    if not mine or any(len(path) == 1 for path in mine):
        return None
    return {path[1] for path in mine}


def narrowed(values: Plain, fields: dict[str, frozenset[str]]) -> Plain:
    """The values with only those fields of maps that are looked at."""
    kept: Plain = {}
    for name, value in values.items():
        wanted = fields.get(name)
        if wanted and isinstance(value, dict):
            value = {field: value[field] for field in wanted if field in value}
        kept[name] = value
    return kept
