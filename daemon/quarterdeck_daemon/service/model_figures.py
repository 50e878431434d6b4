"""What `models bench` measured on this machine: `.quarterdeck/models/figures.json`, by name and content of the model."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE_NAME = "figures.json"


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


def figures(home: Path) -> dict[str, Figures]:
    """By name. What cannot be read was not measured."""
    try:
        return msgspec.json.decode((home / "models" / FILE_NAME).read_bytes(), type=dict[str, Figures])
    except (OSError, msgspec.DecodeError):
        return {}


def keep(home: Path, name: str, found: Figures) -> None:
    folder = home / "models"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f".{FILE_NAME}.{os.getpid()}"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode({**figures(home), name: found})))
    fresh.replace(folder / FILE_NAME)
