"""A newer llama.cpp through llama-cpp-python (the extra `llama`): the families that ctransformers cannot load.

Its own guards hold where they were tried: a cut file or a prompt too long is an error, not the end of the process. The head
of the file is looked at all the same, and the loop, the masks and the lock are those of `LocalBackend`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .api import ModelFailure
from .draw import Logits
from .gguf import HASHED, BadModel, digest, read_head, trained_context
from .local import LocalBackend

PIECE_BYTES_MAX = 256


class LlamaCppBackend(LocalBackend):
    """A GGUF file of any family that the library knows. sha256: of the file, when the caller has computed it already."""

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
        engine = LlamaCppEngine(path, context_tokens=context_tokens, threads=threads)
        super().__init__(engine, f"{name}-{(sha256 or digest(path))[:HASHED]}", call_s=call_s)


class LlamaCppEngine:
    """`Engine` over one file."""

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        head = read_head(path)
        self.context_tokens = min(context_tokens, trained_context(head) or context_tokens)
        try:
            import llama_cpp
        except ImportError as error:
            raise ModelFailure(
                "permanent", "not_ready", "the Python package llama_cpp is not installed", "pip install 'quarterdeck[llama]'"
            ) from error  # fmt: skip
        self._library = llama_cpp
        try:
            self._llm = llama_cpp.Llama(
                str(path), n_ctx=self.context_tokens, n_threads=threads, n_threads_batch=threads, verbose=False
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise BadModel(
                path, f"was not loaded: {error}", "Does this version of llama.cpp know its family?"
            ) from error
        self._vocabulary = self._llm._model.vocab
        steering = {token for token in range(self._llm.n_vocab()) if self._steers(token)}
        self.pieces: Sequence[bytes | None] = [
            None if token in steering else self._piece(token) for token in range(self._llm.n_vocab())
        ]
        self.controls = {self._name(token): token for token in sorted(steering)}
        self.begin: int | None = (
            self._llm.token_bos() if llama_cpp.llama_vocab_get_add_bos(self._vocabulary) else None
        )
        self.end: int = self._llm.token_eos()
        template = head.keys.get("tokenizer.chat_template", "")
        self.chat_template = template if isinstance(template, str) else ""

    def tokens(self, text: str) -> list[int]:
        found: list[int] = self._llm.tokenize(text.encode("utf-8", "replace"), add_bos=False, special=False)
        return found

    def feed(self, tokens: Sequence[int], past: int) -> None:
        self._llm.n_tokens = past
        try:
            self._llm.eval(tokens)
        except (RuntimeError, ValueError) as error:
            raise ModelFailure(
                "crash", "not_evaluated", f"the library could not evaluate the text: {error}"
            ) from error

    def logits(self) -> Logits:
        address = self._library.llama_get_logits_ith(self._llm._ctx.ctx, -1)
        found: Logits = np.ctypeslib.as_array(address, shape=(len(self.pieces),))
        return found

    def close(self) -> None:
        self._llm.close()

    def _steers(self, token: int) -> bool:
        library = self._library
        return bool(
            library.llama_vocab_is_control(self._vocabulary, token)
            or library.llama_vocab_is_eog(self._vocabulary, token)
        )

    def _name(self, token: int) -> str:
        return bytes(self._library.llama_vocab_get_text(self._vocabulary, token)).decode("utf-8", "replace")

    def _piece(self, token: int) -> bytes | None:
        buffer = (ctypes.c_char * PIECE_BYTES_MAX)()
        size = self._library.llama_token_to_piece(self._vocabulary, token, buffer, PIECE_BYTES_MAX, 0, False)
        return buffer.raw[:size] if size > 0 and buffer.raw[:size] != b"\0" else None
