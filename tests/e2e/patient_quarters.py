"""Quarters under a supervisor that never loses patience: for tests that kill more in a minute than a fault would."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Quarters, until

SUPERVISOR = Path(__file__).with_name("patient_supervisor.py")
START_S = 40.0


class PatientQuarters(Quarters):
    """Its dead are succeeded at once, however often they die."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, env)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again after the supervisor was killed."""
        if self._process is not None:
            self._process.wait(START_S)
        assert until(lambda: not self.processes(), START_S), "somebody still holds the workspace"
        with (self.folder / "supervisor.err").open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(SUPERVISOR), str(self.folder)], env={**os.environ, **self.env}, stderr=errors
            )
        assert until(self.answers, START_S), (self.folder / "supervisor.err").read_text()

    def answers(self) -> bool:
        try:
            with self.client(timeout_ms=2_000) as client:
                client.call("system.hello")
        except QuarterdeckError:
            return False
        return True

    def stop(self) -> None:
        super().stop()
        if self._process is not None:
            self._process.wait(20)


@contextlib.contextmanager
def patient(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[PatientQuarters]:
    quarters = PatientQuarters(folder, env)
    try:
        quarters.start()
        yield quarters
    finally:
        quarters.stop()
