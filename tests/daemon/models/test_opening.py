"""What is known of a file before it is loaded, and that it is read whole only once for that."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.models import ctransformers
from quarterdeck_daemon.service.model_opening import Opening, load, look
from quarterdeck_daemon.service.model_settings import ModelSetting

from .tiny_gguf import write_tiny


def opening(tmp_path: Path) -> Opening:
    path = write_tiny(tmp_path / "tiny.gguf", "Q4_0")
    setting = ModelSetting(backend="ctransformers", file=str(path), threads=1)
    return Opening(name="tiny", setting=setting, home=tmp_path, path=path)


@pytest.fixture(autouse=True)
def hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise RuntimeError(f"{path.name} is hashed again")

    monkeypatch.setattr(ctransformers, "digest", refuse)


def test_a_file_is_hashed_once_and_its_room_is_known_before_it_is_loaded(tmp_path: Path) -> None:
    asked = opening(tmp_path)
    looked = look(asked)
    assert looked.context_tokens == 512, "as it was trained, not the 2,048 of the settings"
    backend = load(asked, looked)
    assert (backend.id, backend.context_tokens) == (looked.id, looked.context_tokens)
    backend.close()


def test_without_the_hash_that_was_found_it_would_be_read_again(tmp_path: Path) -> None:
    """The twin."""
    asked = opening(tmp_path)
    with pytest.raises(RuntimeError, match="again"):
        load(asked, msgspec.structs.replace(look(asked), sha256=""))
