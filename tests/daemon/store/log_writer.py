"""Child process of the durability tests: appends commits for ever and acknowledges them on standard output.

    python -m tests.daemon.store.log_writer HOME ORDER SEED

Each acknowledgement is the last sequence of a commit, 8 bytes big-endian. ORDER is the rule under test:
  sync-first     append, sync, acknowledge: what the store's users do
  ack-first      the twin: acknowledge, then append and sync
  never-sync     the twin for power cuts: append, acknowledge, sync nothing
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.store.rocks import RocksStore

from .sample import commit

EVENTS_MAX = 20
GROUP_MAX = 8


def next_group(random_: random.Random, first: int) -> list[Commit]:
    group: list[Commit] = []
    for _ in range(random_.randint(1, GROUP_MAX)):
        events = random_.randint(1, EVENTS_MAX)
        group.append(commit(first, events=events, filler="x" * random_.randint(0, 400)))
        first += events
    return group


def acknowledge(group: list[Commit]) -> None:
    os.write(1, b"".join(one.events[-1].seq.to_bytes(8, "big") for one in group))


def main(home: Path, order: str, seed: int) -> None:
    store = RocksStore.open(home, lock_wait_s=5.0, free_bytes_min=0)
    acknowledge([])
    random_ = random.Random(seed)
    while True:
        group = next_group(random_, store.head.seq + 1)
        if order == "ack-first":
            acknowledge(group)
        store.append(group)
        if order != "never-sync":
            store.sync()
        if order != "ack-first":
            acknowledge(group)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
