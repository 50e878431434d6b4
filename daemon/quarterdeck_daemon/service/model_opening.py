"""Opening a language model by its settings: first looked at in plain Python, then loaded, in the process that will use it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..models.api import Backend, ModelFailure
from .model_settings import BackendName, ModelSetting

HASHED = 12  # Characters of a hash in the id of a model.


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes. home: the state folder, for secrets and the fence.  path: of its file, if it has one."""

    name: str
    setting: ModelSetting
    home: Path
    path: Path


def check(opening: Opening) -> None:
    """Compare what can be in a moment: the head of a file, the handle of a key. Raises ModelFailure saying what is wrong."""
    CHECK[opening.setting.backend](opening)


def look(opening: Opening) -> str:
    """Return the id of the model, after everything was compared that can be without loading it: the hash, too.

    Raises ModelFailure saying what keeps it from working.
    """
    check(opening)
    return _hashed(opening) if opening.setting.local else _named(opening)


def load(opening: Opening) -> Backend:
    """Raises ModelFailure. May end this process, whatever was compared before."""
    return LOAD[opening.setting.backend](opening)


# --- files ----------------------------------------------------------------------------------------


def _check_ctransformers(opening: Opening) -> None:
    from ..models.gguf_check import llama_file

    _needed("ctransformers", "quarterdeck[local]")
    llama_file(opening.path)


def _check_llama(opening: Opening) -> None:
    from ..models.gguf import read_head

    _needed("llama_cpp", "quarterdeck[llama]")
    read_head(opening.path)


def _check_script(opening: Opening) -> None:
    from ..models.scripted import read_script

    read_script(opening.path)


def _needed(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ModelFailure(
            "permanent", "not_ready", f"the Python package {module} is not installed", f"pip install '{package}'"
        )


def _hashed(opening: Opening) -> str:
    """The id by content; compared with the pinned hash."""
    from ..models.gguf import digest

    try:
        found = digest(opening.path)
    except OSError as error:
        raise ModelFailure("permanent", "bad_model", f"{opening.path} cannot be read: {error.strerror}") from error
    if opening.setting.sha256 and found != opening.setting.sha256:
        raise ModelFailure(
            "permanent", "bad_model",
            f"{opening.path.name} is not the file that was added: its SHA-256 is {found}",
            "Fetch it again, or remove the model and add this file.",
        )  # fmt: skip
    return f"{opening.name}-{found[:HASHED]}"


def _load_ctransformers(opening: Opening) -> Backend:
    from ..models import ctransformers

    setting = opening.setting
    return ctransformers.CTransformersBackend(
        opening.path,
        opening.name,
        context_tokens=setting.context_tokens,
        threads=setting.threads_used,
        call_s=setting.call_ms / 1_000,
        sha256=setting.sha256,
    )


def _load_llama(opening: Opening) -> Backend:
    from ..models import llama_cpp

    setting = opening.setting
    return llama_cpp.LlamaCppBackend(
        opening.path,
        opening.name,
        context_tokens=setting.context_tokens,
        threads=setting.threads_used,
        call_s=setting.call_ms / 1_000,
        sha256=setting.sha256,
    )


def _load_script(opening: Opening) -> Backend:
    from ..models.scripted import ScriptedBackend

    return ScriptedBackend(opening.path, opening.name, context_tokens=opening.setting.context_tokens)


# --- services -------------------------------------------------------------------------------------


def _check_service(opening: Opening) -> None:
    """The key is there; whether somebody answers shows when it is asked."""
    from ..outward.secret_handles import resolve

    if opening.setting.key:
        try:
            resolve(opening.setting.key, opening.home)
        except QuarterdeckError as error:
            raise ModelFailure("permanent", "unauthorized", error.message, error.hint) from error


def _named(opening: Opening) -> str:
    from ..models.openai import id_of

    return id_of(opening.name, opening.setting.address.url, opening.setting.model)


def _load_service(opening: Opening) -> Backend:
    from ..models.openai import OpenAIBackend
    from ..outward.fence import fence_gate
    from ..outward.secret_handles import resolve

    setting = opening.setting
    return OpenAIBackend(
        name=opening.name,
        url=setting.url,
        model=setting.model,
        key=(lambda: resolve(setting.key, opening.home)) if setting.key else None,
        context_tokens=setting.context_tokens,
        at_once=setting.at_once,
        timeout_s=setting.call_ms / 1_000,
        gate=fence_gate(opening.home) if setting.remote else lambda: None,
    )


CHECK: dict[BackendName, Callable[[Opening], None]] = {
    "ctransformers": _check_ctransformers,
    "llama-cpp": _check_llama,
    "scripted": _check_script,
    "openai": _check_service,
}
LOAD: dict[BackendName, Callable[[Opening], Backend]] = {
    "ctransformers": _load_ctransformers,
    "llama-cpp": _load_llama,
    "scripted": _load_script,
    "openai": _load_service,
}
