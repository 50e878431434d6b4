"""How fast are the embedders, what do they weigh, and how much of seven languages can they read?

Method   notes of sixty words of the table's own vocabulary, frequent ones more often; documents in batches of 256
         (full encoder: 32), questions of seven words one at a time, after the notes were learned. load: from nothing
         to ready, hashes compared, best of 5; rss: what the process grew by. fluency: median over the sentences of
         tests/daemon/embedders/sentences.py. The full encoder is measured when MINILM names its folder.
Excludes the endpoint, which is somebody else's machine; the quality of recall (see recall_quality.py).
Run      python bench/embedders.py --quick | --full ; MINILM=.quarterdeck/models/minilm python bench/embedders.py
"""

from __future__ import annotations

import os
import random
import runpy
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import psutil
from lines import is_quick, percentile, report

from quarterdeck_daemon.embedders.api import Embedder
from quarterdeck_daemon.embedders.minilm import MiniLM
from quarterdeck_daemon.embedders.static import StaticEmbedder
from quarterdeck_daemon.embedders.static_file import PATH, read_table

WORDS_A_NOTE = 60
WORDS_A_QUESTION = 7
SEED = 20261121
LOADS = 5
T = TypeVar("T")
SENTENCES = Path(__file__).parents[1] / "tests" / "daemon" / "embedders" / "sentences.py"


def notes(count: int) -> list[str]:
    words = [word for word in read_table().vocabulary[2_000:22_000] if word.isascii() and word.isalpha()]
    weights = [1 / (rank + 10) for rank in range(len(words))]
    drawn = random.Random(SEED).choices(words, weights, k=count * WORDS_A_NOTE)
    return [f"{' '.join(drawn[at : at + WORDS_A_NOTE]).capitalize()}." for at in range(0, len(drawn), WORDS_A_NOTE)]


def measure(name: str, load: Callable[[], Embedder], texts: Sequence[str], batch: int) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    one = load()
    one.documents(texts[:batch])
    took, _ = timed(lambda: [one.documents(texts[at : at + batch]) for at in range(0, len(texts), batch)])
    report("embedders", f"{name}_documents", len(texts) / took, "notes/s", n=len(texts))
    one.learn(texts)
    asked = [" ".join(text.split()[5 : 5 + WORDS_A_QUESTION]) for text in texts]
    one.queries(asked[:1])
    times = [timed(partial(one.queries, [text]))[0] for text in asked]
    report("embedders", f"{name}_query_p50", percentile(times, 0.5) * 1_000, "ms", n=len(times))
    report("embedders", f"{name}_query_p99", percentile(times, 0.99) * 1_000, "ms", n=len(times))
    report("embedders", f"{name}_rss", (process.memory_info().rss - before) / 1e6, "MB", n=1)
    report("embedders", f"{name}_load", min(timed(load)[0] for _ in range(LOADS)) * 1_000, "ms", n=LOADS)
    for language, sentences in runpy.run_path(str(SENTENCES))["SENTENCES"].items():
        found = median(one.fluency(text) for text in sentences)
        report("embedders", f"{name}_fluency_{language}", found, "share", n=len(sentences))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    made = work()
    return time.perf_counter() - begun, made


def main() -> None:
    quick = is_quick(__doc__ or "")
    report("embedders", "static_file", PATH.stat().st_size / 1e6, "MB", n=1)
    measure("static", StaticEmbedder, notes(5_000 if quick else 40_000), 256)
    folder = os.environ.get("MINILM")
    if folder:
        measure("minilm", lambda: MiniLM(Path(folder)), notes(64 if quick else 512), 32)


if __name__ == "__main__":
    main()
