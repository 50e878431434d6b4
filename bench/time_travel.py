"""What going back costs: a snapshot's bytes, a difference, a rewind and its undo, a fork, a read of the past.

Method   a log of facts and notes on disk, written by the kernel in this process. `diff_1k`: the difference over the last
         1,000 changes of 1,000 records, page of 100. `rewind_1k`: plan and commits with their syncs; floor: writing the
         same number of records anew by plain commands of 500 each, with their syncs. `fork`: of the whole log at its
         middle, to the moment when it may be opened; floor: RocksDB's checkpoint alone. `as_of_10k_versions`: a record of
         10,000 versions as of the middle; floor: a plain read of it, both past the cache.
Excludes the wire, the index, blobs.
Run      python bench/time_travel.py --quick (20,000 events) | --full (100,000)
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lines import is_quick, percentile, report

from quarterdeck_daemon.core.commands import Command, CreateSnapshot, PutFact, Remember, RewindRecords
from quarterdeck_daemon.core.entities import Fact, Rewind
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service import diff
from quarterdeck_daemon.service.changes import Scope
from quarterdeck_daemon.service.fork import Fork, make_fork
from quarterdeck_daemon.service.rewinding import make_plan
from quarterdeck_daemon.service.workspace import CONFIG_NAME, STATE_NAME
from quarterdeck_daemon.store.rocks import RocksStore

CHANGES = 1_000
ROUNDS = 5
VERSIONS = 10_000
READS = 2_000
BATCH = 500
NOTE = "Northwind pays within fourteen days and wants its invoices by mail, in English, with the order number. "


class Log:
    """A store and the kernel over it; the clock moves on with each command."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        (workspace / CONFIG_NAME).write_text("", encoding="utf-8")
        self.store = RocksStore.open(workspace / STATE_NAME)
        self._now_us = 1_790_000_000_000_000

    def tell(self, command: Command) -> None:
        self._now_us += 1_000
        head = self.store.head.seq
        decision = decide(
            self.store, command, Env(now_us=self._now_us, last_us=self._now_us), head=head, actor="operator"
        )
        self.store.append([decision.commit])

    def fill(self, events: int) -> None:
        for n in range(events - self.store.head.seq):
            self.tell(Remember(text=f"{NOTE}{n}") if n % 2 else put(f"c{n % 4_000}", n))
            if n % BATCH == 0:
                self.store.sync()
        self.store.sync()


def put(key: str, n: int) -> PutFact:
    return PutFact(fact_kind="client", key=key, value={"name": f"Client {n}", "day_rate": n, "city": "Lisbon"})


def ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000


def snapshots(log: Log) -> None:
    before = log_bytes(log)
    count = 1_000
    for n in range(count):
        log.tell(CreateSnapshot(name=f"before-import-{n}", note="all good"))
    log.store.sync()
    report("time_travel", "snapshot_bytes", (log_bytes(log) - before) / count, "B", n=count)


def log_bytes(log: Log) -> int:
    """Of everything written so far, the write-ahead log included."""
    return sum(path.stat().st_size for path in (log.workspace / STATE_NAME / "log").glob("*") if path.is_file())


def going_back(log: Log) -> None:
    rounds = [one_round(log) for _ in range(ROUNDS)]
    floors, diffs, rewinds, undos = (list(column) for column in zip(*rounds, strict=True))
    floor = percentile(floors, 0.5)
    report("time_travel", "diff_1k", percentile(diffs, 0.5), "ms", n=ROUNDS)
    report("time_travel", "rewind_1k", percentile(rewinds, 0.5), "ms", floor=floor, n=ROUNDS)
    report("time_travel", "rewind_undo_1k", percentile(undos, 0.5), "ms", floor=floor, n=ROUNDS)


def one_round(log: Log) -> tuple[float, float, float, float]:
    """Write, compare, go back, undo; milliseconds of each."""
    point = log.store.head.seq
    written = ms(lambda: write(log, [put(f"c{n}", -point - n) for n in range(CHANGES)]))
    head = log.store.head.seq
    compared = ms(lambda: page(log, point, head))
    return written, compared, ms(lambda: rewind(log, Scope(), point)), ms(lambda: rewind(log, Scope(), head))


def write(log: Log, commands: list[PutFact]) -> None:
    for at in range(0, len(commands), BATCH):
        for command in commands[at : at + BATCH]:
            log.tell(command)
        log.store.sync()


def page(log: Log, a: int, b: int) -> list[object]:
    found = asyncio.run(diff.differences(log.store, a, b))
    return [diff.item(one) for one in found[:100]]


def rewind(log: Log, scope: Scope, to_seq: int) -> None:
    plan = asyncio.run(make_plan(log.store, scope, to_seq, log.store.head.seq))
    slices = list(plan.slices())
    for number, (changes, edges) in enumerate(slices, start=1):
        begun = next(log.store.live(Rewind), None)
        log.tell(
            RewindRecords(
                to_seq=to_seq,
                scope=str(scope),
                changes=changes,
                edges=edges,
                total=plan.total,
                rewind=begun.id if begun else "",
                last=number == len(slices),
            )
        )
        log.store.sync()


def forks(log: Log) -> None:
    at = log.store.head.seq // 2
    floor = ms(lambda: log.store.checkpoint(log.workspace.parent / "bare"))

    async def quiet(phase: object) -> None: ...

    made = Fork(origin=log.workspace, at_seq=at, name="fork")
    took = ms(lambda: asyncio.run(make_fork(log.store, made, tell=quiet)))
    events = log.store.head.seq
    report("time_travel", f"fork_of_{events // 1_000}k_events", took / 1_000, "s", floor=floor / 1_000, n=1)


def reading_the_past(log: Log) -> None:
    for n in range(VERSIONS):
        log.tell(put("much", n))
    log.store.sync()
    versions = [one.seq for one in log.store.history(Fact, "client/much")]
    middle = versions[len(versions) // 2]
    then: list[float] = []
    plain: list[float] = []
    for n in range(READS):
        then.append(ms(lambda: log.store.get(Fact, "client/much", as_of=middle)))
        log.store._cache.drop("fact", "client/much")
        plain.append(ms(lambda: log.store.get(Fact, "client/much")))
        assert n >= 0, "counted"
    report(
        "time_travel", "as_of_10k_versions_p50", percentile(then, 0.5), "ms", floor=percentile(plain, 0.5), n=READS
    )
    report(
        "time_travel", "as_of_10k_versions_p99", percentile(then, 0.99), "ms", floor=percentile(plain, 0.99), n=READS
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="time-travel-") as folder:
        workspace = Path(folder) / "workspace"
        workspace.mkdir()
        log = Log(workspace)
        log.fill(20_000 if is_quick(__doc__ or "") else 100_000)
        snapshots(log)
        going_back(log)
        reading_the_past(log)
        forks(log)
        log.store.close()


if __name__ == "__main__":
    main()
