"""What was measured of models: `.quarterdeck/models/figures.json` (`models bench`) and `judged.json` (`models judge`), by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from ..core.entities import Plain
from ..core.judging import Mark, told

FIGURES, JUDGED = "figures.json", "judged.json"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """id: of what was measured; another file under the same name has no figures yet.

    tokens_s  of the answer, after its first      reads_s  tokens of a question      memory_mb  at most, of its process
    """

    id: str
    tokens_s: float
    reads_s: float
    first_ms: float
    load_ms: float
    memory_mb: int
    at_us: int


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """How near its answers came to what the operator decided, by purpose. id: as of Figures. Holds no content."""

    id: str
    at_us: int
    marks: dict[str, Mark]


Kept = TypeVar("Kept", Figures, Judged)


def figures(home: Path) -> dict[str, Figures]:
    """By name. What cannot be read was not measured."""
    return _read(home, FIGURES, dict[str, Figures])


def judged(home: Path) -> dict[str, Judged]:
    """By name."""
    return _read(home, JUDGED, dict[str, Judged])


def keep(home: Path, name: str, found: Figures) -> None:
    _write(home, FIGURES, {**figures(home), name: found})


def keep_judged(home: Path, name: str, found: Judged) -> None:
    """Purposes that were not judged now keep their marks, if it is the same model still."""
    before = judged(home).get(name)
    if before is not None and before.id == found.id:
        found = msgspec.structs.replace(found, marks={**before.marks, **found.marks})
    _write(home, JUDGED, {**judged(home), name: found})


def quality_rows(name: str, found: Judged) -> list[Plain]:
    """A row for each purpose."""
    return [
        {"id": name, "purpose": purpose, "at_us": found.at_us, **told(mark)}
        for purpose, mark in sorted(found.marks.items())
    ]


def _read(home: Path, file: str, shape: type[dict[str, Kept]]) -> dict[str, Kept]:
    try:
        return msgspec.json.decode((home / "models" / file).read_bytes(), type=shape)
    except (OSError, msgspec.DecodeError):
        return {}


def _write(home: Path, file: str, found: dict[str, Kept]) -> None:
    folder = home / "models"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f".{file}.{os.getpid()}"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    fresh.replace(folder / file)
