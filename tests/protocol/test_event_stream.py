"""Events come in order, each once, whatever the PUB socket loses and however often the daemon dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from quarterdeck_protocol.client import PAGE, Client
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.following import Follower

from .toy_server import ToyServer, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ToyServer]:
    server = ToyServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def client(server: ToyServer) -> Iterator[Client]:
    with Client(server.workspace) as client:
        yield client


class Trusting(Follower):
    """The protection switched off: whatever comes is taken for the next."""

    def place(self, event: Event) -> str:  # type: ignore[override]  # A plain word is enough here.
        return "next"

    def behind(self, head: int) -> bool:
        return False


def take(events: Iterator[Event], count: int) -> list[int]:
    return [event.seq for event in islice(events, count)]


def attached(client: Client, server: ToyServer) -> Iterator[Event]:
    """Events from now on, with the subscription surely in place."""
    events = client.events(after=len(server.log))
    seen = [server.emit("probe.sent").seq]
    assert take(events, 1) == seen
    until(server.heard)
    return events


def test_the_past_comes_first_page_by_page_and_then_the_present(client: Client, server: ToyServer) -> None:
    for _ in range(PAGE + 3):
        server.emit()
    events = client.events()
    assert take(events, PAGE + 3) == list(range(1, PAGE + 4))
    server.emit()
    assert take(events, 1) == [PAGE + 4]


def test_only_what_comes_after_the_given_sequence_is_handed_on(client: Client, server: ToyServer) -> None:
    for _ in range(5):
        server.emit()
    assert take(client.events(after=3), 2) == [4, 5]


def test_a_dropped_message_is_fetched_from_the_log(client: Client, server: ToyServer) -> None:
    events = attached(client, server)
    server.hush = {3, 4, 7}
    for _ in range(7):
        server.emit()
    assert take(events, 7) == [2, 3, 4, 5, 6, 7, 8]


def test_a_drop_with_nothing_after_it_is_noticed_too(client: Client, server: ToyServer) -> None:
    """No later event shows the gap; the client asks how long the log is."""
    events = attached(client, server)
    server.hush = {2, 3}
    server.emit()
    server.emit()
    assert take(events, 2) == [2, 3]


def test_without_filling_gaps_the_drop_is_lost(
    client: Client, server: ToyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the same drops, believed."""
    monkeypatch.setattr("quarterdeck_protocol.client.Follower", Trusting)
    events = attached(client, server)
    taken: list[int] = []
    reader = threading.Thread(target=lambda: taken.extend(take(events, 4)))
    reader.start()
    server.hush = {3, 4, 7}
    for _ in range(7):
        server.emit()
    reader.join()
    assert taken == [2, 5, 6, 8]


def test_a_slow_subscriber_of_a_socket_that_drops_misses_nothing(tmp_path: Path) -> None:
    """The socket may hold one message; thousands are sent while the subscriber does not read."""
    server = ToyServer(tmp_path, pub_hwm=1)
    server.start()
    try:
        with Client(tmp_path) as client:
            events = attached(client, server)
            for _ in range(5_000):
                server.emit(text="x" * 200)
            assert take(events, 5_000) == list(range(2, 5_002))
            server.emit()
            assert take(events, 1) == [5_002]
    finally:
        server.kill()


def test_the_same_subscriber_without_filling_gaps_misses_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: reads what the socket kept. It is not all, and it has holes."""
    monkeypatch.setattr("quarterdeck_protocol.client.Follower", Trusting)
    server = ToyServer(tmp_path, pub_hwm=1)
    server.start()
    try:
        with Client(tmp_path) as client:
            events = attached(client, server)
            for _ in range(5_000):
                server.emit(text="x" * 200)
            taken: list[int] = []

            def read() -> None:
                while not taken or taken[-1] <= 5_001:
                    taken.extend(take(events, 1))

            reader = threading.Thread(target=read)
            reader.start()
            # Later events until one gets through end the reading; a full socket drops them too.
            until(lambda: server.emit().seq > 0 and not reader.is_alive())
            assert len(taken) < taken[-1] - 1
    finally:
        server.kill()


def test_a_restart_leaves_neither_gap_nor_double(client: Client, server: ToyServer) -> None:
    """Events before the kill, while nobody listens, and after the return."""
    events = attached(client, server)
    server.emit()
    assert take(events, 1) == [2]
    for _ in range(3):
        server.emit()
        server.kill()
        server.emit()
        server.start()
        server.emit()
    assert take(events, 9) == list(range(3, 12))


def test_a_restart_while_the_subscriber_waits_is_lived_through(client: Client, server: ToyServer) -> None:
    events = attached(client, server)
    taken: list[int] = []
    reader = threading.Thread(target=lambda: taken.extend(take(events, 3)))
    reader.start()
    server.kill()
    server.emit()
    server.start()
    server.emit()
    server.emit()
    reader.join()
    assert taken == [2, 3, 4]


def test_of_kinds_only_those_wanted_are_handed_on_but_all_are_followed(client: Client, server: ToyServer) -> None:
    """Losses among unwanted events are no reason to miss a wanted one, nor to read the log for ever."""
    events = client.events(kinds=("run.*", "note.kept"))
    server.hush = {2, 4}
    for kind in ("run.started", "mail.received", "note.kept", "run.ended", "notes.kept", "run.started"):
        server.emit(kind)
    assert take(events, 4) == [1, 3, 4, 6]


def test_a_log_shorter_than_what_was_seen_is_said(client: Client, server: ToyServer) -> None:
    """A restored backup is another history; going on as if nothing had happened would mix the two."""
    events = attached(client, server)
    server.log.clear()
    with pytest.raises(QuarterdeckError) as caught:
        next(events)
    assert caught.value.code == "out_of_range"


def test_a_daemon_that_stays_away_ends_the_stream_after_its_patience(client: Client, server: ToyServer) -> None:
    events = client.events(patience_ms=300)
    server.emit()
    assert take(events, 1) == [1]
    server.kill()
    with pytest.raises(QuarterdeckError) as caught:
        next(events)
    assert caught.value.code in ("unavailable", "deadline")
