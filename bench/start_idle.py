"""How long until the house is ready, what does it cost while nothing happens, and is the command line quick?

Method   ready: from starting the supervisor to the first answer of the daemon, empty log; floor: a fresh process that
         only imports what the daemon imports, in turns. idle: resident memory of each process and its share of one
         core over ten seconds, after start-up work is over and with nobody connected. cli: `--version` and
         `status` as processes, from outside, with output to a pipe; floor: a Python process that does nothing.
Excludes a cold file cache; models.
Run      python bench/start_idle.py [--quick]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from house import House, new_house, running_house
from lines import is_quick, report

STARTS = {False: 10, True: 4}
CLI_RUNS = 10
IDLE_S = {False: 10.0, True: 5.0}
MIB = 1024 * 1024
IMPORTS = "import quarterdeck_daemon.service.daemon"
COMMAND = [sys.executable, "-P", "-m", "quarterdeck_daemon.cli"]


def seconds_of(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def ready(starts: int) -> None:
    ours, least = [], []
    with new_house() as house:
        for _ in range(starts):
            least.append(seconds_of([sys.executable, "-P", "-c", IMPORTS], house.folder))
            ours.append(house.start())
            house.stop()
    floor = statistics.median(least) * 1e3
    report("start_idle", "ready", statistics.median(ours) * 1e3, "ms", floor=floor, n=starts)


def idle(house: House, seconds: float) -> None:
    processes = house.processes()
    before = house.cpu_s()
    time.sleep(seconds)
    after = house.cpu_s()
    used = {name: after[name] - before[name] for name in before}
    for name, process in processes.items():
        report("start_idle", f"rss_{name}", process.memory_info().rss / MIB, "MiB", n=1)
        report("start_idle", f"own_{name}", process.memory_full_info().uss / MIB, "MiB", n=1)
        report("start_idle", f"idle_cpu_{name}", 100 * used[name] / seconds, "% of a core", n=1)
    report("start_idle", "idle_cpu_all", 100 * sum(used.values()) / seconds, "% of a core", n=1)


def command_line(house: House) -> None:
    commands = {"version": [*COMMAND, "--version"], "status": [*COMMAND, "status"]}
    bare = [sys.executable, "-P", "-c", "pass"]
    for name, command in commands.items():
        seconds_of(command, house.folder)
        least, ours = [], []
        for _ in range(CLI_RUNS):
            least.append(seconds_of(bare, house.folder))
            ours.append(seconds_of(command, house.folder))
        floor = statistics.median(least) * 1e3
        report("start_idle", f"cli_{name}", statistics.median(ours) * 1e3, "ms", floor=floor, n=CLI_RUNS)


def main() -> None:
    quick = is_quick("Start, rest, and the command line.")
    ready(STARTS[quick])
    with running_house() as house:
        idle(house, IDLE_S[quick])
        command_line(house)


if __name__ == "__main__":
    main()
