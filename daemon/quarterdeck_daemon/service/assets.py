"""The files that steer a workspace, read as text. What they mean is the core's business.

Promises nothing outside the workspace is read, however links point; one bad file costs only itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quarterdeck_daemon.core.commands import AssetFile
from quarterdeck_daemon.core.hashing import text_hash

ASSET_BYTES_MAX = 256 * 1024
ASSETS_MAX = 1_000  # Files of one kind; beyond it something else was put into the folder.

# Kind of asset: folder and ending.
PLACES: dict[str, tuple[str, str]] = {
    "playbook": ("playbooks", ".yaml"),
    "policy": ("policies", ".toml"),
    "template": ("templates", ".md"),
    "agent": ("agents", ".md"),
    "kind": ("kinds", ".json"),
}
# What other programs call instructions for agents; read as the operator's.
INSTRUCTIONS = ("AGENTS.md", "SKILL.md", "skills/*/SKILL.md")


@dataclass(frozen=True)
class SkippedAsset:
    """A file that was not read, and why. Without a name: files beyond the limit."""

    path: str
    reason: str
    asset_kind: str = ""
    name: str = ""


def load_assets(folder: Path) -> list[AssetFile]:
    """Return every steering file of the workspace at `folder`, by kind, then by name. See `scan_assets`."""
    return scan_assets(folder)[0]


def steering_files(root: Path) -> Iterator[tuple[str, list[tuple[str, Path]]]]:
    """Kind by kind, the name and path of every file that could steer, in order of their paths."""
    for kind, (place, ending) in PLACES.items():
        yield kind, [(path.stem, path) for path in sorted((root / place).glob(f"*{ending}"))]
    found = [path for pattern in INSTRUCTIONS for path in sorted(root.glob(pattern))]
    yield (
        "instructions",
        [(path.relative_to(root).as_posix().removesuffix("/SKILL.md").removesuffix(".md"), path) for path in found],
    )


def scan_assets(folder: Path) -> tuple[list[AssetFile], list[SkippedAsset]]:
    """Return the steering files and those that were skipped: links out of the workspace, too big, no UTF-8."""
    root = folder.resolve()
    files: list[AssetFile] = []
    skipped: list[SkippedAsset] = []
    for kind, found in steering_files(root):
        for name, path in found[:ASSETS_MAX]:
            read = _read(root, kind, name, path)
            files.append(read) if isinstance(read, AssetFile) else skipped.append(read)
        if len(found) > ASSETS_MAX:
            place = PLACES[kind][0] if kind in PLACES else "skills"
            skipped.append(SkippedAsset(place, f"{len(found)} files; the first {ASSETS_MAX} were read"))
    return files, skipped


def _read(root: Path, kind: str, name: str, path: Path) -> AssetFile | SkippedAsset:
    shown = path.relative_to(root).as_posix()

    def skipped(reason: str) -> SkippedAsset:
        return SkippedAsset(shown, reason, kind, name)

    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root):
            return skipped("a link out of the workspace")
        if not real.is_file():
            return skipped("not a file")
        with real.open("rb") as file:
            content = file.read(ASSET_BYTES_MAX + 1)
        if len(content) > ASSET_BYTES_MAX:
            return skipped(f"longer than {ASSET_BYTES_MAX} bytes")
        text = content.decode()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: links in a circle
        return skipped(str(error))
    return AssetFile(asset_kind=kind, name=name, path=shown, text=text, hash=text_hash(text))
