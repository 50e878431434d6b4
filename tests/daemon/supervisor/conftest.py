"""One office for each test, at a short path: a socket's path may have 107 bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .office import Office


@pytest.fixture
def office() -> Iterator[Office]:
    folder = Path(tempfile.mkdtemp(prefix="qd-")).resolve()
    office = Office(folder)
    yield office
    office.close()
    shutil.rmtree(folder, ignore_errors=True)
