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


class Looked(msgspec.Struct, frozen=True):
    """What is known of a model before it is loaded. context_tokens: its room; sha256: of its file, if it has one."""

    id: str
    context_tokens: int
    sha256: str = ""


def check(opening: Opening) -> int:
    """Compare what can be in a moment: the head of a file, the handle of a key. Returns the room of the context.

    Raises ModelFailure saying what is wrong.
    """
    return min(CHECK[opening.setting.backend](opening), opening.setting.context_tokens)


def look(opening: Opening) -> Looked:
    """Return what is known, after everything was compared that can be without loading it: the hash, too.

    Raises ModelFailure saying what keeps it from working.
    """
    room = check(opening)
    if not opening.setting.local:
        return Looked(_named(opening), room)
    sha256 = _hashed(opening)
    return Looked(f"{opening.name}-{sha256[:HASHED]}", room, sha256)


def load(opening: Opening, looked: Looked) -> Backend:
    """Raises ModelFailure. May end this process, whatever was compared before. A large file is not hashed again."""
    return LOAD[opening.setting.backend](opening, looked)


# --- files ----------------------------------------------------------------------------------------


def _check_ctransformers(opening: Opening) -> int:
    from ..models.gguf_check import llama_file

    _needed("ctransformers", "quarterdeck[local]")
    return llama_file(opening.path).context_tokens


def _check_llama(opening: Opening) -> int:
    from ..models.gguf import read_head, trained_context

    _needed("llama_cpp", "quarterdeck[llama]")
    return trained_context(read_head(opening.path)) or opening.setting.context_tokens


def _check_script(opening: Opening) -> int:
    from ..models.scripted import read_script

    read_script(opening.path)
    return opening.setting.context_tokens


def _needed(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ModelFailure(
            "permanent", "not_ready", f"the Python package {module} is not installed", f"pip install '{package}'"
        )


def _hashed(opening: Opening) -> str:
    """The hash of its file; compared with the pinned one."""
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
    return found


def _load_ctransformers(opening: Opening, looked: Looked) -> Backend:
    from ..models import ctransformers

    setting = opening.setting
    return ctransformers.CTransformersBackend(
        opening.path,
        opening.name,
        context_tokens=setting.context_tokens,
        threads=setting.threads_used,
        call_s=setting.call_ms / 1_000,
        sha256=looked.sha256,
    )


def _load_llama(opening: Opening, looked: Looked) -> Backend:
    from ..models import llama_cpp

    setting = opening.setting
    return llama_cpp.LlamaCppBackend(
        opening.path,
        opening.name,
        context_tokens=setting.context_tokens,
        threads=setting.threads_used,
        call_s=setting.call_ms / 1_000,
        sha256=looked.sha256,
    )


def _load_script(opening: Opening, looked: Looked) -> Backend:
    from ..models.scripted import ScriptedBackend

    return ScriptedBackend(opening.path, opening.name, context_tokens=opening.setting.context_tokens)


# --- services -------------------------------------------------------------------------------------


def _check_service(opening: Opening) -> int:
    """The key is there; whether somebody answers shows when it is asked."""
    from ..outward.secret_handles import resolve

    if opening.setting.key:
        try:
            resolve(opening.setting.key, opening.home)
        except QuarterdeckError as error:
            raise ModelFailure("permanent", "unauthorized", error.message, error.hint) from error
    return opening.setting.context_tokens


def _named(opening: Opening) -> str:
    from ..models.openai import id_of

    return id_of(opening.name, opening.setting.address.url, opening.setting.model)


def _load_service(opening: Opening, looked: Looked) -> Backend:
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


CHECK: dict[BackendName, Callable[[Opening], int]] = {
    "ctransformers": _check_ctransformers,
    "llama-cpp": _check_llama,
    "scripted": _check_script,
    "openai": _check_service,
}
LOAD: dict[BackendName, Callable[[Opening, Looked], Backend]] = {
    "ctransformers": _load_ctransformers,
    "llama-cpp": _load_llama,
    "scripted": _load_script,
    "openai": _load_service,
}
