"""Presets of rules, shipped with the package: cautious, balanced, autonomous. The operator's files are asked first."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.commands import AssetFile
from ..core.hashing import text_hash

FOLDER = Path(__file__).parent.parent / "presets"
Preset = Literal["cautious", "balanced", "autonomous"]
PRESETS: tuple[Preset, ...] = get_args(Preset)


def preset_text(name: str) -> str:
    """The rules of a preset. Raises QuarterdeckError `not_found`."""
    if name not in PRESETS:
        raise QuarterdeckError("not_found", f"there is no preset {name!r}", hint=f"Presets: {', '.join(PRESETS)}.")
    return (FOLDER / f"{name}.toml").read_text("utf-8")


def preset_file(name: str) -> AssetFile:
    """A preset as the kernel takes it in, beside the files of the workspace."""
    text = preset_text(name)
    return AssetFile(asset_kind="preset", name=name, path=f"preset {name}", text=text, hash=text_hash(text))
