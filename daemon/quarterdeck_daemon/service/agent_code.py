"""Which code the agents are: a hash of it, so that a run can say by which version each step was done."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "agents"
SIGNS: Final = 12


@functools.cache
def agents_version() -> str:
    """The first signs of the BLAKE2b of all modules of the agents, in order of their names."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(FOLDER.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:SIGNS]
