"""The indexer's memory has an end, which the settings state."""

from __future__ import annotations

import subprocess
import sys

import pytest

from quarterdeck_daemon.service.indexer import MEMORY_BYTES_MIN
from quarterdeck_daemon.service.workspace import Config

MIB = 1 << 20
TRY = """
import resource, sys
from quarterdeck_daemon.service.indexer import harden
harden(int(sys.argv[1]))
try:
    kept = bytearray(int(sys.argv[2]))
except MemoryError:
    print("refused", resource.getrlimit(resource.RLIMIT_AS)[0])
else:
    print("given", resource.getrlimit(resource.RLIMIT_AS)[0])
"""


def tried(limit: int, size: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(limit), str(size)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system may refuse this limit")
def test_more_than_the_limit_is_refused_and_the_twin_without_one_gets_it() -> None:
    limit, size = 2 * 1024 * MIB, 3 * 1024 * MIB  # Never touched, so it costs no memory.
    assert tried(limit, size) == ["refused", str(limit)]
    assert tried(0, size)[0] == "given"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system may refuse this limit")
def test_a_limit_that_would_not_let_it_start_is_raised() -> None:
    assert tried(1, MIB) == ["given", str(MEMORY_BYTES_MIN)]


def test_the_default_is_what_the_settings_show() -> None:
    assert Config().workers.indexer_bytes == 8 * 1024 * MIB
