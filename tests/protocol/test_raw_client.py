"""The example on two bare libraries runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .toy_server import ToyServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "raw_client.py"


def test_the_raw_client_gets_its_answers_and_its_event(tmp_path: Path) -> None:
    server = ToyServer(tmp_path)
    server.start()
    try:
        command = [sys.executable, str(EXAMPLE), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    finally:
        server.kill()
    assert (done.returncode, done.stderr) == (0, "")
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert words == ["hello", "status", "remembered", "event", "found"]


def test_the_raw_client_imports_nothing_of_ours() -> None:
    assert "quarterdeck_" not in EXAMPLE.read_text(encoding="utf-8")
