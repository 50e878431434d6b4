"""What does our loop around a local model cost: against the library's own loop, and for keeping to a schema?

Method   a tiny real model with random weights (tests/daemon/models/tiny_gguf.py), through ctransformers, one thread. Text:
         200 tokens by our loop and by the library's own, in turns; floor: the library's generate and detokenize. Schema: the
         same model with and without. Masks: 32,000 pieces of words, answers by blind choice under a schema of nine kinds of
         fields; new: a state that was not met before, again: one that was. Processor seconds of this thread, so that the
         neighbours do not count.
Excludes the process around it and the wire (the host), real weights: beside 20 ms for a token of those all of this is small.
Run      python bench/model_loop.py --quick | --full
"""

from __future__ import annotations

import random
import runpy
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ctransformers.llm import LLM, Config
from lines import is_quick, percentile, report

from quarterdeck_daemon.core.orders import ModelRequest
from quarterdeck_daemon.embedders.static_file import read_table
from quarterdeck_daemon.models.acceptor import Acceptor
from quarterdeck_daemon.models.ctransformers import BATCH, CTransformersBackend, library
from quarterdeck_daemon.models.masks import Masks, Vocabulary
from quarterdeck_daemon.models.schema_grammar import compile_schema

TINY = Path(__file__).parents[1] / "tests" / "daemon" / "models" / "tiny_gguf.py"
TOKENS = 200
PIECES = 32_000
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "subject": {"type": "string", "maxLength": 60},
        "kind": {"enum": ["invoice", "enquiry", "reminder", "other"]},
        "number": {"type": "string", "pattern": "^[A-Z]{2}-\\d{4,8}$"},
        "amount": {"type": "number", "minimum": 0, "maximum": 100_000},
        "due": {"type": "string", "format": "date"},
        "paid": {"type": ["boolean", "null"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": 4},
        "extra": {"type": "object", "additionalProperties": {"type": "string"}},
        "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
    },
    "required": ["subject", "kind", "amount", "lines", "note"],
    "$defs": {
        "line": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
            "required": ["text", "count"],
        }
    },
}


def never() -> bool:
    return False


def timed(work: Callable[..., Any], *given: object) -> tuple[Any, float]:
    """The result, and the processor seconds of this thread."""
    began = time.thread_time()
    return work(*given), time.thread_time() - began


def loops(path: Path, rounds: int) -> None:
    """Tokens a second of our loop, of the library's, and of ours under a schema."""
    backend = CTransformersBackend(path, "tiny", context_tokens=512)
    bare = LLM(str(path), config=Config(context_length=512, threads=1, batch_size=BATCH), lib=library())
    cut = backend._engine.tokens  # The library's own writes past its buffer.

    def ours(seed: int, temperature: float, schema: dict[str, Any] | None = None) -> int:
        request = ModelRequest(
            purpose="draft", prompt=f"Letter {seed}", schema=schema or {}, tokens_max=TOKENS, temperature=temperature, seed=seed
        )  # fmt: skip
        return backend.answer(request, lambda _: None, never).tokens_out

    def theirs(seed: int, temperature: float) -> int:
        count, tokens = 0, [1, *cut(f"Letter {seed}")]
        for token in bare.generate(tokens, temperature=temperature, seed=seed, repetition_penalty=1.0):
            bare.detokenize([token], decode=False)
            count += 1
            if count == TOKENS:
                break
        return count

    ours(0, 1.0, SCHEMA)  # Plants the vocabulary.
    for name, temperature in (("greedy", 0.0), ("drawn", 0.8)):
        runs: dict[str, list[tuple[int, float]]] = {"ours": [], "theirs": [], "schema": []}
        for seed in range(rounds):
            runs["ours"].append(timed(ours, seed, temperature))
            runs["theirs"].append(timed(theirs, seed, temperature))
            runs["schema"].append(timed(ours, seed, temperature, SCHEMA))
        rate = {of: sum(count for count, _ in made) / sum(took for _, took in made) for of, made in runs.items()}
        written = sum(count for count, _ in runs["ours"])
        report("model_loop", f"{name}_rate", rate["ours"], "tokens/s", floor=rate["theirs"], n=written)
        report("model_loop", f"{name}_schema_rate", rate["schema"], "tokens/s", floor=rate["ours"], n=rounds)
    backend.close()


def pieces() -> list[bytes]:
    """All bytes, then words as a vocabulary of 32,000 has them: with their space, and as ends of words."""
    words = (word for word in read_table().vocabulary if not word.startswith("["))
    made = (word[2:] if word.startswith("##") else f" {word}" for word in words)
    each = [bytes([byte]) for byte in range(256)] + [one.encode() for one in made]
    return list(dict.fromkeys(each))[:PIECES]


def masks(rounds: int) -> None:
    each = pieces()
    words, took = timed(Vocabulary, each)
    report("model_loop", "plant_32k", took * 1_000, "ms", n=1)
    compiled, took = timed(lambda: Acceptor(*compile_schema(SCHEMA)))
    report("model_loop", "compile_schema", took * 1_000, "ms", n=1)
    new: list[float] = []
    again: list[float] = []
    followed = Masks(words, compiled)
    for seed in range(rounds):
        for fresh, cost in answer(followed, compiled, each, random.Random(seed)):
            (new if fresh else again).append(cost * 1_000)
    for name, costs in (("mask_new", new), ("mask_again", again)):
        for share in (0.5, 0.99):
            report("model_loop", f"{name}_p{share * 100:.0f}", percentile(costs, share), "ms", n=len(costs))
    report(
        "model_loop", "mask_mean", (sum(new) + sum(again)) / (len(new) + len(again)), "ms", n=len(new) + len(again)
    )


def answer(
    followed: Masks, acceptor: Acceptor, each: list[bytes], draw: random.Random
) -> Iterator[tuple[bool, float]]:
    """The cost of each mask of one answer, and whether its state was new."""
    state = acceptor.start
    for _ in range(400):
        if acceptor.must_end(state):
            return
        fresh = state not in followed._kept
        mask, cost = timed(followed.mask, state)
        yield fresh, cost
        state = acceptor.advance(state, each[int(draw.choice(np.flatnonzero(mask).tolist()))])


def main() -> None:
    rounds = 20 if is_quick(__doc__) else 200
    with tempfile.TemporaryDirectory() as folder:
        write_tiny = runpy.run_path(str(TINY))["write_tiny"]
        loops(write_tiny(Path(folder) / "tiny.gguf"), rounds)
    masks(rounds)


if __name__ == "__main__":
    main()
