"""A real llama model with random weights, written by the gguf package in a tenth of a second: two layers, 384 tokens.

It talks nonsense, which is what a guard should be tried on: every token is about as likely as any other.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

WIDTH, INNER, HEADS, LAYERS, TOKENS = 256, 512, 4, 2, 384
CONTEXT = 512
KINDS = {"F32": Kind.F32, "F16": Kind.F16, "Q4_0": Kind.Q4_0, "Q8_0": Kind.Q8_0, "BF16": Kind.BF16}
WORDS = (
    '":" "," {" "} ",▁" ▁" [" "] ,▁ :▁ 00 2026 é ü 日 本 😀 ▁the ▁a ▁mail ▁invoice ▁yes ▁no true false null name kind '
    "amount in er"
)


def vocabulary(tokens: int = TOKENS) -> list[tuple[str, float, int]]:
    """Unknown, begin, end, all bytes, all printable ASCII, some words: as SentencePiece has them."""
    rows = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    rows += [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
    words = ["▁", *(chr(at) for at in range(0x21, 0x7F)), *WORDS.split(" ")]
    words += [f"w{at}" for at in range(tokens - len(rows) - len(words))]
    rows += [(word, -float(at), 1) for at, word in enumerate(words)]
    return rows[:tokens]


def write_tiny(
    path: Path, kind: str = "Q4_0", *, seed: int = 1, tokens: int = TOKENS, width: int = WIDTH, layers: int = LAYERS,
    architecture: str = "llama", tokenizer: str = "llama", tied: bool = False, extra: str = "", context: int = CONTEXT,
    chat_template: str = "",
) -> Path:  # fmt: skip
    draw = np.random.default_rng(seed)
    out = gguf.GGUFWriter(str(path), architecture)
    out.add_context_length(context)
    out.add_embedding_length(width)
    out.add_block_count(layers)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS // 2)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(width // HEADS)
    out.add_tokenizer_model(tokenizer)
    rows = vocabulary(tokens)
    out.add_token_list([row[0] for row in rows])
    out.add_token_scores([row[1] for row in rows])
    out.add_token_types([row[2] for row in rows])
    if chat_template:
        out.add_chat_template(chat_template)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (tokens, width),
        "output_norm": (width,),
        "output": (tokens, width),
    }
    for layer in range(layers):
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in _layer(width).items()}
    if tied:
        del shapes["output"]
    if extra:
        shapes[extra] = (32,)
    for name, shape in shapes.items():
        if len(shape) == 1:
            out.add_tensor(f"{name}.weight", np.ones(shape, np.float32))
            continue
        values = draw.normal(0, 0.6 if name == "token_embd" else 0.08, shape).astype(np.float32)
        out.add_tensor(f"{name}.weight", gguf.quants.quantize(values, KINDS[kind]), raw_dtype=KINDS[kind])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def _layer(width: int) -> dict[str, tuple[int, ...]]:
    shared = width // 2
    return {
        "attn_norm": (width,), "attn_q": (width, width), "attn_k": (shared, width), "attn_v": (shared, width),
        "attn_output": (width, width), "ffn_norm": (width,), "ffn_gate": (INNER, width), "ffn_up": (INNER, width),
        "ffn_down": (width, INNER),
    }  # fmt: skip
