"""A model host as a real process, with a real hub on our side."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
import zmq.asyncio

from quarterdeck_daemon.core.entities import Priority
from quarterdeck_daemon.core.orders import (
    Arrived,
    AskModel,
    DaemonMessage,
    Failed,
    Failure,
    HostedModel,
    ModelReply,
    ModelRequest,
    Offer,
    Order,
    Outcome,
)
from quarterdeck_daemon.service.hub import Hub
from quarterdeck_daemon.service.launch import Launch, model_token
from quarterdeck_daemon.service.model_settings import ModelSetting

ROOT = "r" * 32
WAIT_S = 30.0  # Far beyond what is needed on a busy machine.
SCRIPT = """
answers:
  - purpose: classify
    match: "invoice (\\\\d+)"
    choice: invoice
  - purpose: classify
  - purpose: extract
    match: "invoice (\\\\d+)"
    value: {number: "{1}"}
  - purpose: extract
  - purpose: long
    text: "MUCH"
  - purpose: broken
    fail: transient
  - purpose: draft
    text: "Dear Ana, thank you for your message."
""".replace("MUCH", " ".join(f"word{number}" for number in range(400)))


async def _nothing(*_: object) -> DaemonMessage:
    raise AssertionError("a model host offers nothing")


class HostRig:
    """The daemon's side, and the supervisor's: starts hosts with their launch lines, kills when the hub asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".quarterdeck"
        self.home.mkdir()
        self.context = zmq.asyncio.Context()
        self.endpoint = f"ipc://{folder}/orders"
        self.told: list[HostedModel] = []
        self.killed: list[int] = []
        self.hosts: dict[str, subprocess.Popen[bytes]] = {}
        self._launches: dict[str, Launch] = {}
        self._ids = itertools.count(1)
        self.hub = Hub(
            self.endpoint, {"model": ROOT}, on_started=self._started, on_offer=self._offer, on_arrived=self._arrived,
            kill=self._kill, on_model=self.told.append,
        )  # fmt: skip
        self.hub.bind(self.context)
        self.task = asyncio.get_running_loop().create_task(self.hub.run())

    async def _started(self, order: str) -> None:
        raise AssertionError("only the effector says so")

    async def _offer(self, offer: Offer) -> DaemonMessage:
        return await _nothing(offer)

    async def _arrived(self, arrived: Arrived) -> DaemonMessage:
        return await _nothing(arrived)

    async def _kill(self, pid: int, reason: str) -> None:
        self.killed.append(pid)
        for name, process in list(self.hosts.items()):
            if process.pid == pid:
                self.end(name)

    def start(self, name: str, setting: ModelSetting, *, token: str | None = None) -> subprocess.Popen[bytes]:
        self._launches[name] = Launch(
            role="model", workspace=str(self.folder), orders=self.endpoint, control="ipc:///unused",
            token=model_token(ROOT, name) if token is None else token,
            model={"name": name, "setting": msgspec.to_builtins(setting)}, outward=setting.remote,
        )  # fmt: skip
        return self.start_again(name)

    def start_again(self, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / "host.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "quarterdeck_daemon.service.model_host"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(self._launches[name]) + b"\n")
        process.stdin.flush()
        self.hosts[name] = process
        return process

    def end(self, name: str) -> None:
        process = self.hosts.pop(name)
        process.kill()
        process.wait(10)
        assert process.stdin is not None
        process.stdin.close()

    def inner(self, name: str) -> psutil.Process:
        """The half that has the model."""
        (child,) = psutil.Process(self.hosts[name].pid).children()
        return child

    async def until(self, check: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not check():
                await asyncio.sleep(0.01)

    async def up(self, name: str, setting: ModelSetting) -> HostedModel:
        """Start a host and return what it says of its model."""
        self.start(name, setting)
        await self.until(lambda: name in self.hub.models)
        return self.hub.models[name]

    def ask(
        self,
        name: str,
        request: ModelRequest,
        *,
        deadline_ms: int = 20_000,
        priority: Priority = "normal",
        id: str = "",
        hear: Callable[[str], None] | None = None,
    ) -> asyncio.Task[Outcome]:
        id = id or f"ask/{next(self._ids)}"
        work = AskModel(call=id, model=name, request=request, stream=hear is not None)
        if hear is not None:
            self.hub.listen(id, hear)
        return asyncio.get_running_loop().create_task(
            self.hub.do(Order(id=id, work=work, deadline_ms=deadline_ms), "model", priority)
        )

    async def reply(self, name: str, request: ModelRequest) -> ModelReply:
        outcome = await self.ask(name, request)
        assert isinstance(outcome, ModelReply), outcome
        return outcome

    async def failure(self, name: str, request: ModelRequest, *, deadline_ms: int = 20_000) -> Failure:
        outcome = await self.ask(name, request, deadline_ms=deadline_ms)
        assert isinstance(outcome, Failed), outcome
        return outcome.failure

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        for name in list(self.hosts):
            self.end(name)
        self.context.destroy(0)


@asynccontextmanager
async def host_rig() -> AsyncIterator[HostRig]:
    folder = Path(tempfile.mkdtemp(prefix="qd-")).resolve()  # Short: a socket's path may have 107 bytes.
    rig = HostRig(folder)
    try:
        yield rig
    finally:
        await rig.close()
        shutil.rmtree(folder, ignore_errors=True)


def scripted(rig: HostRig, text: str = SCRIPT, **settings: object) -> ModelSetting:
    """The settings of a model with this script."""
    path = rig.folder / f"script-{len(os.listdir(rig.folder))}.yaml"
    path.write_text(text)
    return msgspec.convert({"backend": "scripted", "file": str(path), **settings}, ModelSetting)


DRAFT = ModelRequest(purpose="draft", prompt="Answer this mail.")
LONG = ModelRequest(purpose="long", prompt="Say much.", tokens_max=1_000)
