"""How fast does work run? 1-step within 2.2x of the log alone; 50 at once at 10 % of the log's rate, is our promise.

Method   over the wire: run.start with an id of our own, until `run.ended` of that run arrives at a SUB socket; the
         next run starts then. 1 and 50 runs at once; playbooks of 1 step and of 10 steps, each after the one before.
         A step: the kernel reads one fact and starts the step (durable), hands it to a worker process, which runs
         the built-in agent `qualifier` on a mail without text (it finds nothing and says so), and records the
         result (durable). Floor: the events of such a run as rows, written to RocksDB in steps + 2 commits, each
         synced; 50 at once share the batches. Ours and floor take turns, round by round. cpu: processor time of the
         daemon and of the workers together, per step; it hardly depends on what else the machine does.
Excludes actions, approvals, recall, models; the floor has no wire, no worker and no state.
Run      python bench/runs.py [--quick]
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import zmq
from bare_log import BareLog
from heard import HEAR_MS, Heard
from house import House, running_house
from lines import is_quick, percentile, report
from load import VALUE, Load, request

MANY = 50
# (steps, at once) -> runs of a round, rounds; --quick makes a third of the rounds
ROUNDS = {(1, 1): (10, 60), (1, MANY): (300, 9), (10, 1): (2, 45), (10, MANY): (100, 9)}
STEP = """
  - id: s{n}
    agent: qualifier
    needs: [{needs}]
    reads:
      mail: {{fact: policy, key: mail}}
    in:
      lead: {{email: ""}}
"""


def playbook(steps: int) -> str:
    """A chain of steps that do nothing."""
    each = (STEP.format(n=n, needs=f"s{n - 1}" if n else "") for n in range(steps))
    return f"name: chain-{steps}\nversion: 1\nsteps:{''.join(each)}"


FILES = {f"playbooks/chain-{steps}.yaml": playbook(steps) for steps in (1, 10)}


class Ended(msgspec.Struct):
    run: str
    body: dict[str, object]


_ended = msgspec.msgpack.Decoder(Ended).decode
_numbers = itertools.count(1)


class Runner:
    """Starts runs and hears of their ends."""

    def __init__(self, house: House) -> None:
        self._token = house.connection.token
        self._load = Load(house.connection.rpc)
        self._heard = Heard(house.connection.events, b"run.ended")
        self._poller = zmq.Poller()
        self._poller.register(self._heard.socket, zmq.POLLIN)
        self._poller.register(self._load.first, zmq.POLLIN)
        self._heard.join(lambda: self._start("chain-1"))
        while self._load.first.poll(0):
            self._load.receive()

    def _start(self, name: str) -> str:
        id = f"b{next(_numbers)}x"
        params: dict[str, object] = {"playbook": name, "inputs": {}, "run_id": id}
        self._load.send(request(self._token, "run.start", params, changes=True))
        return id

    def go(self, name: str, runs: int, at_once: int) -> tuple[list[float], float]:
        """Return the seconds of each run, and of all together."""
        taken: list[float] = []
        started: dict[str, float] = {}
        begin = time.perf_counter()
        for _ in range(min(runs, at_once)):
            now = time.perf_counter()
            started[self._start(name)] = now
        to_start = runs - len(started)
        while started:
            ready = dict(self._poller.poll(HEAR_MS))
            assert ready, "no run ended in time"
            if self._load.first in ready:
                self._load.receive()
            if self._heard.socket not in ready:
                continue
            arrived, body = self._heard.next()
            ended = _ended(body)
            assert ended.body["status"] == "succeeded", ended.body
            taken.append(arrived - started.pop(ended.run))
            if to_start:
                to_start -= 1
                now = time.perf_counter()
                started[self._start(name)] = now
        return taken, time.perf_counter() - begin

    def close(self) -> None:
        self._heard.__exit__()
        self._load.__exit__()


class Floor:
    """The same events without anything around them."""

    def __init__(self, log: BareLog, commits: list[list[bytes]]) -> None:
        self._log, self._commits, self._seq = log, commits, 0

    def go(self, runs: int, at_once: int) -> tuple[list[float], float]:
        taken = []
        begin = time.perf_counter()
        for _ in range(runs // at_once):
            start = time.perf_counter()
            for commit in self._commits:
                self._log.write(self._rows(commit * at_once))
                self._log.sync()
            taken += [time.perf_counter() - start] * at_once
        return taken, time.perf_counter() - begin

    def _rows(self, events: Iterable[bytes]) -> Iterable[tuple[str, bytes, bytes]]:
        for event in events:
            self._seq += 1
            yield "events", self._seq.to_bytes(8, "big"), event


def commits_of(house: House, runner: Runner, steps: int) -> list[list[bytes]]:
    """Run once; return the bytes of its events as steps + 2 commits: start, each step, end."""
    with house.client() as client:
        before = client.call("system.hello").seq
        runner.go(f"chain-{steps}", 1, 1)
        items = client.call("timeline.read", {"after": before, "limit": 1000}).result["items"]
    assert isinstance(items, list), "a page of events"
    commits: list[list[bytes]] = [[] for _ in range(steps + 2)]
    for item in items:
        step = str(item["body"].get("step", ""))
        at = steps + 1 if item["kind"] == "run.ended" else int(step[1:]) + 1 if step else 0
        commits[at].append(msgspec.msgpack.encode(item))
    assert all(commits), "each commit has an event"
    return commits


@dataclass
class Times:
    each: list[float] = field(default_factory=list)
    whole_s: float = 0.0

    def add(self, measured: tuple[list[float], float]) -> None:
        self.each += measured[0]
        self.whole_s += measured[1]

    def rate(self, per_run: int) -> float:
        return len(self.each) * per_run / self.whole_s


def measure(house: House, share: int) -> None:
    runner = Runner(house)
    log = BareLog(house.folder.parent / "floor")
    floors = {steps: Floor(log, commits_of(house, runner, steps)) for steps in (1, 10)}
    for (steps, at_once), (runs, rounds) in ROUNDS.items():
        ours, least = Times(), Times()
        runner.go(f"chain-{steps}", min(runs, at_once * 2), at_once)
        floors[steps].go(at_once * 2, at_once)
        cpu_s = house.cpu_s()
        for _ in range(rounds // share):
            least.add(floors[steps].go(runs, at_once))
            ours.add(runner.go(f"chain-{steps}", runs, at_once))
        tell(steps, at_once, ours, least)
        tell_cpu(f"{steps}_step_c{at_once}", cpu_s, house.cpu_s(), len(ours.each) * steps)
    runner.close()
    log.close()


def tell(steps: int, at_once: int, ours: Times, least: Times) -> None:
    name, n = f"{steps}_step", len(ours.each)
    for figure, share in (("p50", 0.5), ("p99", 0.99)):
        floor = percentile(least.each, share) * 1e3
        report("runs", f"{name}_c{at_once}_{figure}", percentile(ours.each, share) * 1e3, "ms", floor=floor, n=n)
    unit = "runs/s" if steps == 1 else "steps/s"
    report("runs", f"{name}_c{at_once}_rate", ours.rate(steps), unit, floor=least.rate(steps), n=n)


def tell_cpu(name: str, before: dict[str, float], after: dict[str, float], steps: int) -> None:
    """Processor time of the daemon, and of all workers, for a step with its share of the run."""
    used = {role: after[role] - before[role] for role in before}
    workers = sum(seconds for role, seconds in used.items() if role.startswith("worker"))
    report("runs", f"{name}_cpu_daemon", used["daemon"] / steps * 1e3, "ms/step", n=steps)
    report("runs", f"{name}_cpu_workers", workers / steps * 1e3, "ms/step", n=steps)


def main() -> None:
    share = 3 if is_quick("Runs beside the log alone.") else 1
    with running_house(FILES) as house:
        with house.client() as client:
            client.call("fact.put", {"kind": "policy", "key": "mail", "value": VALUE})
        measure(house, share)


if __name__ == "__main__":
    main()
