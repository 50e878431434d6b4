"""The bad-input table for the socket: each row answered with its code, nothing changed, a good client still served."""

from __future__ import annotations

import contextlib
import json
import socket as plain_socket
from collections.abc import Iterator

import msgpack
import pytest
import zmq

from quarterdeck_protocol.connection import daemon_file, read_connection

from .quarters import Quarters, running, settle, small_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    with running(small_house(tmp_path_factory.mktemp("hostile"))) as quarters:
        with quarters.client() as client:
            settle(client)
        yield quarters


@contextlib.contextmanager
def dealer(house: Quarters) -> Iterator[zmq.Socket[bytes]]:
    connection = read_connection(daemon_file(house.folder))
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(connection.rpc)
        yield socket


def token(house: Quarters) -> str:
    return read_connection(daemon_file(house.folder)).token


def request(house: Quarters, **changed: object) -> bytes:
    body: dict[str, object] = {"id": 7, "method": "system.hello", "params": {}, "token": token(house)}
    packed: bytes = msgpack.packb({name: value for name, value in (body | changed).items() if value is not ...})
    return packed


def code_for(house: Quarters, frames: list[bytes]) -> str:
    with dealer(house) as socket:
        socket.send_multipart(frames)
        assert socket.poll(10_000), "no answer at all"
        *_, body = socket.recv_multipart()
        reply: dict[str, object] = msgpack.unpackb(body)
        assert reply["ok"] is False
        error = reply["error"]
        assert isinstance(error, dict)
        assert error["message"]
        return str(error["code"])


def served(house: Quarters) -> int:
    """A good client gets its answer; the log position tells whether anything changed."""
    with house.client(timeout_ms=5_000) as client:
        return int(str(client.call("system.hello").result["seq"]))


WIRE = {
    "an empty frame": ([b""], "bad_envelope"),
    "no empty delimiter": ([b"\x81\xa2id\x01"], "bad_envelope"),
    "ten thousand frames": ([b""] * 10_000, "bad_envelope"),
    "a first frame of 65 KiB": ([b"x" * 66_560, b"\x80"], "bad_envelope"),
    "an empty body": ([b"", b""], "bad_envelope"),
    "a body above one MiB": ([b"", msgpack.packb({"id": 1, "x": b"y" * 1_100_000})], "bad_envelope"),
    "reserved 0xc1": ([b"", b"\xc1"], "bad_msgpack"),
    "a truncated map": ([b"", b"\x82\xa2id"], "bad_msgpack"),
    "trailing bytes": ([b"", b"\x80\x00"], "bad_msgpack"),
    "a hundred thousand nested arrays": ([b"", b"\x91" * 100_000 + b"\xc0"], "bad_msgpack"),
    "a header of four GiB": ([b"", b"\xdd\xff\xff\xff\xff"], "bad_msgpack"),
    "an extension type": ([b"", b"\x81\xa2id\xd4\x05\x00"], "bad_msgpack"),
    "bad UTF-8": ([b"", b"\x81\xa2id\xa2\xff\xfe"], "bad_msgpack"),
    "integer keys": ([b"", b"\x81\x01\x02"], "bad_msgpack"),
    "a key twice": ([b"", b"\x82\xa2id\x01\xa2id\x02"], "bad_value"),
    "NaN": ([b"", msgpack.packb({"id": float("nan")})], "bad_value"),
    "infinity": ([b"", msgpack.packb({"id": float("inf")})], "bad_value"),
    "minus zero": ([b"", msgpack.packb({"id": -0.0})], "bad_value"),
    "an integer beyond 2^53": ([b"", msgpack.packb({"id": 2**53 + 1})], "bad_value"),
    "a surrogate": ([b"", b"\x81\xa2id\xa3\xed\xa0\x80"], "bad_value"),
    "no map at all": ([b"", b"\x01"], "schema"),
}


@pytest.mark.parametrize("row", WIRE, ids=str)
def test_hostile_bytes_get_their_code_and_change_nothing(house: Quarters, row: str) -> None:
    frames, code = WIRE[row]
    before = served(house)
    assert code_for(house, frames) == code
    assert served(house) == before


FIELDS: dict[str, tuple[dict[str, object], str]] = {
    "unknown method": ({"method": "nothing.here"}, "unknown_method"),
    "unknown field of the envelope": ({"surprise": 1}, "schema"),
    "unknown param": ({"params": {"surprise": 1}}, "schema"),
    "missing method": ({"method": ...}, "schema"),
    "wrong type of params": ({"params": 3}, "schema"),
    "missing param": ({"method": "run.get"}, "schema"),
    "wrong type of a param": ({"method": "run.get", "params": {"id": 7}}, "schema"),
    "an oversize name": ({"method": "run.get", "params": {"id": "x" * 5_000}}, "schema"),
    "another major version": ({"protocol": "2.0"}, "unsupported_version"),
    "no token": ({"token": ...}, "unauthorized"),
    "a wrong token": ({"token": "guess"}, "unauthorized"),
    "a position in the future": ({"method": "memory.get", "params": {"id": "m1", "as_of": 10**9}}, "out_of_range"),
    "a negative position": ({"method": "fact.get", "params": {"kind": "a", "key": "b", "as_of": -1}}, "out_of_range"),
    "an event beyond the end": ({"method": "timeline.event", "params": {"seq": 10**9}}, "out_of_range"),
    "a run that is not there": ({"method": "run.get", "params": {"id": "r999"}}, "not_found"),
    "nothing to remember": ({"method": "memory.remember", "params": {"text": "  "}}, "bad_value"),
}


@pytest.mark.parametrize("row", FIELDS, ids=str)
def test_wrong_requests_get_their_code_and_change_nothing(house: Quarters, row: str) -> None:
    changed, code = FIELDS[row]
    before = served(house)
    assert code_for(house, [b"", request(house, **changed)]) == code
    assert served(house) == before


def test_one_request_id_gives_one_effect_and_another_body_is_a_conflict(house: Quarters) -> None:
    put = {"method": "fact.put", "request_id": "once", "params": {"kind": "x", "key": "y", "value": {"n": 1}}}
    with dealer(house) as socket:
        answers = []
        for _ in range(2):
            socket.send_multipart([b"", request(house, **put)])
            answers.append(msgpack.unpackb(socket.recv_multipart()[-1]))
    assert answers[0]["result"] == answers[1]["result"]
    assert (
        code_for(house, [b"", request(house, **put | {"params": {"kind": "x", "key": "y", "value": {}}})])
        == "id_conflict"
    )
    with house.client() as client:
        assert client.call("fact.get", {"kind": "x", "key": "y"}).result["version"] == 1


def test_a_lesser_token_may_read_and_not_change(house: Quarters) -> None:
    observer = json.loads((house.folder / ".quarterdeck" / "run" / "tokens.json").read_text())["observer"]
    put = {"method": "fact.put", "params": {"kind": "x", "key": "z", "value": {}}, "token": observer}
    assert code_for(house, [b"", request(house, **put)]) == "forbidden"
    with dealer(house) as socket:
        socket.send_multipart([b"", request(house, token=observer)])
        assert msgpack.unpackb(socket.recv_multipart()[-1])["ok"] is True


def test_nobody_else_can_read_the_files_that_let_one_in(house: Quarters) -> None:
    home = house.folder / ".quarterdeck"
    modes = {str(path.relative_to(home)): path.lstat().st_mode & 0o777 for path in (home, *home.rglob("*"))}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_http_on_the_socket_reaches_nothing(house: Quarters) -> None:
    """A page that speaks HTTP to a local socket: no reply that means anything, and the good client is served."""
    connection = read_connection(daemon_file(house.folder))
    before = served(house)
    with plain_socket.socket(plain_socket.AF_UNIX) as raw:
        raw.connect(connection.rpc.removeprefix("ipc://"))
        raw.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n\x01\x00\x01x")
        raw.settimeout(1)
        with contextlib.suppress(TimeoutError, ConnectionError):
            assert b"HTTP" not in raw.recv(4096)
    assert served(house) == before
