"""A workspace with a scripted daemon behind real sockets, and the command line as a real process.

The house speaks the protocol over ipc exactly as the daemon does; only what it answers is written by
the test. So words, client, wire, printing and exit status are all the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq

from quarterdeck_protocol import frames
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, daemon_file, supervisor_file, write_connection
from quarterdeck_protocol.frames import Plain, Request

Answer = Plain | QuarterdeckError | Callable[[Plain], Plain]
POLL_MS = 5
RUN_S_MAX = 60


@dataclass(frozen=True)
class Asked:
    method: str
    params: Plain
    request_id: str | None


class House:
    """Answers by method: a map, an error, or a function of the params. Start it with `open()`."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.answers: dict[str, Answer] = {}
        self.control: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.control_asked: list[Asked] = []
        self.seq = 7
        self.mute = False
        self._end = threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._threads: list[threading.Thread] = []

    def open(self, *, control: bool = False) -> None:
        run = self.workspace / ".quarterdeck" / "run"
        run.mkdir(parents=True, exist_ok=True)
        (self.workspace / ".quarterdeck").chmod(0o700)
        here = ConnectionFile(
            protocol="1.0",
            pid=os.getpid(),
            workspace=str(self.workspace),
            rpc=f"ipc://{run}/rpc.sock",
            events=f"ipc://{run}/events.sock",
            token="token",
            control=f"ipc://{run}/control.sock",
            supervisor=os.getpid(),
        )
        self._serve(here.rpc, self.answers, self.asked)
        write_connection(daemon_file(self.workspace), here)
        if control:
            self._serve(here.control, self.control, self.control_asked)
            write_connection(supervisor_file(self.workspace), here)

    def close(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        self._context.destroy(linger=0)

    def calls(self, method: str) -> list[Plain]:
        return [one.params for one in self.asked if one.method == method]

    def _serve(self, endpoint: str, answers: Mapping[str, Answer], asked: list[Asked]) -> None:
        router = self._context.socket(zmq.ROUTER)
        router.bind(endpoint)
        thread = threading.Thread(target=self._loop, args=(router, answers, asked), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _loop(self, router: zmq.Socket[bytes], answers: Mapping[str, Answer], asked: list[Asked]) -> None:
        while not self._end.is_set():
            if not router.poll(POLL_MS):
                continue
            identity, *rest = router.recv_multipart()
            request = frames.parse_request(rest)
            asked.append(Asked(request.method, request.params, request.request_id))
            if not self.mute:
                for reply in self._replies(request, answers):
                    router.send_multipart([identity, *reply])

    def _replies(self, request: Request, answers: Mapping[str, Answer]) -> list[list[bytes]]:
        unknown = QuarterdeckError("unknown_method", f"there is no {request.method}")
        answer = answers.get(request.method, unknown)
        try:
            result = answer(request.params) if callable(answer) else answer
        except QuarterdeckError as error:
            result = error
        if isinstance(result, QuarterdeckError):
            return [frames.error_frames(request.id, result)]
        chunks = result.get("chunks") if isinstance(result.get("chunks"), list) else []
        assert isinstance(chunks, list)
        done = frames.ok_frames(request.id, result, seq=self.seq, durable=True)
        return [*(frames.chunk_frames(request.id, chunk) for chunk in chunks), done]


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Plain:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def error(self) -> Plain:
        value = json.loads(self.err)["error"]
        assert isinstance(value, dict)
        return value


class Shell:
    """Runs the command line as a process in the workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # No variable of the machine that runs the tests changes what is printed.
        dropped = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "QUARTERDECK_WORKSPACE", "EDITOR", "VISUAL")
        self.env = {name: value for name, value in os.environ.items() if name not in dropped} | {"TZ": "UTC"}

    def __call__(self, *words: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "quarterdeck_daemon.cli", *words],
            input=stdin.encode(),
            capture_output=True,
            cwd=self.folder,
            env={**self.env, **(env or {})},
            timeout=RUN_S_MAX,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "quarterdeck.toml").write_text("", encoding="utf-8")
    return folder


@pytest.fixture
def shell(workspace: Path) -> Shell:
    return Shell(workspace)


@pytest.fixture
def house(workspace: Path) -> Iterator[House]:
    """The scripted daemon, serving."""
    made = House(workspace)
    made.open()
    yield made
    made.close()


@pytest.fixture
def closed_house(workspace: Path) -> Iterator[House]:
    """The scripted daemon, not yet serving: call `open` as the test needs it."""
    made = House(workspace)
    yield made
    made.close()


def approval(id: str = "a17", **more: object) -> Plain:
    """A waiting reply to a lead, as `approval.list` gives it."""
    return {
        "id": id,
        "action": {
            "connector": "mail",
            "verb": "send",
            "args": {"to": ["ines@northwind.test"], "subject": "Re: Website", "body": "Dear Ines,\n\nGladly.\n"},
            "targets": ["ines@northwind.test"],
        },
        "summary": "Reply to Ines about a website",
        "risk": "low",
        "why": "She asked for an offer.",
        "evidence": [{"claim": "budget 12000", "source": "doc3", "quote": "our budget is 12 000 euro"}],
        "confidence": 0.8,
        "policy": {
            "verdict": "ask",
            "rule": "mail.reply",
            "where": "policies/mail.toml",
            "reasons": ["first answer"],
        },
        "undo": "Until the hold ends it can be withdrawn.",
        "cost": "0",
        "expires_at": "2026-03-01T10:00:00.000000Z",
        "shown_hash": f"hash-{id}",
        "group": "",
        "agent": "composer",
        **more,
    }


@pytest.fixture
def lead() -> Callable[..., Plain]:
    return approval


@pytest.fixture
def with_approvals(house: House) -> House:
    """Two mails wait; every decision is accepted, undo too."""
    house.answers["approval.list"] = {
        "items": [approval("a17"), approval("a18", summary="Ask Bo for a date")],
        "next": None,
    }
    house.answers["approval.decide"] = _accept
    house.answers["action.list"] = {"items": [], "next": None}
    house.answers["run.list"] = {"items": [], "next": None}
    house.answers["action.get"] = QuarterdeckError("not_found", "there is no such action")
    house.answers["action.undo"] = {
        "id": "u1", "items": [{"action": "a17", "state": "withdrawn", "says": "it never left"}],
    }  # fmt: skip
    return house


def _accept(params: Plain) -> Plain:
    items = params["items"]
    assert isinstance(items, list)
    return {"items": [{"id": one["id"], "ok": True, "status": "held"} for one in items], "seq": 8}
