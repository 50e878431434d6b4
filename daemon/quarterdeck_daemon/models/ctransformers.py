"""llama.cpp of 2023 through ctransformers, the local default, with a guard for each of its traps.

It was measured to end its process for a file with a wrong head, for a text of many bytes a character, for two threads at
once; to carry on in silence past its context and with tokens that do not exist. So: the file is looked at first
(gguf_check.py), texts are cut in a buffer of our own, what is fed is compared with the context and the vocabulary, and
`LocalBackend` has the lock and the loop.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .api import ModelFailure
from .draw import Logits
from .gguf import HASHED, BadModel, digest
from .gguf_check import llama_file
from .local import LocalBackend

if TYPE_CHECKING:
    from ctransformers.llm import LLM

BATCH = 64  # Tokens evaluated at once.


class CTransformersBackend(LocalBackend):
    """A GGUF file of the llama family. sha256: of the file, when the caller has computed it already."""

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        context_tokens: int = 2_048,
        threads: int = 1,
        call_s: float = 0.0,
        sha256: str = "",
    ) -> None:
        """Raises ModelFailure `permanent`: bad_model, or not_ready when the package is not there."""
        engine = CTransformersEngine(path, context_tokens=context_tokens, threads=threads)
        super().__init__(engine, f"{name}-{(sha256 or digest(path))[:HASHED]}", call_s=call_s)


class CTransformersEngine:
    """`Engine` over one file."""

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        file = llama_file(path)
        self.pieces: Sequence[bytes | None] = [None if piece == b"\0" else piece for piece in file.pieces]
        self.controls, self.end = file.controls, file.end
        self.begin: int | None = file.begin
        self.chat_template = file.chat_template
        self.context_tokens = min(context_tokens, file.context_tokens)
        self._threads = max(threads, 1)
        self._llm = _load(path, self.context_tokens, self._threads)
        if self._llm.vocab_size != len(self.pieces):
            raise BadModel(path, f"has {self._llm.vocab_size} tokens natively and {len(self.pieces)} in its head")
        library, handle = self._llm._lib, self._llm._llm
        self._cut = functools.partial(library.ctransformers_llm_tokenize, handle)
        self._evaluate = functools.partial(library.ctransformers_llm_batch_eval, handle)
        self._where = functools.partial(library.ctransformers_llm_logits_data, handle)
        self._one = (ctypes.c_int * 1)()
        self._logits: Logits | None = None

    def tokens(self, text: str) -> list[int]:
        """A zero byte would end the text for the library; it becomes a replacement character."""
        data = text.replace("\0", "�").encode("utf-8", "replace")
        buffer = (ctypes.c_int * (len(data) + 8))()
        count = self._cut(data, False, buffer)
        assert 0 <= count <= len(buffer), "a token is at least a byte"
        return buffer[:count]

    def feed(self, tokens: Sequence[int], past: int) -> None:
        assert past + len(tokens) <= self.context_tokens, "the caller keeps to the context"
        if len(tokens) == 1:
            given = self._one
            given[0] = tokens[0]
            assert 0 <= tokens[0] < len(self.pieces), "tokens are of this vocabulary"
        else:
            assert all(0 <= token < len(self.pieces) for token in tokens), "tokens are of this vocabulary"
            given = (ctypes.c_int * len(tokens))(*tokens)
        if not self._evaluate(given, len(tokens), past, BATCH, self._threads):
            raise ModelFailure("crash", "not_evaluated", "the library could not evaluate the text", "Try again.")

    def logits(self) -> Logits:
        """The address stays where it was first seen, until the model is closed."""
        if self._logits is None:
            self._logits = np.ctypeslib.as_array(self._where(), shape=(len(self.pieces),))
        return self._logits

    def close(self) -> None:
        self._logits = None
        self._evaluate = self._cut = self._where = functools.partial(_closed)
        del self._llm


def _closed(*_: object) -> None:
    raise AssertionError("the model is closed")


def _load(path: Path, context_tokens: int, threads: int) -> LLM:
    """The file has been looked at. `AutoModelForCausalLM` would take a missing path for something to fetch."""
    try:
        from ctransformers.llm import LLM, Config
    except ImportError as error:
        raise ModelFailure(
            "permanent",
            "not_ready",
            "the Python package ctransformers is not installed",
            "pip install 'quarterdeck[local]'",
        ) from error
    try:
        return LLM(str(path), config=Config(context_length=context_tokens, threads=threads), lib=library())
    except OSError as error:
        raise ModelFailure(
            "permanent", "not_ready", "ctransformers has no library for this machine", 'Use backend = "llama-cpp".'
        ) from error
    except (RuntimeError, ValueError) as error:
        raise BadModel(path, f"was not loaded: {error}") from error


@functools.cache
def library() -> str:
    """Which build of the library this processor can run. ctransformers would take a second to find out, at each load."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return "basic"
    flags: set[str] = set()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    if {"avx2", "fma", "f16c"} <= flags:
        return "avx2"
    return "avx" if {"avx", "f16c"} <= flags else "basic"
