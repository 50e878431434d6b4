"""What does it cost to give a step its context, and to keep it? Goal: under 10 ms, and bytes in proportion to names.

Method   a store on disk with N facts of one kind and N memories; a step that reads the facts (500 at most, as steps
         do) and a context of 2,000 tokens is started again and again through the real kernel. Reported are the median
         time to decide and append one such step, the time to make its context again from the log, and the bytes of
         `step.started` beside those of the context that it stands for, which used to be copied into it.
Excludes the search itself (bench/memory.py) and the sync.
Run      python bench/context.py [N]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from quarterdeck_daemon.core.commands import (
    AssetFile,
    Command,
    LoadAssets,
    PutFact,
    RecallAnswered,
    Remember,
    StartRun,
)
from quarterdeck_daemon.core.entities import Plain, Run
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.shown import rebuild
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_daemon.store.scoped import versions_of

COUNT = 10_000
ROUNDS = 30
TEXT = "The retainer of client {n} is renewed every spring. They pay within 30 days. Their contact prefers to be called. "
READS = {
    "context only": '{c: {context: {query: "spring", budget: 2000}}}',
    "context and 500 facts": '{c: {context: {query: "spring", budget: 2000}}, all: {facts: client}}',
}


def tell(store: RocksStore, command: Command) -> Plain:
    now_us = time.time_ns() // 1_000
    decision = decide(store, command, Env(now_us=now_us), head=store.head.seq, actor="operator")
    if decision.commit.events:
        store.append([decision.commit])
    return decision.reply


def fill(store: RocksStore, count: int) -> None:
    for n in range(count):
        value: Plain = {"name": f"Client {n}", "domain": f"client{n}.test", "notes": "words of use " * 10}
        tell(store, PutFact(fact_kind="client", key=f"c{n:06d}", value=value))
        tell(store, Remember(text=TEXT.format(n=n) * 3))
    for n in range(20):
        tell(store, Remember(text=TEXT.format(n=n), memory_kind="lesson"))
        tell(store, Remember(text=f"House rule {n}: answer within a day.", tier="core"))


def measure(store: RocksStore, name: str, reads: str) -> None:
    playbook = f"name: p\nsteps:\n  - {{id: a, agent: x, reads: {reads}}}\n"
    file = AssetFile(asset_kind="playbook", name="p", path="p.yaml", text=playbook, hash=text_hash(playbook))
    tell(store, LoadAssets(files=(file,)))
    hits: list[Plain] = [{"id": f"m{n}", "score": 0.5} for n in range(1, 13)]
    starting, rebuilding, kept, shown = [], [], 0, 0
    for n in range(ROUNDS):
        run = f"{name.split()[-1]}{n}"
        tell(store, StartRun(playbook="p", run_id=run))
        begun = time.perf_counter()
        tell(store, RecallAnswered(run=run, step="a", hits={"c": hits}))
        starting.append(time.perf_counter() - begun)
        found = store.get(Run, run)
        event = store.event(found.steps["a"].input_seq) if found else None
        assert event is not None, "the step has begun"
        begun = time.perf_counter()
        rebuilt = rebuild(event.body, event.at_us, versions_of(store))
        rebuilding.append(time.perf_counter() - begun)
        assert not rebuilt.differs, "made again exactly"
        kept, shown = len(msgspec.msgpack.encode(event.body)), len(msgspec.msgpack.encode(rebuilt.context))
    times = [f"{statistics.median(one) * 1e3:.1f} ms" for one in (starting, rebuilding)]
    print(f"{name:24}  start {times[0]:>9}  again {times[1]:>9}  event {kept:>8,} B  shown {shown:>8,} B")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as folder:
        store = RocksStore.open(Path(folder) / "home")
        fill(store, count)
        print(f"{count:,} facts, {count:,} memories")
        for name, reads in READS.items():
            measure(store, name, reads)
        store.close()


if __name__ == "__main__":
    main()
