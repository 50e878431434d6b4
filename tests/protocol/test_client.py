"""The blocking client against a small daemon on real sockets that gets killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from quarterdeck_protocol.calls import Call
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import daemon_file, supervisor_file, write_connection
from quarterdeck_protocol.frames import ENVELOPE_BYTES_MAX
from quarterdeck_protocol.results import Hello

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


def gone_pid() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def error_of(client: Client, method: str = "system.hello", **options: int) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as caught:
        client.call(method, **options)  # type: ignore[arg-type]  # Only deadline_ms is ever given.
    return caught.value


def test_a_call_gives_result_sequence_and_durability(client: Client) -> None:
    reply = client.call("memory.remember", {"text": "x"})
    assert (reply.result, reply.seq, reply.durable) == ({"id": "m1", "seq": 1}, 1, True)
    hello = client.call("system.hello").into(Hello)
    assert hello == Hello(protocol="1.0", version="0", workspace="w", seq=1, stopped=False)


def test_a_change_carries_a_fresh_key_and_a_read_none(client: Client, server: ToyServer) -> None:
    for method in ("memory.remember", "memory.remember", "system.hello"):
        client.call(method, {"text": "x"} if method == "memory.remember" else {})
    keys = [request.request_id for request in server.seen]
    assert (len({*keys}), keys[2]) == (3, None)


def test_a_key_of_the_callers_is_used_as_it_is(client: Client, server: ToyServer) -> None:
    first = client.call("memory.remember", {"text": "x"}, request_id="mine")
    assert client.call("memory.remember", {"text": "x"}, request_id="mine").result == first.result
    assert len(server.log) == 1


def test_a_refusal_of_the_daemon_is_raised_with_code_and_hint(client: Client) -> None:
    error = error_of(client, "no.such")
    assert (error.code, error.hint) == ("unknown_method", "look again")


def test_params_that_cannot_be_sent_are_refused_before_sending(client: Client, server: ToyServer) -> None:
    for value, code in ((object(), "bad_value"), (b"x" * ENVELOPE_BYTES_MAX, "bad_envelope")):
        with pytest.raises(QuarterdeckError) as caught:
            client.call("memory.remember", {"text": value})
        assert caught.value.code == code
    assert server.seen == []


def test_without_a_daemon_the_answer_comes_at_once_and_says_how_to_start_one(tmp_path: Path) -> None:
    with Client(tmp_path, timeout_ms=600_000) as client:
        error = error_of(client)
    assert (error.code, error.hint) == ("unavailable", "Start it with `quarterdeck up`.")


def test_a_file_left_by_a_dead_daemon_is_not_waited_for(tmp_path: Path, server: ToyServer) -> None:
    server.pid = gone_pid()
    server.introduce()
    server.kill()
    with Client(tmp_path, timeout_ms=600_000) as client:
        assert error_of(client).code == "unavailable"


def test_a_daemon_that_says_nothing_ends_in_deadline(client: Client, server: ToyServer) -> None:
    server.silent = True
    assert error_of(client, deadline_ms=50).code == "deadline"
    server.silent = False
    assert client.call("system.hello").seq == 0


def test_a_late_answer_is_not_taken_for_another_call(client: Client, server: ToyServer) -> None:
    """The first call gave up; its answer arrives while the second waits."""
    with server._lock:
        assert error_of(client, deadline_ms=20).code == "deadline"
    assert client.call("memory.remember", {"text": "x"}).result == {"id": "m1", "seq": 1}


def test_a_call_made_while_the_daemon_is_dead_is_answered_by_the_next_one(client: Client, server: ToyServer) -> None:
    client.call("system.hello")
    server.kill()
    timer = threading.Timer(0.3, server.start)
    timer.start()
    reply = client.call("memory.remember", {"text": "x"})
    timer.join()
    assert (reply.seq, server.starts) == (1, 2)


def test_a_change_whose_reply_was_lost_in_a_kill_happens_once(client: Client, server: ToyServer) -> None:
    """The daemon commits, dies before it answers, comes back with its log: the same key gives the first reply."""
    client.call("system.hello")
    server.swallow = 1

    def kill_and_return() -> None:
        until(lambda: len(server.log) == 1)
        server.kill()
        server.start()

    killer = threading.Thread(target=kill_and_return)
    killer.start()
    reply = client.call("memory.remember", {"text": "x"})
    killer.join()
    assert (reply.result, len(server.log)) == ({"id": "m1", "seq": 1}, 1)


def test_the_same_without_a_key_would_happen_twice(
    client: Client, server: ToyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: no idempotency key."""
    monkeypatch.setattr("quarterdeck_protocol.calls.fresh_key", lambda method: None)
    client.call("system.hello")
    server.swallow = 1

    def kill_and_return() -> None:
        until(lambda: len(server.log) == 1)
        server.kill()
        server.start()

    killer = threading.Thread(target=kill_and_return)
    killer.start()
    client.call("memory.remember", {"text": "x"})
    killer.join()
    assert len(server.log) == 2


def test_a_new_daemon_that_refuses_the_old_token_is_asked_again_with_the_new_one(
    client: Client, server: ToyServer
) -> None:
    """The new daemon answers before it has written its file."""
    client.call("system.hello")
    server.pid = gone_pid()
    server.introduce()
    client.call("system.hello")
    server.kill()
    server.start(rewrite=False)

    def introduce_late() -> None:
        until(lambda: server.seen[-1].token == "token-1" and len(server.seen) == 3)
        server.introduce()

    late = threading.Thread(target=introduce_late)
    late.start()
    client.call("system.hello")
    late.join()
    assert [request.token for request in server.seen] == ["token-1", "token-1", "token-1", "token-2"]


def test_a_wrong_token_is_said_and_not_tried_for_ever(server: ToyServer) -> None:
    server.token = "another"
    with Client(server.workspace, timeout_ms=600_000) as client:
        assert error_of(client).code == "unauthorized"


def test_a_request_that_got_lost_is_sent_again_after_a_while(
    client: Client, server: ToyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quarterdeck_protocol.calls.RESEND_MS", 100)
    server.swallow = 1
    assert client.call("memory.remember", {"text": "x"}).seq == 1
    assert len(server.log) == 1


def test_sending_again_happens_at_growing_distances() -> None:
    call = Call(1, "system.hello", {}, request_id=None, deadline_ms=60_000, now=0.0)
    assert [second for second in range(60) if call.due(float(second))] == [3, 9, 21, 45]


def test_a_stream_gives_its_pieces_and_then_the_result(client: Client, server: ToyServer) -> None:
    for _ in range(3):
        server.emit()
    stream = client.stream("audit.export")
    seqs = [event["seq"] for piece in stream for event in piece["events"]]  # type: ignore[attr-defined]
    assert seqs == [1, 2, 3]
    assert stream.result is not None
    assert stream.result.result == {"count": 3}


def test_a_call_in_the_middle_of_a_stream_gets_its_own_answer(client: Client, server: ToyServer) -> None:
    for _ in range(3):
        server.emit()
    assert [client.call("system.hello").seq for _ in client.stream("audit.export")] == [3, 3, 3]


def test_the_supervisor_is_asked_at_its_own_socket(client: Client, server: ToyServer, tmp_path: Path) -> None:
    """The daemon hangs; the supervisor does not."""
    server.silent = True
    other = ToyServer(tmp_path / "other")
    other.start()
    try:
        info = other.connection
        file = supervisor_file(server.workspace)
        write_connection(
            file, type(info)(protocol="1.0", pid=info.pid, workspace="", token=info.token, control=info.rpc)
        )
        assert client.call_control("system.status").result == {"running": True}
    finally:
        other.kill()


def test_a_closed_client_leaves_no_socket_open(server: ToyServer) -> None:
    client = Client(server.workspace)
    client.call("system.hello")
    stream = iter(client.stream("audit.export"))
    events = client.events()
    server.emit()
    next(events)
    next(stream)
    context = client._context
    client.close()
    assert context.closed
    with pytest.raises(zmq.ZMQError):
        context.socket(zmq.DEALER)


def test_a_token_file_that_others_can_read_is_refused(server: ToyServer) -> None:
    daemon_file(server.workspace).chmod(0o644)
    with Client(server.workspace) as client:
        assert error_of(client).code == "unauthorized"
