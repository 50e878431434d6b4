"""A worker as a real process, with a real ROUTER on our side: orders, broken orders, kills, a parent that dies."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
import zmq

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import (
    Answer,
    ExecuteEffect,
    Failed,
    Hello,
    Order,
    OrderMessage,
    Outcome,
    Parsed,
    ParseDocument,
    ProcessMessage,
    RunStep,
    StepDone,
    Work,
)
from quarterdeck_daemon.service.confinement.limits import MEMORY_BYTES_MAX, OPEN_FILES_MAX
from quarterdeck_daemon.service.launch import Launch
from quarterdeck_daemon.service.worker import OUTPUT_BYTES_MAX, encoded

WAIT_MS = 20_000  # Far beyond what is needed on a busy machine.
LEAD = b"From: Ana Ruiz <ana@nube.example>\nTo: hello@studio.example\nSubject: Quote?\n\nWe need a new website for EUR 5,000.\n"


class WorkerRig:
    """The daemon's side: binds, starts the worker with its launch line, speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = zmq.Context()
        self.endpoint = f"ipc://{folder}/orders"
        self.router = self.bind()
        self.identity, self.token = b"", "t0"
        self.process: subprocess.Popen[bytes] | None = None

    def bind(self) -> zmq.Socket[bytes]:
        router = self.context.socket(zmq.ROUTER)
        router.set(zmq.LINGER, 0)
        router.set(zmq.RCVTIMEO, WAIT_MS)
        router.bind(self.endpoint)
        return router

    def start(self) -> Hello:
        (self.folder / ".quarterdeck").mkdir(exist_ok=True)
        launch = Launch(
            role="worker", workspace=str(self.folder), orders=self.endpoint, control="ipc:///unused", token=self.token
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "quarterdeck_daemon.service.worker"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(launch) + b"\n")
        self.process.stdin.flush()
        hello = self.receive()
        assert isinstance(hello, Hello)
        return hello

    def receive(self) -> ProcessMessage:
        self.identity, empty, body = self.router.recv_multipart()
        assert empty == b""
        message: ProcessMessage = msgspec.msgpack.decode(body, type=ProcessMessage)
        return message

    def send(self, body: bytes) -> None:
        self.router.send_multipart([self.identity, b"", body])

    def ask(self, work: Work, id: str = "o1") -> Outcome:
        self.send(msgspec.msgpack.encode(OrderMessage(order=Order(id=id, work=work, deadline_ms=WAIT_MS))))
        answer = self.receive()
        assert isinstance(answer, Answer)
        assert answer.id == id
        return answer.outcome

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdin is not None
            self.process.stdin.close()
        self.router.close()
        self.context.term()


@pytest.fixture
def rig() -> Iterator[WorkerRig]:
    folder = Path(tempfile.mkdtemp(prefix="qd-")).resolve()  # Short: a socket's path may have 107 bytes.
    rig = WorkerRig(folder)
    yield rig
    rig.close()
    shutil.rmtree(folder, ignore_errors=True)


def parse_order(data: bytes = LEAD) -> ParseDocument:
    return ParseDocument(document="doc1", media_type="message/rfc822", data=data, name="a.eml")


def step(agent: str, context: Plain) -> RunStep:
    return RunStep(run="run1", step="s", attempt=1, agent=agent, input={}, context=context, now_us=0)


def test_it_says_hello_parses_a_mail_and_runs_an_agent_on_it(rig: WorkerRig) -> None:
    hello = rig.start()
    assert rig.process is not None
    assert (hello.role, hello.pid, hello.token) == ("worker", rig.process.pid, "t0")
    assert {contract["name"] for contract in hello.agents} >= {
        "extractor",
        "qualifier",
        "composer",
        "outreach",
        "corrector",
    }
    parsed = rig.ask(parse_order())
    assert isinstance(parsed, Parsed)
    mail = {"id": "doc1", "title": parsed.title, "text": parsed.text, "meta": parsed.meta}
    done = rig.ask(step("extractor", {"mail": mail}), "o2")
    assert isinstance(done, StepDone)
    assert (done.output["email"], done.output["need"]) == ("ana@nube.example", "a new website for EUR 5,000")


def test_an_unreadable_order_costs_nothing_but_itself(rig: WorkerRig) -> None:
    """Bytes without an order's id cannot be answered; the next order is."""
    rig.start()
    for body in (b"", b"\xc1", b"\x00" * 1000, msgspec.msgpack.encode({"type": "order"}), b"\x91" * 100_000):
        rig.send(body)
    rig.send(msgspec.msgpack.encode({"type": "order", "order": {"id": "o7", "work": {"type": "dance"}}}))
    refused = rig.receive()
    assert isinstance(refused, Answer)
    assert isinstance(refused.outcome, Failed)
    assert (refused.id, refused.outcome.failure.code) == ("o7", "schema")
    assert isinstance(rig.ask(parse_order()), Parsed)


def test_work_of_another_role_and_an_unknown_agent_are_contract_failures(rig: WorkerRig) -> None:
    rig.start()
    effect = ExecuteEffect(
        action="a1", operation_id="x", connector="mail", verb="send", args={}, targets=(), approved_hash="", epoch=1
    )
    outcomes = [rig.ask(effect, "o1"), rig.ask(step("poet", {}), "o2"), rig.ask(step("extractor", {}), "o3")]
    told = [(one.failure.failure, one.failure.code) for one in outcomes if isinstance(one, Failed)]
    assert told == [("contract", "wrong_role"), ("contract", "unknown_agent"), ("contract", "missing_read")]


def test_an_agent_that_meets_nonsense_fails_and_the_worker_lives(rig: WorkerRig) -> None:
    rig.start()
    context: Plain = {"mail": {"id": "doc1", "text": "hi", "meta": {"from_address": 7}}}
    outcome = rig.ask(step("extractor", context))
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code) == ("contract", "bad_read")
    assert isinstance(rig.ask(parse_order(), "o2"), Parsed)


def test_a_killed_worker_leaves_nothing_that_stops_the_next(rig: WorkerRig) -> None:
    rig.start()
    assert rig.process is not None
    first = rig.process
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert first.stdin is not None
    first.stdin.close()
    rig.start()
    assert isinstance(rig.ask(parse_order()), Parsed)
    folders = [path.name for path in (rig.folder / ".quarterdeck" / "scratch").iterdir()]
    assert folders == [f"worker-{rig.process.pid}"]


def test_it_ends_with_its_parent(rig: WorkerRig) -> None:
    """The parent's end of the pipe closes when the parent dies in whatever way."""
    rig.start()
    assert rig.process is not None
    assert rig.process.stdin is not None
    rig.process.stdin.close()
    assert rig.process.wait(WAIT_MS / 1000) == -signal.SIGTERM


def test_a_daemon_that_comes_back_is_greeted_and_served(rig: WorkerRig) -> None:
    rig.start()
    rig.router.close()
    rig.router = rig.bind()
    assert isinstance(rig.receive(), Hello)
    assert isinstance(rig.ask(parse_order()), Parsed)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and asks for limits of another process")
def test_the_process_is_limited(rig: WorkerRig) -> None:
    rig.start()
    assert rig.process is not None
    process = psutil.Process(rig.process.pid)
    limits = {
        "memory": process.rlimit(resource.RLIMIT_AS)[1],
        "files": process.rlimit(resource.RLIMIT_NOFILE)[1],
        "core": process.rlimit(resource.RLIMIT_CORE)[1],
    }
    assert limits == {"memory": MEMORY_BYTES_MAX, "files": OPEN_FILES_MAX, "core": 0}
    assert "NoNewPrivs:\t1" in Path(f"/proc/{rig.process.pid}/status").read_text()
    assert process.cwd().startswith(os.fspath(rig.folder / ".quarterdeck" / "scratch"))


@pytest.mark.parametrize(
    "output",
    [
        {"x": object()},
        {"x": {1: "a"}},
        {"x": "\ud800"},
        {"x": 2**70},
        {"x": "a" * (OUTPUT_BYTES_MAX + 1)},
        {"x": {1, 2}},
    ],
    ids=["object", "number as key", "half a character", "huge number", "too long", "set"],
)
def test_a_result_that_is_not_plain_data_is_a_contract_failure(output: Plain) -> None:
    answer = msgspec.msgpack.decode(encoded("o1", StepDone(output=output)), type=Answer)
    assert isinstance(answer.outcome, Failed)
    assert (answer.id, answer.outcome.failure.failure, answer.outcome.failure.code) == (
        "o1",
        "contract",
        "bad_output",
    )


def cell_of(rig: WorkerRig) -> psutil.Process:
    assert rig.process is not None
    (cell,) = psutil.Process(rig.process.pid).children()
    return cell


def test_a_worker_whose_confined_half_is_killed_ends_so_that_it_is_started_anew(rig: WorkerRig) -> None:
    rig.start()
    assert rig.process is not None
    cell_of(rig).kill()
    assert rig.process.wait(WAIT_MS / 1000) == 1


def test_the_confined_half_ends_with_the_other(rig: WorkerRig) -> None:
    rig.start()
    assert rig.process is not None
    cell = cell_of(rig)
    rig.process.kill()
    rig.process.wait()
    cell.wait(WAIT_MS / 1000)
    assert not cell.is_running()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="reads another process's memory, as root")
def test_the_token_is_in_the_worker_and_not_in_its_confined_half(rig: WorkerRig) -> None:
    """The first half of the assertion is the twin: this way of looking does find it."""
    secret = f"token-{os.urandom(16).hex()}"
    rig.token = secret
    rig.start()
    assert rig.process is not None
    assert [holds(pid, secret.encode()) for pid in (rig.process.pid, cell_of(rig).pid)] == [True, False]


def holds(pid: int, what: bytes) -> bool:
    """Whether any writable memory of the process has these bytes."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if "w" not in rights or "[v" in line:
                continue
            first, last = (int(end, 16) for end in place.split("-"))
            memory.seek(first)
            try:
                if what in memory.read(last - first):
                    return True
            except OSError:
                continue
    return False
