"""A workspace with a real supervisor over stand-in children, for one test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import psutil

from quarterdeck_daemon.service import lifecycle
from quarterdeck_daemon.service.run_folder import Places, places_of
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.connection import ConnectionFile
from quarterdeck_protocol.frames import Plain

RUN = Path(__file__).with_name("run_supervisor.py")
UNTIL_S = 20.0


def until(check: Callable[[], object], what: str = "") -> None:
    """Wait until `check` is true."""
    give_up = time.monotonic() + UNTIL_S
    while not check():
        assert time.monotonic() < give_up, f"still not so after {UNTIL_S} s: {what or check}"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Dead, or dead and not yet collected by whoever its parent is now."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ask(
    connection: ConnectionFile, endpoint: str, method: str, params: Plain | None = None, *, wait_ms: int = 5_000
) -> Plain:
    """One call to whoever is bound there."""
    with Client(msgspec.structs.replace(connection, rpc=endpoint), timeout_ms=wait_ms) as client:
        return client.call(method, params).result


class Office:
    """`open` starts the team; `close` ends every process that works in this folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: Places = places_of(folder)

    def command(self, **options: object) -> list[str]:
        return [sys.executable, str(RUN), json.dumps(options)]

    def open(self, **options: object) -> ConnectionFile:
        return lifecycle.start(self.folder, command=self.command(**options))

    def launch(self, **options: object) -> subprocess.Popen[str]:
        """The bare process, not waited for."""
        command = [*self.command(**options), str(self.folder)]
        return subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)

    def ask(self, method: str, **params: object) -> Plain:
        return lifecycle.ask_control(self.folder, method, params)

    def children(self) -> dict[str, Plain]:
        found = cast("list[Plain]", self.ask("supervisor.status")["children"])
        return {str(child["name"]): child for child in found}

    def pid(self, name: str) -> int:
        """Process id of a child, 0 while there is none."""
        return cast(int, self.children()[name]["pid"] or 0)

    def supervisor(self) -> int:
        return cast(int, self.ask("supervisor.status")["pid"])

    def fence(self) -> Plain:
        return cast(Plain, self.ask("supervisor.status")["fence"])

    def close(self) -> None:
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.cwd() == str(self.places.workspace):
                    process.kill()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
