"""Who gets in, and what hostile bytes do: nothing."""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import zmq

from quarterdeck_daemon.service import lifecycle
from quarterdeck_daemon.service.environment import child_env
from quarterdeck_daemon.service.run_folder import endpoints_of, make_private
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, read_connection
from quarterdeck_protocol.frames import Chunk, Refusal, Request, parse_reply, request_frames

from .office import Office, ask, until

METHODS = (
    "stop.engage",
    "stop.release",
    "supervisor.status",
    "supervisor.kill",
    "supervisor.models",
    "supervisor.watch",
    "system.shutdown",
)
STRANGER = 65_534


@contextmanager
def dealer(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as made:
        made.linger = 0
        made.rcvtimeo = 5_000
        made.connect(endpoint)
        yield made


def control_of(office: Office) -> ConnectionFile:
    return read_connection(office.places.control)


def daemon_token(office: Office) -> str:
    return str(json.loads(office.places.connection.read_bytes())["daemon_token"])


def code_of(office: Office, method: str, token: str, **params: object) -> str:
    connection = msgspec.structs.replace(control_of(office), token=token)
    with pytest.raises(QuarterdeckError) as refused:
        ask(connection, connection.control, method, params)
    return refused.value.code


# --- tokens -----------------------------------------------------------------------------------------


def test_without_a_token_of_ours_nothing_happens(office: Office) -> None:
    office.open()
    codes = {code_of(office, method, token) for method in METHODS for token in ("", "guess", "é" * 40)}
    assert codes == {"unauthorized"}
    assert office.fence()["epoch"] == 0


def test_some_methods_are_the_daemons_alone(office: Office) -> None:
    office.open()
    operator = control_of(office).token
    assert code_of(office, "supervisor.watch", operator) == "forbidden"
    assert code_of(office, "supervisor.kill", operator, pid=office.pid("worker-1"), reason="x") == "forbidden"


def test_the_daemon_may_kill_its_hung_worker_and_nobody_else(office: Office) -> None:
    office.open()
    token = daemon_token(office)
    connection = msgspec.structs.replace(control_of(office), token=token)
    assert code_of(office, "supervisor.kill", token, pid=os.getpid(), reason="x") == "not_found"
    worker = office.pid("worker-1")
    done = ask(connection, connection.control, "supervisor.kill", {"pid": worker, "reason": "hung"})
    assert done == {"pid": worker, "ended": True}
    until(lambda: office.pid("worker-1") not in (0, worker))
    assert office.children()["worker-1"]["state"] == "running"


def test_wrong_parameters_are_named(office: Office) -> None:
    office.open()
    operator = control_of(office).token
    assert code_of(office, "stop.engage", operator, reason="x", more=1) == "schema"
    assert code_of(office, "stop.engage", operator, reason=7) == "schema"
    assert code_of(office, "memory.search", operator) == "unknown_method"
    assert office.fence()["epoch"] == 0


def test_a_watcher_gets_the_fence_at_once_and_at_each_change(office: Office) -> None:
    office.open()
    with dealer(control_of(office).control) as watcher:
        watcher.send_multipart(
            request_frames(Request(id="w", method="supervisor.watch", params={}, token=daemon_token(office)))
        )
        seen = [next_fence(watcher)]
        office.ask("stop.engage", reason="x")
        seen.append(next_fence(watcher))
        office.ask("stop.release", reason="y")
        seen.append(next_fence(watcher))
    assert seen == [(0, False), (1, True), (2, False)]
    assert office.ask("stop.engage", reason="the watcher is gone")["epoch"] == 3


def next_fence(watcher: zmq.Socket[bytes]) -> tuple[object, object]:
    told = parse_reply(watcher.recv_multipart())
    assert isinstance(told, Chunk)
    fence = told.chunk["fence"]
    assert isinstance(fence, dict)
    return fence["epoch"], fence["stopped"]


# --- hostile bytes ----------------------------------------------------------------------------------

GOOD = msgspec.msgpack.encode({"id": 1, "method": "supervisor.status", "params": {}, "token": "wrong"})
MESSAGES: dict[str, list[bytes]] = {
    "one frame": [b"x"],
    "no empty frame": [b"full", GOOD],
    "three frames": [b"", GOOD, GOOD],
    "many frames": [b""] * 10_000,
    "empty body": [b"", b""],
    "reserved byte": [b"", b"\xc1"],
    "truncated": [b"", GOOD[:-3]],
    "trailing": [b"", GOOD + b"\x01"],
    "nested": [b"", b"\x91" * 50_000],
    "nested params": [b"", GOOD.replace(b"\x80", b"\x91" * 2_000 + b"\x80")],
    "huge header": [b"", b"\xdd\xff\xff\xff\xff"],
    "bad text": [b"", b"\xa3\xff\xfe\xfd"],
    "number keys": [b"", b"\x81\x01\x02"],
    "extension": [b"", b"\xc7\x01\x05\x00"],
    "double key": [b"", b"\x82\xa2id\x01\xa2id\x02"],
    "not a map": [b"", b"\x07"],
    "nan id": [b"", b"\x81\xa2id\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"],
    "too big": [b"", bytes(2 * 1024 * 1024)],
}
FIRST_BYTES: dict[str, bytes] = {
    "web page": b"POST /control HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n" + b"\x01\x00" * 200,
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "half a greeting": b"\xff\x00\x00\x00",
    "old greeting": b"\xff" + struct.pack(">Q", 1) + b"\x7f\x01\x00",
    "noise": bytes((number * 97 + 31) % 256 for number in range(4_096)),
    "nothing": b"",
}


def test_hostile_messages_get_an_error_or_nothing_and_the_next_client_is_served(office: Office) -> None:
    office.open()
    supervisor, endpoint = office.supervisor(), control_of(office).control
    answered = {}
    for name, frames in MESSAGES.items():
        with dealer(endpoint) as hostile:
            hostile.send_multipart(frames)
            if name != "too big":
                answered[name] = parse_reply(hostile.recv_multipart())
        assert office.supervisor() == supervisor, name
    codes = {name: reply.error.code for name, reply in answered.items() if isinstance(reply, Refusal)}
    assert set(codes) == set(MESSAGES) - {"too big"}
    assert set(codes.values()) <= {"bad_envelope", "bad_msgpack", "bad_value", "schema"}


def test_hostile_first_bytes_on_the_socket_file_change_nothing(office: Office) -> None:
    office.open()
    supervisor = office.supervisor()
    path = control_of(office).control.removeprefix("ipc://")
    kept = []
    for name, first in FIRST_BYTES.items():
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(path)
        raw.send(first)
        kept.append(raw)
        assert office.supervisor() == supervisor, name
    for raw in kept:
        raw.close()


def test_a_flood_of_junk_keeps_no_stop_out(office: Office) -> None:
    """Far more messages than there are places for requests, and the stop right behind them."""
    office.open()
    with dealer(control_of(office).control) as hostile:
        for number in range(1_000):
            hostile.send_multipart([b"", GOOD if number % 2 else b"\xc1"])
        assert office.ask("stop.engage", reason="in between")["epoch"] == 1


def test_twin_a_naive_server_dies_of_the_first_of_them(office: Office) -> None:
    office.open(without=["guard"])
    with dealer(control_of(office).control) as hostile:
        hostile.send_multipart([b"", b"\xc1"])
        until(lambda: lifecycle.is_running(office.folder) is None)


# --- other users ------------------------------------------------------------------------------------


def test_all_that_is_ours_is_ours_alone(office: Office) -> None:
    office.open()
    modes = {
        path.relative_to(office.folder).as_posix(): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in [office.places.home, *office.places.home.rglob("*")]
    }
    folders = {".quarterdeck", ".quarterdeck/run", ".quarterdeck/logs"}
    assert {modes[name] for name in folders} == {"0o700"}
    assert {mode for name, mode in modes.items() if name not in folders} <= {"0o600", "0o700"}
    assert modes[".quarterdeck/run/supervisor.json"] == modes[".quarterdeck/run/daemon.json"] == "0o600"


def test_an_open_state_folder_is_closed_at_the_start(office: Office) -> None:
    office.places.run.mkdir(parents=True)
    office.places.home.chmod(0o755)
    office.places.run.chmod(0o777)
    office.open()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (office.places.home, office.places.run)]
    assert modes == [0o700, 0o700]


def test_a_state_folder_that_is_a_link_is_refused(office: Office) -> None:
    (office.folder / "elsewhere").mkdir()
    office.places.home.symlink_to("elsewhere")
    with pytest.raises(QuarterdeckError) as refused:
        lifecycle.start(office.folder)
    assert refused.value.code == "forbidden"


# It becomes the stranger after its imports: the interpreter may lie where strangers cannot read.
CLIENT = """
import os, sys, zmq
endpoint, body, stranger = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])
os.setgroups([])
os.setgid(stranger)
os.setuid(stranger)
socket = zmq.Context().socket(zmq.REQ)
socket.linger = 0
socket.connect(endpoint)
socket.send(body)
print("answered" if socket.poll(1500) else "silence")
"""


def ask_as_stranger(office: Office) -> str:
    """Ask with the right token as another user; return what that user saw."""
    connection = control_of(office)
    body = request_frames(Request(id=1, method="supervisor.status", params={}, token=connection.token))[1]
    command = [sys.executable, "-c", CLIENT, connection.control, body.hex(), str(STRANGER)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    return done.stdout.strip()


def open_the_doors(office: Office) -> None:
    for path in (office.folder, office.places.home, office.places.run):
        path.chmod(0o755)
    for path in office.places.run.glob("*.sock"):
        path.chmod(0o777)


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")


@needs_root
def test_another_user_gets_nothing(office: Office) -> None:
    office.open()
    office.folder.chmod(0o755)
    assert ask_as_stranger(office) == "silence"


@needs_root
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word on the peer's user is asked on Linux")
def test_another_user_gets_nothing_even_with_all_doors_open(office: Office) -> None:
    office.open()
    open_the_doors(office)
    assert ask_as_stranger(office) == "silence"


@needs_root
def test_twin_with_doors_open_and_no_filter_another_user_is_answered(office: Office) -> None:
    office.open(without=["uid_filter"])
    open_the_doors(office)
    assert ask_as_stranger(office) == "answered"


# --- places and environment -------------------------------------------------------------------------


def test_a_path_too_long_for_sockets_gets_a_private_folder(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = office.folder / "xdg"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    deep = Office(office.folder / ("d" * 60) / ("e" * 60))
    deep.folder.mkdir(parents=True)
    connection = deep.open()
    try:
        assert connection.rpc.startswith(f"ipc://{runtime}/quarterdeck/")
        assert deep.ask("supervisor.status")["pid"] == deep.supervisor()
        assert stat.S_IMODE(endpoints_of(deep.places).folder.stat().st_mode) == 0o700
    finally:
        lifecycle.stop_all(deep.folder)
    assert list(endpoints_of(deep.places).folder.iterdir()) == []


def test_a_private_folder_prepared_by_somebody_else_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    trap = tmp_path / "trap"
    trap.symlink_to(target)
    with pytest.raises(QuarterdeckError) as refused:
        make_private(trap)
    assert refused.value.code == "forbidden"


def test_children_get_a_small_environment_without_secrets() -> None:
    given = {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "PYTHONUTF8": "1",
        "QUARTERDECK_LEVEL": "debug",
        "QUARTERDECK_TOKEN": "t",
        "PYTHONSTARTUP": "x.py",
        "AWS_SECRET_ACCESS_KEY": "s",
        "LD_PRELOAD": "x.so",
    }
    kept = {name: given[name] for name in ("PATH", "HOME", "LC_ALL", "PYTHONUTF8", "QUARTERDECK_LEVEL")}
    ours = {"PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    assert child_env(given) == {**kept, **ours}
