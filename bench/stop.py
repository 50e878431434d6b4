"""How soon is everything outward stopped? p99 below 50 ms at rest and below 150 ms under load is our promise.

Method   from sending stop.engage to the supervisor until its answer, which it gives when the fence is on disk and
         the effector is dead and collected. Between two stops it is released and the next effector is waited for.
         idle: nothing else happens. loaded: a busy loop for each core, and eight clients that write facts.
         Floor, in turns: a message to floor_server.py and back, a file of the fence's size written and synced the
         same way, and a Python process killed and collected.
Excludes noticing the wish: the key press, the start of a command line.
Run      python bench/stop.py [--quick]
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from floor_server import floor_server
from house import House, running_house
from lines import is_quick, percentile, report
from load import Load, request

from quarterdeck_daemon.service.fence import Fence, write_fence
from quarterdeck_protocol.client import Client

STOPS = {False: {"idle": 100, "loaded": 100}, True: {"idle": 30, "loaded": 12}}
POLL_S = 0.01
EFFECTOR_WAIT_S = 20.0
EFFECTOR_AGE_S = 0.3  # A young effector still loads its libraries.
BUSY = "while True: pass"
SLEEPER = "import sys; print(flush=True); sys.stdin.read()"


def effector_back(client: Client) -> None:
    give_up = time.monotonic() + EFFECTOR_WAIT_S
    while time.monotonic() < give_up:
        children = client.call_control("supervisor.status").result["children"]
        assert isinstance(children, list), "one map for each child"
        if any(row["role"] == "effector" and row["pid"] and row["alive_s"] > EFFECTOR_AGE_S for row in children):
            return
        time.sleep(POLL_S)
    raise AssertionError("the effector did not come back")


def one_stop(client: Client) -> float:
    effector_back(client)
    start = time.perf_counter()
    answer = client.call_control("stop.engage", {"reason": "bench"})
    taken = time.perf_counter() - start
    assert answer.result["stopped"] is True
    assert answer.result["killed"], "the effector was there"
    client.call_control("stop.release", {"reason": "bench"})
    return taken


def one_floor(load: Load, folder: Path) -> float:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None, "it is a pipe"
        victim.stdout.readline()
        body = request("", "system.hello", {})
        start = time.perf_counter()
        victim.kill()
        write_fence(folder / "fence", Fence(epoch=1, stopped=True, reason="bench", by="operator", at_us=1))
        load.ask(body)
        victim.wait()
        return time.perf_counter() - start


@contextlib.contextmanager
def under_load(house: House) -> Iterator[None]:
    commands = [[sys.executable, "-c", BUSY]] * (os.cpu_count() or 1)
    commands.append([sys.executable, str(Path(__file__).with_name("load.py")), str(house.folder)])
    processes = [subprocess.Popen(command) for command in commands]
    try:
        time.sleep(1.0)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(house: House, load: Load, name: str, stops: int) -> None:
    ours, least = [], []
    with house.client() as client:
        for _ in range(stops):
            least.append(one_floor(load, house.folder.parent))
            ours.append(one_stop(client))
        effector_back(client)
    for figure, share in (("p50", 0.5), ("p99", 0.99)):
        floor = percentile(least, share) * 1e3
        report("stop", f"{name}_{figure}", percentile(ours, share) * 1e3, "ms", floor=floor, n=stops)


def main() -> None:
    stops = STOPS[is_quick("Emergency stop, at rest and under load.")]
    with running_house() as house, floor_server(house.folder.parent / "floor") as (rpc, _), Load(rpc) as load:
        measure(house, load, "idle", stops["idle"])
        with under_load(house):
            measure(house, load, "loaded", stops["loaded"])


if __name__ == "__main__":
    main()
