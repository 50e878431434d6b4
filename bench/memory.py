"""How fast is memory, and what does it weigh? Every figure beside the least code that does the same.

Method   notes of sixty words of English vocabulary are remembered over the wire by many clients at once (`ingest`:
         until the index has all of them), then single notes one after the other (`durable_add`), then questions of
         three words of one note each, in each mode, through a raw socket, once nothing else is under way. Floor of
         ingest and of opening: bare_recall.py in this process. Floor of a search: bare_recall.py's, plus one empty
         round trip of the wire.
         cpu: processor time of daemon and indexer for one search, nearly free of what else runs; floor: bare_recall.py's.
         open: from starting the processes again to the first answered search; floor: the same libraries opened mapped,
         to the first answer. bytes: all of `.quarterdeck` by the number of notes, after a clean end. as_of: a fact of
         10,000 versions read as of the middle; floor: the same fact read as of now.
Excludes parsing; notes in other languages; searches while much is written.
Run      python bench/memory.py --quick (10,000 notes) | --full (10,000 and 100,000) ; NOTES=1000000 for another size
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bare_recall import BareRecall
from floor_server import floor_server
from house import House, new_house
from lines import is_quick, percentile, report
from load import Load, request

from quarterdeck_daemon.embedders.static_file import read_table

WORDS_A_NOTE = 60
CLIENTS = 64
BATCH = 2_000
SINGLE = 300
QUESTIONS = 400
VERSIONS = 10_000
READS = 1_000
INDEXED_WAIT_S = 3_000.0
SEED = 20261121
CONFIG = '[workspace]\nname = "Bench"\n\n[memory]\ncapture = false\n'


def notes(count: int) -> list[str]:
    """Texts of English words, frequent ones more often, each with a sentence's shape."""
    words = [
        word for word in read_table().vocabulary[2_000:22_000] if word.isascii() and word.isalpha() and len(word) > 2
    ]
    chance = random.Random(SEED)
    weights = [1 / (rank + 10) for rank in range(len(words))]
    drawn = chance.choices(words, weights, k=count * WORDS_A_NOTE)
    return [
        " ".join(drawn[at : at + WORDS_A_NOTE]).capitalize() + f". Note {at // WORDS_A_NOTE}."
        for at in range(0, len(drawn), WORDS_A_NOTE)
    ]


def questions(texts: Sequence[str]) -> list[str]:
    chance = random.Random(SEED + 1)
    return [" ".join(chance.sample(chance.choice(texts).split()[1:-2], 3)) for _ in range(QUESTIONS)]


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def remembering(house: House, texts: Sequence[str]) -> list[bytes]:
    token = house.connection.token
    return [request(token, "memory.remember", {"text": text}, changes=True) for text in texts]


def indexed(house: House) -> None:
    """Wait until a search sees everything."""
    with house.client(timeout_ms=60_000) as client:
        give_up = time.monotonic() + INDEXED_WAIT_S
        while time.monotonic() < give_up:
            if not client.call("ingest.wait", {"timeout_ms": 30_000}, deadline_ms=40_000).result["waiting"]:
                return
    raise AssertionError("the index never caught up")


def ingest(house: House, bare: BareRecall, texts: Sequence[str], name: str) -> None:
    least = sum(timed(lambda at=at: bare.add(texts[at : at + BATCH])) for at in range(0, len(texts), BATCH))  # type: ignore[misc]
    bodies = remembering(house, texts)
    with Load(house.connection.rpc, CLIENTS) as load:
        start = time.perf_counter()
        acknowledged = load.at_once(bodies)
        indexed(house)
        taken = time.perf_counter() - start
    report("memory", f"{name}_acknowledged_rate", len(texts) / acknowledged, "notes/s", n=len(texts))
    report("memory", f"{name}_ingest_rate", len(texts) / taken, "notes/s", floor=len(texts) / least, n=len(texts))


def single(house: House, texts: Sequence[str], name: str) -> None:
    with Load(house.connection.rpc) as load:
        taken = load.one_by_one(remembering(house, texts))
    report("memory", f"{name}_durable_add_p50", percentile(taken, 0.5) * 1e3, "ms", n=len(taken))
    report("memory", f"{name}_durable_add_p99", percentile(taken, 0.99) * 1e3, "ms", n=len(taken))


def searches(house: House, bare: BareRecall, texts: Sequence[str], wire_s: float, name: str) -> None:
    house.settle()  # The graph of vectors is built in quiet moments; that is work of the ingest.
    asked = questions(texts)
    token = house.connection.token
    for mode, least in (("keyword", bare.keyword), ("vector", bare.vector), ("hybrid", bare.hybrid)):
        ours, floor, bare_cpu_s = [], [], 0.0
        before = house.cpu_s()
        with Load(house.connection.rpc) as load:
            for question in asked:
                began_s = time.process_time()
                floor.append(timed(lambda: least(question)))  # noqa: B023 - called at once
                bare_cpu_s += time.process_time() - began_s
                body = request(token, "memory.search", {"query": question, "limit": 10, "mode": mode})
                ours.append(timed(lambda: load.ask(body)))  # noqa: B023 - called at once
        for figure, share in (("p50", 0.5), ("p99", 0.99)):
            value, under = percentile(ours, share) * 1e3, (percentile(floor, share) + wire_s) * 1e3
            report("memory", f"{name}_{mode}_{figure}", value, "ms", floor=under, n=len(asked))
        after = house.cpu_s()
        used = sum(after[role] - before[role] for role in ("daemon", "indexer")) / len(asked) * 1e3
        report("memory", f"{name}_{mode}_cpu", used, "ms", floor=bare_cpu_s / len(asked) * 1e3, n=len(asked))


def wire() -> float:
    """Seconds of an empty round trip."""
    with tempfile.TemporaryDirectory() as base, floor_server(Path(base) / "floor") as (rpc, _), Load(rpc) as load:
        return percentile(load.one_by_one([request("", "system.hello", {}) for _ in range(QUESTIONS)]), 0.5)


def weight(house: House, name: str, count: int) -> None:
    for role, process in house.processes().items():
        if role in ("daemon", "indexer"):
            report("memory", f"{name}_{role}_rss", process.memory_info().rss / 2**20, "MiB", n=1)
    house.stop()
    state = house.folder / ".quarterdeck"
    size = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    index = sum(path.stat().st_size for path in (state / "index").rglob("*") if path.is_file())
    report("memory", f"{name}_bytes_per_note", size / count, "B", n=count)
    report("memory", f"{name}_index_bytes_per_note", index / count, "B", n=count)


def opening(house: House, folder: Path, bare: BareRecall, question: str, name: str) -> None:
    bare.close()
    least = timed(lambda: BareRecall(folder, fresh=False).hybrid(question))

    def ours() -> None:
        house.start()
        with house.client() as client:
            client.call("memory.search", {"query": question})

    report("memory", f"{name}_open_to_first_answer", timed(ours) * 1e3, "ms", floor=least * 1e3, n=1)


def as_of(house: House) -> None:
    token = house.connection.token
    put = [
        request(token, "fact.put", {"kind": "bench", "key": "much", "value": {"n": n}}, changes=True)
        for n in range(VERSIONS)
    ]
    with Load(house.connection.rpc, CLIENTS) as load:
        load.at_once(put)
        with house.client() as client:
            middle = int(str(client.call("system.hello").result["seq"])) - VERSIONS
        now = request(token, "fact.get", {"kind": "bench", "key": "much"})
        then = request(token, "fact.get", {"kind": "bench", "key": "much", "as_of": middle})
        plain, past = load.one_by_one([now] * READS), load.one_by_one([then] * READS)
    report(
        "memory",
        "as_of_10k_versions_p50",
        percentile(past, 0.5) * 1e3,
        "ms",
        floor=percentile(plain, 0.5) * 1e3,
        n=READS,
    )


def measure(count: int, wire_s: float) -> None:
    texts = notes(count + SINGLE)
    name = f"{count // 1000}k"
    with tempfile.TemporaryDirectory(prefix="qd-bare-") as base, new_house({"quarterdeck.toml": CONFIG}) as house:
        house.start()
        bare = BareRecall(Path(base) / "bare")
        ingest(house, bare, texts[:count], name)
        single(house, texts[count:], name)
        indexed(house)
        searches(house, bare, texts[:count], wire_s, name)
        weight(house, name, count + SINGLE)
        opening(house, Path(base) / "bare", bare, questions(texts)[0], name)
        if count <= BATCH * 5:
            as_of(house)  # Last: its 10,000 versions of a fact are no notes.


def main() -> None:
    quick = is_quick(__doc__ or "")
    sizes = [int(os.environ["NOTES"])] if "NOTES" in os.environ else [10_000] if quick else [10_000, 100_000]
    wire_s = wire()
    for count in sizes:
        measure(count, wire_s)


if __name__ == "__main__":
    main()
