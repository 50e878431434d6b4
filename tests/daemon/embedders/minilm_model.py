"""Where tests find the full encoder: downloaded once into pytest's cache, else skipped with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quarterdeck_daemon.embedders.catalogue import MINILM
from quarterdeck_daemon.embedders.model_files import model_folder
from quarterdeck_daemon.service.model_store import add, missing_for, pull
from quarterdeck_protocol.codes import QuarterdeckError

GIVEN = "QUARTERDECK_TEST_MINILM"  # A folder or wheel with the model, where nothing may be downloaded.


def minilm_folder(config: pytest.Config) -> Path:
    """Return the folder with the model's files; skips the test when they cannot be had."""
    cache = config.cache
    if cache is None:
        pytest.skip("the full encoder is kept in pytest's cache, which is switched off")
    home = cache.mkdir("quarterdeck-models")
    try:
        if given := os.environ.get(GIVEN):
            add(home, MINILM, Path(given))
        else:
            pull(home, MINILM, lambda done, total: None)
    except QuarterdeckError as error:
        pytest.skip(f"THE FULL ENCODER IS NOT TESTED: {error.message}")
    missing, mend = missing_for(home, MINILM)
    if missing:
        pytest.skip(f"THE FULL ENCODER IS NOT TESTED: {missing}; {mend}")
    return model_folder(home, MINILM)
