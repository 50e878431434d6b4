"""What does a request cost on top of ZeroMQ and the disk? Reads within 1.5x, 60 % of the rate, are our promise.

Method   durable: fact.put, with token and idempotency key; 1 client (p50, p99) and 32 clients (rate). hello, get:
         the reads system.hello and fact.get, the same way. Floor: floor_server.py, a process with asyncio ROUTER, one
         RocksDB batch and one sync shared by all that waits; for reads an echo. The load is one process with raw
         sockets and the very same bytes for both; ours and floor take turns.
Excludes the client library (retries, idempotency keys), the network.
Run      python bench/rpc.py [--quick]
"""

from __future__ import annotations

from collections.abc import Callable

from floor_server import floor_server
from house import running_house
from lines import is_quick, percentile, report
from load import VALUE, Load, fact_puts, request

CLIENTS = 32
ROUNDS = {False: 10, True: 3}
TURN = 10  # Requests by one client before it is the other's turn.
SINGLE = 300  # Requests of a round by one client.
MANY = 2_000  # Requests of a round by all clients.

Bodies = Callable[[int], list[bytes]]


def compare(name: str, ours: str, floor: str, bodies: Bodies, rounds: int) -> None:
    """Report p50 and p99 of one client and the rate of many, for one kind of request."""
    single: dict[str, list[float]] = {ours: [], floor: []}
    many: dict[str, float] = {ours: 0.0, floor: 0.0}
    for endpoint in (ours, floor):
        with Load(endpoint, CLIENTS) as load:
            load.at_once(bodies(CLIENTS * 10))
    with Load(floor) as bare, Load(ours) as load:
        for _ in range(rounds * SINGLE // TURN):
            single[floor] += bare.one_by_one(bodies(TURN))
            single[ours] += load.one_by_one(bodies(TURN))
    for _ in range(rounds):
        for endpoint in (floor, ours):
            with Load(endpoint, CLIENTS) as load:
                many[endpoint] += load.at_once(bodies(MANY))
    n = len(single[ours])
    for figure, share in (("p50", 0.5), ("p99", 0.99)):
        least = percentile(single[floor], share) * 1e3
        report("rpc", f"{name}_{figure}", percentile(single[ours], share) * 1e3, "ms", floor=least, n=n)
    asked = rounds * MANY
    least = asked / many[floor]
    report("rpc", f"{name}_rate_c{CLIENTS}", asked / many[ours], "requests/s", floor=least, n=asked)


def main() -> None:
    rounds = ROUNDS[is_quick("Requests beside ZeroMQ and the disk.")]
    with running_house() as house, floor_server(house.folder.parent / "floor") as (floor, _):
        ours, token = house.connection.rpc, house.connection.token
        known: dict[str, object] = {"kind": "bench", "key": "known"}
        with Load(ours) as load:
            load.ask(request(token, "fact.put", {**known, "value": VALUE}, changes=True))
        compare(
            "hello", ours, floor, lambda count: [request(token, "system.hello", {}) for _ in range(count)], rounds
        )
        compare("get", ours, floor, lambda count: [request(token, "fact.get", known) for _ in range(count)], rounds)
        compare("durable", ours, floor, lambda count: fact_puts(token, count), rounds)


if __name__ == "__main__":
    main()
