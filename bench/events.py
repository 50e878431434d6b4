"""How soon does a subscriber hear of what has become durable, and does it miss anything? 2x the floor is our promise.

Method   put_to_event: from sending fact.put to the arrival of its event at a SUB socket; floor: the same through
         floor_server.py (written, synced, told on PUB), in turns. gaps: 32 clients write facts as fast as they are
         answered while a process follows with the client library from the beginning; a gap is a number that
         it did not get or got out of order. lag: from the last answer to the last event in that process.
Excludes the network; more than one subscriber.
Run      python bench/events.py [--quick]
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from floor_server import TOPIC, floor_server
from heard import Heard
from house import House, running_house
from lines import is_quick, percentile, report
from load import Load, fact_puts

from quarterdeck_protocol.client import Client

ROUNDS = {False: 10, True: 4}
PUTS = 200  # Of a round.
CLIENTS = 32
FAST_EVENTS = 20_000
EVENTS_OF_A_PUT = 2  # The fact, and the receipt that makes it safe to send twice.
FOLLOW_WAIT_S = 60.0


def put_to_event(house: House, floor: tuple[str, str], rounds: int) -> None:
    ours = (house.connection.rpc, house.connection.events)
    taken: dict[bytes, list[float]] = {TOPIC: [], b"fact.asserted": []}
    for _ in range(rounds):
        for (rpc, events), topic in ((floor, TOPIC), (ours, b"fact.asserted")):
            taken[topic] += one_round(rpc, events, topic, house.connection.token)
    n = rounds * PUTS
    for figure, share in (("p50", 0.5), ("p99", 0.99)):
        least, value = (percentile(taken[topic], share) * 1e3 for topic in (TOPIC, b"fact.asserted"))
        report("events", f"put_to_event_{figure}", value, "ms", floor=least, n=n)


def one_round(rpc: str, events: str, topic: bytes, token: str) -> list[float]:
    """Seconds from each request to its event. The next goes out when both event and answer are there."""
    taken = []
    with Load(rpc) as load, Heard(events, topic) as heard:
        heard.join(lambda: load.ask(fact_puts(token, 1)[0]))
        for body in fact_puts(token, PUTS):
            start = time.perf_counter()
            load.send(body)
            arrived, _ = heard.next()
            taken.append(arrived - start)
            load.receive()
    return taken


def follow(folder: Path, wanted: int) -> None:
    """As a process: follow from the beginning and print the time of the `wanted`-th event, and the gaps."""
    with Client(folder) as client:
        last = gaps = 0
        print("following", flush=True)
        for event in client.events():
            gaps += event.seq != last + 1
            last = event.seq
            if last >= wanted:
                print(time.time(), gaps, flush=True)
                return


def gaps(house: House) -> None:
    with house.client() as client:
        head = int(str(client.call("system.hello").result["seq"]))
    wanted = head + FAST_EVENTS
    command = [sys.executable, __file__, "--follow", str(house.folder), str(wanted)]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert follower.stdout is not None, "it is a pipe"
        follower.stdout.readline()
        with Load(house.connection.rpc, CLIENTS) as load:
            seconds = load.at_once(fact_puts(house.connection.token, FAST_EVENTS // EVENTS_OF_A_PUT))
        answered = time.time()
        output, _ = follower.communicate(timeout=FOLLOW_WAIT_S)
    finally:
        follower.kill()
        follower.wait()
    heard_at, missed = output.split()
    report("events", "gaps", int(missed), "events", n=FAST_EVENTS)
    report("events", "fast_rate", FAST_EVENTS / seconds, "events/s", n=FAST_EVENTS)
    report("events", "lag_after_burst", max(0.0, float(heard_at) - answered) * 1e3, "ms", n=1)


def main() -> None:
    if sys.argv[1:2] == ["--follow"]:
        follow(Path(sys.argv[2]), int(sys.argv[3]))
        return
    rounds = ROUNDS[is_quick("From a change to its event.")]
    with running_house() as house, floor_server(house.folder.parent / "floor") as floor:
        put_to_event(house, floor, rounds)
        gaps(house)


if __name__ == "__main__":
    main()
