"""Which models there are, which one makes the vectors, and choosing another. Works with and without a daemon."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import Plain
from ..embedders.catalogue import ENDPOINT, MODELS, Model
from ..embedders.model_files import model_folder
from ..outward.address import address_of
from .model_store import missing_for, model_of, remove
from .setting_lines import set_text
from .workspace import STATE_NAME, Config, load_config


def model_rows(folder: Path, answering: str = "") -> list[Plain]:
    """Return a row for each model. answering: the id of the embedder whose vectors are searched, if that is known."""
    config = load_config(folder)
    return [_row(folder / STATE_NAME, config, model, answering) for model in MODELS.values()]


def _row(home: Path, config: Config, model: Model, answering: str) -> Plain:
    problem, fix = missing_for(home, model)
    asked = config.embedder.endpoint
    if model is ENDPOINT and not (asked.url and asked.model and asked.dimension):
        problem, fix = "it is not configured", "set url, model and dimension in [embedder.endpoint]"
    return {
        "id": model.name,
        "kind": "embedder",
        "about": model.about,
        "dimension": asked.dimension if model is ENDPOINT else model.dimension,
        "remote": model is ENDPOINT and _is_remote(asked.url),
        "size_bytes": model.size_bytes,
        "ready": not problem,
        "used": config.embedder.name == model.name,
        "answering": answering.startswith(f"{model.name}-"),
        "problem": problem,
        "fix": fix,
        "path": str(model_folder(home, model)) if model.files else "",
    }


def _is_remote(url: str) -> bool:
    try:
        return not address_of(url).loopback
    except QuarterdeckError:  # No address, so nothing goes anywhere; the settings say so once it is chosen.
        return False


def goes_to(folder: Path, name: str) -> str:
    """Return the host that would get the texts of memory if this model made the vectors; "" when they stay here."""
    asked = load_config(folder).embedder.endpoint
    if name != ENDPOINT.name or not _is_remote(asked.url):
        return ""
    return urlsplit(address_of(asked.url).url).netloc


def use_model(folder: Path, name: str) -> bool:
    """Have this model make the vectors from the indexer's next start on. Returns False when it did already.

    Raises QuarterdeckError `not_found` for no such model, or for what it needs, with what to do.
    """
    model = model_of(name)
    row = _row(folder / STATE_NAME, load_config(folder), model, "")
    if not row["ready"]:
        raise QuarterdeckError("not_found", f"{name} cannot be used: {row['problem']}", hint=str(row["fix"]))
    return set_text(folder, "embedder", "name", name)


def remove_model(folder: Path, name: str, answering: str = "") -> bool:
    """Delete the files of a model that nothing uses. Returns False when there were none.

    Raises QuarterdeckError `conflict` while it is chosen, or while its vectors answer.
    """
    model = model_of(name)
    row = _row(folder / STATE_NAME, load_config(folder), model, answering)
    if row["used"]:
        raise QuarterdeckError("conflict", f"{name} makes the vectors", hint="First `quarterdeck models use static`.")
    if row["answering"]:
        hint = "`quarterdeck models` shows how far the move to the other is."
        raise QuarterdeckError("conflict", f"the vectors of {name} still answer", hint=hint)
    return remove(folder / STATE_NAME, model)
