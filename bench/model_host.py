"""What do the process, the record and the wire add to an answer of a model?

Method   a tiny real model with random weights, one thread, in a whole house. One-token answers, each prompt another, in
         turns: the bare backend in this process (the floor), and `model.ask` over the wire, which records, routes, reserves,
         syncs, and asks the host. First piece: of the same, from asking to the first chunk. Known: the same question
         again. Crash: the inner half is killed, until the next answer is there.
Excludes the model itself: subtract the floor.
Run      python bench/model_host.py --quick | --full
"""

from __future__ import annotations

import os
import runpy
import signal
import time
from pathlib import Path

import psutil
from house import CONFIG, House, new_house
from lines import is_quick, percentile, report

from quarterdeck_daemon.core.orders import ModelRequest
from quarterdeck_daemon.models.ctransformers import CTransformersBackend
from quarterdeck_protocol.client import Client

TINY = Path(__file__).parents[1] / "tests" / "daemon" / "models" / "tiny_gguf.py"
MODEL = '\n[models.tiny]\nbackend = "ctransformers"\nfile = "tiny.gguf"\nthreads = 1\ncontext_tokens = 512\nload = "start"\n'


def bare(backend: CTransformersBackend, prompt: str) -> float:
    began = time.perf_counter()
    backend.answer(ModelRequest(purpose="draft", prompt=prompt, tokens_max=1), lambda piece: None, lambda: False)
    return (time.perf_counter() - began) * 1_000


def asked(client: Client, prompt: str) -> tuple[float, float]:
    """Milliseconds to the first chunk (or the end, when nothing was written), and to the end."""
    began = time.perf_counter()
    first = 0.0
    stream = client.stream("model.ask", {"prompt": prompt, "purpose": "draft", "tokens_max": 1})
    for _ in stream:
        first = first or (time.perf_counter() - began) * 1_000
    whole = (time.perf_counter() - began) * 1_000
    return first or whole, whole


def host_killed(house: House, client: Client, prompt: str) -> float:
    """Seconds from the death of the process that has the model to the next answer."""
    supervisor = psutil.Process(house.connection.supervisor or 0)
    hosts = [one for one in supervisor.children() if "model_host" in " ".join(one.cmdline())]
    (inner,) = hosts[0].children()
    os.kill(inner.pid, signal.SIGSEGV)
    began = time.perf_counter()
    asked(client, prompt)
    return time.perf_counter() - began


def main() -> None:
    rounds = 40 if is_quick(__doc__ or "") else 300
    write = runpy.run_path(str(TINY))["write_tiny"]
    with new_house({"quarterdeck.toml": CONFIG + MODEL}) as house:
        write(house.folder / "tiny.gguf", "Q4_0")
        house.start()
        house.settle()
        measured(house, rounds)


def measured(house: House, rounds: int) -> None:
    with house.client() as client:
        backend = CTransformersBackend(house.folder / "tiny.gguf", "tiny", context_tokens=512, threads=1)
        asked(client, "warm up")
        bare(backend, "warm up")
        floors: list[float] = []
        firsts: list[float] = []
        wholes: list[float] = []
        known: list[float] = []
        for number in range(rounds):
            prompt = f"Letter {number}, a short one."
            floors.append(bare(backend, prompt))
            first, whole = asked(client, prompt)
            firsts.append(first)
            wholes.append(whole)
            known.append(asked(client, prompt)[1])
        floor = percentile(floors, 0.5)
        report("model_host", "answer_p50", percentile(wholes, 0.5), "ms", floor=floor, n=rounds)
        report("model_host", "answer_p95", percentile(wholes, 0.95), "ms", floor=percentile(floors, 0.95), n=rounds)
        report("model_host", "first_piece_p50", percentile(firsts, 0.5), "ms", floor=floor, n=rounds)
        report("model_host", "known_p50", percentile(known, 0.5), "ms", n=rounds)
        report("model_host", "after_crash", host_killed(house, client, "after the crash"), "s", n=1)
        backend.close()


if __name__ == "__main__":
    main()
