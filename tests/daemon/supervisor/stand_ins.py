"""Children for the supervisor's tests, each with one habit: `python stand_ins.py HABIT`.

daemon    binds rpc, writes the connection file, answers hello; `test.busy` makes it spin for ever
stubborn  like daemon, but SIGTERM does nothing and its life is tied to nobody
quiet     reads its launch line and waits
orphan    ties its life to nobody: what a child looks like without the protection
dies      says why and ends at once with status 3
sender    the effector at its simplest: while the fence is open, a line a moment into the file `sent`
parent    starts a process of its own in its group, writes that pid beside the workspace, and waits
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import zmq

from quarterdeck_daemon.service.fence import read_fence
from quarterdeck_daemon.service.launch import Launch, end_with_parent, receive_launch


def wait() -> None:
    while True:
        signal.pause()


def serve(launch: Launch) -> None:
    socket = zmq.Context().socket(zmq.ROUTER)
    socket.linger = 0
    socket.bind(launch.rpc)
    content = {
        "protocol": "1.0",
        "pid": os.getpid(),
        "workspace": launch.workspace,
        "rpc": launch.rpc,
        "events": launch.events,
        "token": launch.operator_token,
    }
    fresh = launch.home / "run" / "daemon.json.new"
    fresh.write_text(json.dumps({**content, "control": launch.control, "daemon_token": launch.token}))
    fresh.replace(launch.home / "run" / "daemon.json")
    while True:
        route, _, body = socket.recv_multipart()
        request = msgspec.msgpack.decode(body)
        while request["method"] == "test.busy":
            pass
        hello = {"protocol": "1.0", "version": "0", "workspace": launch.workspace, "seq": 0, "stopped": False}
        reply = {"id": request["id"], "ok": True, "result": hello, "seq": 0, "durable": True}
        socket.send_multipart([route, b"", msgspec.msgpack.encode(reply)])


def daemon() -> None:
    launch = receive_launch()
    end_with_parent()
    serve(launch)


def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=Launch))


def quiet() -> None:
    receive_launch()
    end_with_parent()
    wait()


def orphan() -> None:
    sys.stdin.buffer.readline()
    wait()


def sender() -> None:
    launch = receive_launch()
    Path(launch.workspace, f"looked-{os.getpid()}").touch()
    with Path(launch.workspace, "sent").open("a", buffering=1) as sent:
        while True:
            if not read_fence(launch.home / "fence").stopped:
                sent.write(f"{os.getpid()}\n")
            Path(launch.workspace, f"looked-{os.getpid()}").write_text("yes")
            time.sleep(0.002)


def dies() -> None:
    print("the log could not be opened", file=sys.stderr)
    sys.exit(3)


def parent() -> None:
    launch = receive_launch()
    grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    Path(launch.workspace, "grandchild").write_text(str(grandchild.pid))
    wait()


HABITS = {habit.__name__: habit for habit in (daemon, stubborn, quiet, orphan, sender, dies, parent)}

if __name__ == "__main__":
    HABITS[sys.argv[1]]()
