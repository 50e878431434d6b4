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
from heard import ToEvent, in_turns
from house import House, running_house
from lines import is_quick, percentile, report
from load import Load, fact_puts

from quarterdeck_protocol.client import Client

PUTS = {False: 3_000, True: 1_000}
CLIENTS = 32
FAST_EVENTS = 20_000
EVENTS_OF_A_PUT = 2  # The fact, and the receipt that makes it safe to send twice.
FOLLOW_WAIT_S = 60.0


def put_to_event(house: House, floor: tuple[str, str], puts: int) -> None:
    at = house.connection
    with (
        ToEvent(floor, TOPIC, at.token) as least,
        ToEvent((at.rpc, at.events), b"fact.asserted", at.token) as ours,
    ):
        in_turns(least, ours, list(zip(fact_puts(at.token, puts), fact_puts(at.token, puts), strict=True)))
    for figure, share in (("p50", 0.5), ("p99", 0.99)):
        value, bare = (percentile(each.taken, share) * 1e3 for each in (ours, least))
        report("events", f"put_to_event_{figure}", value, "ms", floor=bare, n=puts)


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
    puts = PUTS[is_quick("From a change to its event.")]
    with running_house() as house, floor_server(house.folder.parent / "floor") as floor:
        put_to_event(house, floor, puts)
        gaps(house)


if __name__ == "__main__":
    main()
