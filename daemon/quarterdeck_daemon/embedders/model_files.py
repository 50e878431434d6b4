"""Where the files of a model lie, and whether they are the right ones. Imports no numbers library."""

from __future__ import annotations

import hashlib
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from .catalogue import FOLDER, Model, ModelFile


def model_folder(home: Path, model: Model) -> Path:
    """Return the folder of a model; `home` is the state folder."""
    return home / FOLDER / model.name


def installed(home: Path, model: Model) -> bool:
    """Whether all files lie there with their sizes. Cheap; the hashes are compared when the model is loaded."""
    folder = model_folder(home, model)
    return all(_size(folder / file.name) == file.size_bytes for file in model.files)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def verify(folder: Path, model: Model) -> None:
    """Raises QuarterdeckError `not_found` naming a file that is missing, `bad_value` one with other bytes."""
    for file in model.files:
        fault = fault_of(folder / file.name, file)
        if fault:
            raise fault


def fault_of(path: Path, file: ModelFile) -> QuarterdeckError | None:
    """Return what is wrong with a file, or None. Reads all of it."""
    details: dict[str, object] = {"path": str(path), "wanted": file.sha256}
    try:
        with path.open("rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        return QuarterdeckError("not_found", f"{path} cannot be read: {error.strerror}", details=details)
    if found == file.sha256:
        return None
    message = f"{path} is not the {file.name} that is known: its SHA-256 is {found}"
    return QuarterdeckError("bad_value", message, hint="Fetch it again.", details={**details, "found": found})
