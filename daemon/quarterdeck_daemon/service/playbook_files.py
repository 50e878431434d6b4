"""Playbooks as files of the workspace: checked with what is known around them, and written, but never over another."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import Plain
from ..core.playbook_faults import Around, faults_of
from ..core.playbook_schema import FIRST_LINE, playbook_schema, schema_text
from ..core.playbook_text import Fault

FOLDER: Final = "playbooks"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

__all__ = ["FIRST_LINE", "Fault", "checked_text", "path_of", "playbook_schema", "schema_text", "write_new"]


def checked_text(text: str, agents: frozenset[str] | None, playbooks: frozenset[str] | None) -> list[Plain]:
    """Every fault as {line, column, message, hint, level}; level `warning` does not keep it from being used."""
    found = faults_of(text, Around(agents=agents, playbooks=playbooks))
    return [
        {"line": one.line, "column": one.column, "message": one.message, "hint": one.hint, "level": one.level}
        for one in found
    ]


def path_of(workspace: Path, name: str) -> Path:
    """Where the playbook of this name lies. Raises QuarterdeckError `bad_value` for what is no name."""
    if not NAME.fullmatch(name):
        raise QuarterdeckError(
            "bad_value", f"{name!r} is no name of a playbook", hint="Letters, digits, `.`, `_` and `-`."
        )
    return workspace / FOLDER / f"{name}.yaml"


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet; the same text once more is no change.

    Raises QuarterdeckError `conflict` when something else lies there.
    """
    path.parent.mkdir(exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        if path.read_text("utf-8", "replace") == text:
            return
        raise QuarterdeckError(
            "conflict", f"{path.name} is there already; it is not overwritten", hint="Choose another name."
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
