"""What does the log cost on top of RocksDB? Appending commits: chained, versioned, linked, synced.

Method   Each commit is 2 events, 3 changed values and 2 links, about what one step of a run leaves. Floor: bare
         rocksdict, one WriteBatch of the very same rows and flush_wal(True). Ours: append and sync, from the
         commits as Python values. Groups of 1, 16 and 64 commits a sync; floor and ours take turns, batch by batch.
Excludes deciding what to write, and the wire.
Run      python bench/log_append.py [--quick]
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bare_log import BareLog, Row
from lines import is_quick, report

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Counter, Link, Memory, Run, Step
from quarterdeck_daemon.store.database import Batch
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR

GROUPS = (1, 16, 64)
BATCHES = {False: {1: 2_000, 16: 400, 64: 120}, True: {1: 600, 16: 120, 64: 40}}
WARM_BATCHES = 10
TEXT = "The client asks for a workshop in March; budget 4,000 EUR, twelve people, remote. " * 2

Rows = list[Row]


def commit(number: int) -> Commit:
    """Commit `number`, from 0, with events 2n+1 and 2n+2."""
    first, last = 2 * number + 1, 2 * number + 2
    run = f"r{number // 4}"
    step = Step(id="extract", agent="extractor", status="succeeded", output={"lead": "Northwind", "n": number})
    return Commit(
        events=tuple(
            Event(
                seq=seq, id=f"e{seq}", at_us=1_767_225_600_000_000 + seq, kind=kind, actor="agent:extractor",
                run=run, cause=f"e{first}", labels=EXTERNAL, body={"step": "extract", "output": {"text": TEXT}},
            )
            for seq, kind in ((first, "step.finished"), (last, "memory.remembered"))
        ),
        touched=((f"run:{run}",), (f"memory:m{number}",)),
        puts=(
            Run(id=run, seq=last, playbook="lead", playbook_hash="0" * 64, inputs={"document": "doc1"},
                status="running", steps={"extract": step}, at_us=1, labels=EXTERNAL),
            Memory(id=f"m{number}", seq=last, text=TEXT, at_us=1, labels=OPERATOR),
            Counter(id="m", seq=last, value=number),
        ),
        links=(
            Link(source=f"memory:m{number}", relation="derived_from", target="document:doc1", seq=last),
            Link(source=f"run:{run}", relation="read", target="document:doc1", seq=last),
        ),
    )  # fmt: skip


class RecordingBatch(Batch):
    """Remembers its rows, so that the floor writes the very same ones."""

    def __init__(self, batch: Batch, rows: Rows) -> None:
        self._inner, self.raw, self._rows = batch, batch.raw, rows

    def put(self, family: str, key: bytes, value: bytes) -> None:
        self._rows.append((family, key, value))
        self._inner.put(family, key, value)


def recorded(folder: Path, groups: list[list[Commit]]) -> list[Rows]:
    """Write the groups once and return the rows of each."""
    store = RocksStore.open(folder, free_bytes_min=0)
    plain, batches = store._db.batch, []
    for group in groups:
        rows: Rows = []
        store._db.batch = lambda rows=rows: RecordingBatch(plain(), rows)  # type: ignore[method-assign,misc]
        store.append(group)
        batches.append(rows)
    store._db.batch = plain  # type: ignore[method-assign]
    store.close()
    return batches


def measure(folder: Path, size: int, batches: int) -> tuple[list[float], list[float]]:
    """Seconds per batch of the floor and of ours, taken in turns."""
    groups = [[commit(n) for n in range(at * size, (at + 1) * size)] for at in range(batches + WARM_BATCHES)]
    rows = recorded(folder / "recorded", groups)
    floor, store = BareLog(folder / "floor"), RocksStore.open(folder / "ours", free_bytes_min=0)
    bare_s, ours_s = [], []
    for group, same in zip(groups, rows, strict=True):
        start = time.perf_counter()
        floor.write(same)
        floor.sync()
        between = time.perf_counter()
        store.append(group)
        store.sync()
        end = time.perf_counter()
        bare_s.append(between - start)
        ours_s.append(end - between)
    store.close()
    return bare_s[WARM_BATCHES:], ours_s[WARM_BATCHES:]


def main() -> None:
    quick = is_quick("Cost of the log on top of RocksDB.")
    for size in GROUPS:
        with tempfile.TemporaryDirectory(prefix="log-append-") as folder:
            bare, ours = measure(Path(folder), size, BATCHES[quick][size])
        n = len(ours)
        report(
            "log_append",
            f"group_{size}_p50",
            statistics.median(ours) * 1e3,
            "ms",
            floor=statistics.median(bare) * 1e3,
            n=n,
        )
        report("log_append", f"group_{size}_rate", size * n / sum(ours), "commits/s", floor=size * n / sum(bare), n=n)


if __name__ == "__main__":
    main()
