"""Which GGUF files the ctransformers of 2023 can load without ending its process, and why not the others.

Everything that llama.cpp asserts, or takes on trust, is looked at here: architecture, kind of tokenizer, every key's
type, every tensor's name, shape and type, the bytes of the vocabulary. What is only ignored by it (another scaling of
positions, a sliding window) is refused or lowers the context, because a model that answers nonsense is worse than none.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .gguf import TENSOR_TYPES, BadModel, Head, Value, read_head

LOADS = "What loads: Llama 1 and 2, CodeLlama, TinyLlama, Mistral 7B and their like, as F32, F16, Q4_0 to Q8_0, Q2_K to Q6_K."
NEEDS_LLAMA = f'Use backend = "llama-cpp" (the extra `llama`) for it. {LOADS}'
TYPES = frozenset({0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14})
CONTEXT_MAX = 1 << 20
WIDTH_MAX = 1 << 17
LAYERS_MAX = 512

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


class LlamaFile(NamedTuple):
    """A file that will load. pieces: the bytes that each token writes, None for one that writes nothing."""

    path: Path
    context_tokens: int  # As trained, or the sliding window where there is one.
    pieces: tuple[bytes | None, ...]
    controls: dict[str, int]  # Tokens that steer, by their name: `</s>` -> 2.
    begin: int
    end: int
    chat_template: str


def llama_file(path: Path) -> LlamaFile:
    """Return what the model is. Raises BadModel for one that ctransformers would not load, or not survive."""
    return _Check(read_head(path)).file()


class _Check:
    def __init__(self, head: Head) -> None:
        self._head = head

    def file(self) -> LlamaFile:
        self._check_family()
        tokens = self._list("tokenizer.ggml.tokens", "array of string")
        kinds = self._list("tokenizer.ggml.token_type", "array of i32")
        scores = self._list("tokenizer.ggml.scores", "array of f32")
        if not 260 <= len(tokens) == len(kinds) == len(scores):
            raise self._bad(f"has {len(tokens)} tokens, {len(scores)} scores and {len(kinds)} types of tokens")
        if not all(isinstance(one, float) and math.isfinite(one) for one in scores):
            raise self._bad("has a token whose score is no number")
        pieces = self._pieces([str(one) for one in tokens], kinds)
        self._check_tensors(len(tokens))
        controls = {str(one): at for at, one in enumerate(tokens) if kinds[at] == CONTROL}
        context = self._integer("llama.context_length", 1, CONTEXT_MAX)
        if "llama.attention.sliding_window" in self._head.keys:
            context = min(context, self._integer("llama.attention.sliding_window", 1, CONTEXT_MAX))
        begin, end = (self._special(name, at, len(tokens)) for name, at in (("bos", 1), ("eos", 2)))
        for name in ("unknown", "separator", "padding"):
            self._special(name, 0, len(tokens))
        template = self._head.keys.get("tokenizer.chat_template", "")
        return LlamaFile(
            self._head.path, context, pieces, controls, begin, end, template if isinstance(template, str) else ""
        )

    def _check_family(self) -> None:
        family, tokenizer = self._text("general.architecture"), self._text("tokenizer.ggml.model")
        if family != "llama":
            raise self._bad(f"is of the architecture {family!r}", NEEDS_LLAMA)
        if tokenizer != "llama":
            raise self._bad(
                f"has a tokenizer of the kind {tokenizer!r}, which ends the process of this backend", NEEDS_LLAMA
            )
        scaling = self._head.keys.get("llama.rope.scaling.type", "none")
        if scaling != "none" or "llama.rope.scale_linear" in self._head.keys:
            raise self._bad("stretches its positions, which this backend would not do", NEEDS_LLAMA)
        if self._head.keys.get("llama.expert_count", 0) != 0:
            raise self._bad("is a mixture of experts", NEEDS_LLAMA)

    def _pieces(self, tokens: list[str], kinds: list[Value]) -> tuple[bytes | None, ...]:
        twice = [token for token, count in Counter(tokens).items() if count > 1]
        if twice:
            raise self._bad(f"has the token {twice[0]!r} more than once")
        pieces = tuple(self._piece(token, kind) for token, kind in zip(tokens, kinds, strict=True))
        held = {piece for piece, kind in zip(pieces, kinds, strict=True) if kind == BYTE}
        if len(held) < 256:
            raise self._bad(f"can spell {len(held)} of 256 bytes only", NEEDS_LLAMA)
        return pieces

    def _piece(self, token: str, kind: Value) -> bytes | None:
        if kind == BYTE:
            found = _BYTE_PIECE.fullmatch(token)
            if found is None:
                raise self._bad(f"calls the token {token!r} a byte")
            return bytes([int(found.group(1), 16)])
        if kind not in (NORMAL, UNKNOWN, CONTROL, USER, UNUSED):
            raise self._bad(f"has a token of the unknown type {kind}")
        if "\0" in token or (not token and kind in (NORMAL, USER)):
            raise self._bad("has a token without text")
        return token.replace("▁", " ").encode() if kind in (NORMAL, USER) else None

    def _check_tensors(self, tokens: int) -> None:
        wanted = self._wanted(tokens)
        found = self._head.tensors
        if "output.weight" not in found and "token_embd.weight" in found:
            raise self._bad(
                "has no output.weight: input and output are tied, as in Llama 3.2 and SmolLM", NEEDS_LLAMA
            )
        for name, shape in wanted.items():
            if name not in found:
                raise self._bad(f"lacks the tensor {name}")
            if found[name].shape != shape:
                raise self._bad(f"has {name} in the shape {found[name].shape}, not {shape}")
        extra = sorted(found.keys() - wanted.keys())
        if extra:
            raise self._bad(f"has a tensor that this backend does not know: {extra[0]!r}", NEEDS_LLAMA)
        for name, tensor in found.items():
            if tensor.type not in TYPES:
                raise self._bad(f"has weights of the type {TENSOR_TYPES[tensor.type][0]} in {name}", NEEDS_LLAMA)
            if name.endswith("_norm.weight") and tensor.type != 0:
                raise self._bad(f"has {name} as {TENSOR_TYPES[tensor.type][0]}, not F32")

    def _wanted(self, tokens: int) -> dict[str, tuple[int, ...]]:
        """All tensors of a llama and their shapes, from its own numbers."""
        width = self._integer("llama.embedding_length", 32, WIDTH_MAX)
        inner = self._integer("llama.feed_forward_length", 32, WIDTH_MAX * 8)
        heads = self._integer("llama.attention.head_count", 1, 1_024)
        shared = self._integer("llama.attention.head_count_kv", 1, heads, heads)
        rotated = self._integer("llama.rope.dimension_count", 1, WIDTH_MAX)
        self._number("llama.attention.layer_norm_rms_epsilon", 1e-12, 0.1)
        self._number("llama.rope.freq_base", 1.0, 1e9, 10_000.0)
        if width % heads or heads % shared or rotated != width // heads:
            raise self._bad(f"splits a width of {width} into {heads} heads ({shared} shared, {rotated} rotated)")
        keys = width // heads * shared
        wanted = {
            "token_embd.weight": (width, tokens),
            "output_norm.weight": (width,),
            "output.weight": (width, tokens),
        }
        for layer in range(self._integer("llama.block_count", 1, LAYERS_MAX)):
            shapes = {
                "attn_norm": (width,), "attn_q": (width, width), "attn_k": (width, keys), "attn_v": (width, keys),
                "attn_output": (width, width), "ffn_norm": (width,), "ffn_gate": (width, inner), "ffn_up": (width, inner),
                "ffn_down": (inner, width),
            }  # fmt: skip
            wanted |= {f"blk.{layer}.{name}.weight": shape for name, shape in shapes.items()}
        return wanted

    def _special(self, name: str, default: int, tokens: int) -> int:
        return self._integer(f"tokenizer.ggml.{name}_token_id", 0, tokens - 1, default)

    def _integer(self, name: str, least: int, most: int, default: int | None = None) -> int:
        value = self._typed(name, "u32", default)
        if not isinstance(value, int) or not least <= value <= most:
            raise self._bad(f"says {name} = {value}; {least} to {most} would do")
        return value

    def _number(self, name: str, least: float, most: float, default: float | None = None) -> float:
        value = self._typed(name, "f32", default)
        if not isinstance(value, float) or not least <= value <= most:
            raise self._bad(f"says {name} = {value}; {least} to {most} would do")
        return value

    def _text(self, name: str) -> str:
        return str(self._typed(name, "string", None))

    def _list(self, name: str, kind: str) -> list[Value]:
        value = self._typed(name, kind, None)
        assert isinstance(value, list), "its type says so"
        return value

    def _typed(self, name: str, kind: str, default: Value | None) -> Value:
        """A key of exactly the type that llama.cpp asks for; another makes it give up without a word."""
        if name not in self._head.keys:
            if default is None:
                raise self._bad(f"lacks the key {name}")
            return default
        if self._head.types[name] != kind:
            raise self._bad(f"has {name} as {self._head.types[name]}, not {kind}")
        return self._head.keys[name]

    def _bad(self, why: str, hint: str = LOADS) -> BadModel:
        return BadModel(self._head.path, why, hint)
