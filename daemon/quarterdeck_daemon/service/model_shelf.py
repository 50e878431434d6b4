"""The language models of a workspace: add, use, remove, and what is known of each. Works with and without a daemon.

Owns     `[models.NAME]` and `[routes]` of quarterdeck.toml, `.quarterdeck/models/NAME/`.
Promises a model stands in the settings only with the hash of its file, after its head was read; a kill at any moment leaves
         at most a folder whose name begins with a dot.
Leaves   loading to the hosts, which compare the hash again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import Plain
from ..core.judging import Mark, enough
from ..core.orders import HostedModel
from ..core.routing import PURPOSES as PURPOSES
from ..core.vocabulary import CONFIDENCE_DECISIONS_MIN
from ..embedders.catalogue import FOLDER, MODELS
from ..models.api import ModelFailure
from ..models.gguf import digest
from ..outward.secret_handles import resolve
from .model_figures import Figures, Judged, figures, judged, quality_rows
from .model_opening import Opening, check
from .model_settings import BackendName, ModelSetting
from .setting_lines import add_table, drop_line, drop_table, set_text
from .workspace import STATE_NAME, load_config

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # As in the settings, without the dot, which is a table's there.
GGUF_BACKENDS: tuple[BackendName, ...] = ("ctransformers", "llama-cpp")
FREE_BYTES_MIN = 64 << 20
Measured = TypeVar("Measured", Figures, Judged)


def language_rows(folder: Path, hosted: Mapping[str, HostedModel] | None = None) -> list[Plain]:
    """Return a row for each. hosted: what their hosts say; left out, the files are looked at here."""
    config, home = load_config(folder), folder / STATE_NAME
    measured, tried = figures(home), judged(home)
    rows = []
    for name, setting in config.models.items():
        known = hosted.get(name) if hosted is not None else _looked_at(folder, name, setting)
        routes = sorted(one for one, to in config.routes.items() if to in (name, f"tier:{setting.tier}"))
        known = known or HostedModel(name=name)
        quality = _still(known, tried.get(name))
        row = _row(folder, name, setting, known, routes, _still(known, measured.get(name)))
        rows.append({**row, "quality": quality_rows(name, quality) if quality is not None else []})
    return rows


def _still(known: HostedModel, found: Measured | None) -> Measured | None:
    """What was found of another file under the same name says nothing."""
    return found if found is None or not known.id or found.id == known.id else None


def _looked_at(folder: Path, name: str, setting: ModelSetting) -> HostedModel:
    try:
        room = check(opening_of(folder, name, setting))
    except ModelFailure as error:
        return HostedModel(name=name, ready=False, problem=error.failure.message, fix=error.failure.hint)
    return HostedModel(name=name, context_tokens=room)


def opening_of(folder: Path, name: str, setting: ModelSetting) -> Opening:
    return Opening(name=name, setting=setting, home=folder / STATE_NAME, path=setting.path(folder))


def _row(
    folder: Path, name: str, setting: ModelSetting, known: HostedModel, routes: list[str], measured: Figures | None
) -> Plain:
    path = setting.path(folder) if setting.local else None
    where = path.name if path is not None else setting.url
    return {
        "id": name,
        "kind": "language",
        "about": f"{setting.backend}, tier {setting.tier}: {setting.model or where}",
        "dimension": 0,
        "remote": setting.remote,
        "size_bytes": path.stat().st_size if path is not None and path.is_file() else 0,
        "ready": known.ready,
        "used": bool(routes),
        "answering": False,
        "problem": known.problem,
        "fix": known.fix,
        "path": str(path) if path is not None else "",
        "backend": setting.backend,
        "model": known.id,
        "tier": setting.tier,
        "purposes": setting.purposes,
        "routes": tuple(routes),
        "context_tokens": known.context_tokens or setting.context_tokens,
        "loaded": known.loaded,
        "tokens_s": round(measured.tokens_s, 1) if measured else 0.0,
        "first_ms": round(measured.first_ms, 1) if measured else 0.0,
        "memory_mb": measured.memory_mb if measured else 0,
    }


def secret_of(handle: str, home: Path) -> str:
    """Raises QuarterdeckError for a handle that gives none."""
    return resolve(handle, home)


def is_language(folder: Path, name: str) -> bool:
    return name in load_config(folder).models


def check_known(folder: Path, name: str) -> None:
    """Raises QuarterdeckError `not_found` for what is no model of either kind."""
    names = (*MODELS, *load_config(folder).models)
    if name not in names:
        raise QuarterdeckError(
            "not_found", f"there is no model {name[:64]!r}", hint=f"There are: {', '.join(names)}."
        )


# --- adding ---------------------------------------------------------------------------------------


def check_new(folder: Path, name: str) -> None:
    """Raises QuarterdeckError `bad_value` for no name, `conflict` for one that is taken."""
    if NAME.fullmatch(name) is None:
        raise QuarterdeckError("bad_value", f"{name[:64]!r} is no name for a model", hint="Letters, digits, dash.")
    if name in PICKS:
        raise QuarterdeckError("bad_value", f"`models use {name}` means another", hint="Choose another name.")
    if name in MODELS or name in load_config(folder).models:
        hint = f"quarterdeck models remove {name}" if name not in MODELS else "Choose another name."
        raise QuarterdeckError("conflict", f"there is a model {name} already", hint=hint)


def add_file(
    folder: Path, name: str, source: Path, *, sha256: str = "", backend: str = "", tier: int = 1, move: bool = False
) -> Plain:
    """Take a GGUF file, or a script, into the workspace and into the settings. move: it is ours and need not stay.

    Raises QuarterdeckError `bad_value` for a file that cannot be loaded or has another hash, `not_found`, `no_space`.
    """
    check_new(folder, name)
    if not source.is_file():
        raise QuarterdeckError("not_found", f"there is no file {source}", hint="Name the GGUF file.")
    chosen = _backend_for(folder, name, source, backend)
    models = folder / STATE_NAME / FOLDER
    models.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=models))
    try:
        target = fresh / source.name
        _bring(source, target, move=move)
        found = digest(target)
        if sha256 and found != sha256:
            raise QuarterdeckError(
                "bad_value", f"{source.name} is not the file that was meant: its SHA-256 is {found}, not {sha256}",
                hint="Nothing was added.", details={"found": found, "wanted": sha256},
            )  # fmt: skip
        place = models / name
        if place.exists():  # Left by a model that is no longer in the settings.
            shutil.rmtree(place)
        fresh.rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    file = place / source.name
    add_table(
        folder, f"models.{name}",
        {"backend": chosen, "file": str(file.relative_to(folder)), "sha256": found, "tier": tier},
    )  # fmt: skip
    return {"id": name, "backend": chosen, "path": str(file), "sha256": found, "size_bytes": file.stat().st_size}


def _backend_for(folder: Path, name: str, source: Path, wanted: str) -> BackendName:
    """The first backend that can load it. Raises QuarterdeckError `bad_value`, with what the first one says."""
    usual: tuple[BackendName, ...] = ("scripted",) if source.suffix in (".yaml", ".yml") else GGUF_BACKENDS
    first: ModelFailure | None = None
    for backend in usual:
        if wanted and backend != wanted:
            continue
        setting = ModelSetting(backend=backend, file=str(source))
        try:
            check(opening_of(folder, name, setting))
        except ModelFailure as error:
            first = first or error
            continue
        return backend
    if first is None:
        raise QuarterdeckError("bad_value", f"{wanted} loads no such file", hint=f"One of {', '.join(usual)} does.")
    raise QuarterdeckError("bad_value", first.failure.message, hint=first.failure.hint)


def _bring(source: Path, target: Path, *, move: bool) -> None:
    """A link to the same bytes where the disk allows it, else a copy."""
    if move:
        os.replace(source, target)
        return
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    if shutil.disk_usage(target.parent).free < source.stat().st_size + FREE_BYTES_MIN:
        raise QuarterdeckError("no_space", f"{source.name} needs {source.stat().st_size >> 20} MB here")
    shutil.copyfile(source, target)


def add_service(folder: Path, name: str, url: str, model: str, *, key: str = "", tier: int = 2) -> Plain:
    """Name an OpenAI-compatible service in the settings. Nothing is sent there by this."""
    check_new(folder, name)
    values: dict[str, str | int | list[str]] = {"backend": "openai", "url": url, "model": model, "tier": tier}
    add_table(folder, f"models.{name}", values | ({"key": key} if key else {}))
    return {"id": name, "backend": "openai", "path": "", "sha256": "", "size_bytes": 0}


# --- using and removing ---------------------------------------------------------------------------


def use(folder: Path, name: str, purposes: tuple[str, ...]) -> tuple[str, ...]:
    """Route these purposes to the model, or all usual ones. Returns those that went elsewhere before."""
    if not is_language(folder, name):
        raise QuarterdeckError("not_found", f"there is no language model {name[:64]!r}", hint="quarterdeck models")
    if NAME.fullmatch(name) is None:
        raise QuarterdeckError("bad_value", f"{name} has a dot", hint="Write it into [routes] yourself.")
    return tuple(purpose for purpose in purposes or PURPOSES if set_text(folder, "routes", purpose, name))


def fastest(folder: Path, purposes: tuple[str, ...]) -> str:
    """The model that writes fastest here, of those that are ready, whatever it writes. Raises QuarterdeckError `not_found`."""
    rows = [row for row in language_rows(folder) if row["ready"] and row["tokens_s"]]
    if not rows:
        raise QuarterdeckError("not_found", "no model has been measured here", hint="quarterdeck models bench NAME")
    return str(max(rows, key=lambda row: float(str(row["tokens_s"])))["id"])


def best(folder: Path, purposes: tuple[str, ...]) -> str:
    """The model that came nearest to what the operator decided, of those with enough data that are ready.

    Over several purposes their cases count together. Raises QuarterdeckError `not_found` when there is none, `bad_value`
    without a purpose: who drafts well need not choose well.
    """
    if not purposes:
        tried = sorted({purpose for one in judged(folder / STATE_NAME).values() for purpose in one.marks})
        hint = (
            f"--for, with one of those that were judged: {', '.join(tried)}" if tried else "quarterdeck models judge"
        )
        raise QuarterdeckError("bad_value", "best for what?", hint=hint)
    marks = {str(row["id"]): _sum(folder, str(row["id"]), purposes) for row in language_rows(folder) if row["ready"]}
    known = {name: mark for name, mark in marks.items() if enough(mark)}
    if not known:
        most = max((mark.n for mark in marks.values()), default=0)
        message = f"no model was judged on enough of your decisions (at most {most} of {CONFIDENCE_DECISIONS_MIN})"
        raise QuarterdeckError("not_found", message, hint="quarterdeck models judge")
    return max(known, key=lambda name: (known[name].agreed / known[name].n, known[name].n))


def _sum(folder: Path, name: str, purposes: tuple[str, ...]) -> Mark:
    found = judged(folder / STATE_NAME).get(name)
    marks = [mark for purpose, mark in found.marks.items() if purpose in purposes] if found else []
    return Mark(n=sum(mark.n for mark in marks), agreed=sum(mark.agreed for mark in marks))


PICKS: dict[str, Callable[[Path, tuple[str, ...]], str]] = {"fastest": fastest, "best": best}
"""What `models use` takes instead of a name."""


def remove(folder: Path, name: str) -> Plain:
    """Take the model out of the settings, with the routes to it, and delete its files if they are ours."""
    config = load_config(folder)
    setting = config.models[name]
    for purpose in [purpose for purpose, to in config.routes.items() if to == name]:
        drop_line(folder, "routes", purpose)
    drop_table(folder, f"models.{name}")
    ours = folder / STATE_NAME / FOLDER / name
    gone = ours.with_name(f".{name}.gone-{os.getpid()}")
    if setting.path(folder).is_relative_to(ours) and ours.is_dir():
        ours.rename(gone)  # At once; a process that has it mapped keeps it until it ends.
        shutil.rmtree(gone, ignore_errors=True)
    return {"id": name, "backend": setting.backend, "file": setting.file, "sha256": setting.sha256}
