"""How soon does the house answer after kill -9, and does work that was under way end once? Below 1 s for 100k events.

Method   ready: a process writes N events of facts through the kernel and the store and is killed with SIGKILL, so
         nothing was closed; then the time from start to the first answer, each time with a fresh copy of what it
         left. Floor: the same start with an empty log, in turns. half_done: runs of ten steps (see runs.py) are
         started at once; at half of the steps every process gets SIGKILL; then the time from start until all runs
         have ended. lost: runs that did not succeed. repeats: steps with more than one recorded result.
Excludes the file cache being cold: the copies were just written.
Run      python bench/recovery.py [--quick]
"""

from __future__ import annotations

import collections
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from house import House, new_house, running_house
from lines import is_quick, report
from load import VALUE, Load, request
from runs import FILES

from quarterdeck_daemon.core.commands import PutFact, TransactFacts
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.labels import OPERATOR

EVENTS = {False: (100_000, 1_000_000), True: (20_000,)}
STARTS = {False: 5, True: 3}
HALF_DONE = {False: 1_000, True: 100}
STEPS = 10
SYNC_EVERY = 64
VERSIONS = 4  # Of each fact.
STARTERS = 32
WAIT_S = 300.0
LOOK_S = 0.25
EVENTS_OF_A_START, EVENTS_OF_A_STEP = (
    2,
    2,
)  # The run and the answer to whoever started it; the step begins, it succeeds.
PAGE = 1_000


def build(home: Path, events: int) -> None:
    """As a process: write the events, then die without closing anything."""
    store = RocksStore.open(home, free_bytes_min=0)
    for first in range(0, events, SYNC_EVERY):
        facts = tuple(fact(number, events) for number in range(first, min(first + SYNC_EVERY, events)))
        env = Env(now_us=time.time_ns() // 1_000)
        store.append([decide(store, TransactFacts(items=facts), env, head=store.head.seq, actor="bench").commit])
        store.sync()
    os.kill(os.getpid(), signal.SIGKILL)


def fact(number: int, events: int) -> PutFact:
    key = f"k{number % (events // VERSIONS)}"
    return PutFact(fact_kind="bench", key=key, value={**VALUE, "n": number}, source="bench", labels=OPERATOR)


def ready(events: int, starts: int) -> None:
    with new_house() as house:
        left = house.folder.parent / "left"
        built = subprocess.run([sys.executable, __file__, "--build", str(left), str(events)], check=False)
        assert built.returncode == -signal.SIGKILL, "the writer was to be killed"
        ours, least = [], []
        for _ in range(starts):
            least.append(start_with(house, None))
            ours.append(start_with(house, left))
    size = f"{events // 1000}k"
    floor = statistics.median(least) * 1e3
    report("recovery", f"ready_{size}", statistics.median(ours) * 1e3, "ms", floor=floor, n=starts)
    report("recovery", f"ready_{size}_worst", max(ours) * 1e3, "ms", floor=max(least) * 1e3, n=starts)


def start_with(house: House, left: Path | None) -> float:
    """Seconds from start to the first answer, with a copy of what the killed process left."""
    home = house.folder / ".quarterdeck"
    shutil.rmtree(home, ignore_errors=True)
    if left is not None:
        shutil.copytree(left, home)
    seconds = house.start()
    house.stop()
    return seconds


def half_done(count: int) -> None:
    with running_house(FILES) as house:
        with house.client() as client:
            client.call("fact.put", {"kind": "policy", "key": "mail", "value": VALUE})
            params: dict[str, object] = {"playbook": f"chain-{STEPS}", "inputs": {}}
            bodies = [request(house.connection.token, "run.start", params, changes=True) for _ in range(count)]
            half = client.call("system.hello").seq + count * (EVENTS_OF_A_START + STEPS * EVENTS_OF_A_STEP // 2)
            with Load(house.connection.rpc, STARTERS) as load:
                load.at_once(bodies)
            wait(lambda: client.call("system.hello").seq >= half)
            killed_at = client.call("system.hello").seq  # What is written until the kill counts as done after it.
        house.kill()
        begin = time.perf_counter()
        house.start()
        with house.client() as client:
            client.call("system.hello")
            first_answer_s = time.perf_counter() - begin
            wait(lambda: client.call("system.status").result["active_runs"] == 0)
            seconds = time.perf_counter() - begin
            report("recovery", "half_done_first_answer", first_answer_s * 1e3, "ms", n=count)
            tell(client, count, killed_at, seconds)


def tell(client: Client, count: int, killed_at: int, seconds: float) -> None:
    each, after = results(client, 0), results(client, killed_at)
    repeats = sum(times > 1 for times in each.values())
    report("recovery", "half_done_rate", sum(after.values()) / seconds, "steps/s", n=count)
    report("recovery", "half_done_until_all_ended", seconds * 1e3, "ms", n=count)
    report("recovery", "half_done_lost", count * STEPS - len(each), "steps", n=count)
    report("recovery", "half_done_repeats", repeats, "steps", n=count)


def results(client: Client, after: int) -> collections.Counter[tuple[str, str]]:
    """How many results are recorded, by run and step."""
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    while True:
        items = client.call("timeline.read", {"after": after, "limit": PAGE}).result["items"]
        assert isinstance(items, list), "a page of events"
        for item in items:
            if item["kind"] == "step.succeeded":
                found[item["run"], item["body"]["step"]] += 1
        if len(items) < PAGE:
            return found
        after = items[-1]["seq"]


def wait(done: object) -> None:
    assert callable(done), "asked again and again"
    give_up = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < give_up, "not done in time"
        time.sleep(LOOK_S)  # Looking counts all that is there, which is work for the daemon, too.


def main() -> None:
    if sys.argv[1:2] == ["--build"]:
        build(Path(sys.argv[2]), int(sys.argv[3]))
    quick = is_quick("From kill -9 to the first answer.")
    for events in EVENTS[quick]:
        ready(events, STARTS[quick])
    half_done(HALF_DONE[quick])


if __name__ == "__main__":
    main()
