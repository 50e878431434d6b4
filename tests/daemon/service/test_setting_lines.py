"""One setting changes; what the operator wrote around it stays."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from quarterdeck_daemon.service.setting_lines import set_text, with_text
from quarterdeck_daemon.service.workspace import CONFIG_NAME, DEFAULT_CONFIG_TEXT, load_config
from quarterdeck_protocol.codes import QuarterdeckError


def write(folder: Path, text: str) -> Path:
    path = folder / CONFIG_NAME
    path.write_text(text, encoding="utf-8")
    path.chmod(0o640)
    return path


def test_in_the_default_text_one_word_changes(tmp_path: Path) -> None:
    path = write(tmp_path, DEFAULT_CONFIG_TEXT)
    assert set_text(tmp_path, "embedder", "name", "minilm")
    before, after = DEFAULT_CONFIG_TEXT.splitlines(), path.read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 1
    assert changed[0][1] == changed[0][0].replace('"static" ', '"minilm" ', 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load_config(tmp_path).embedder.name == "minilm"
    assert [path.name for path in tmp_path.iterdir()] == [CONFIG_NAME]


SHAPES: dict[str, tuple[str, str]] = {
    "empty": ("", '\n[embedder]\nname = "minilm"\n'),
    "no table": ("[workers]\ncount = 1", '[workers]\ncount = 1\n\n[embedder]\nname = "minilm"\n'),
    "a table without the key": (
        "[embedder]   # vectors\n[embedder.endpoint]\nmodel = 'x'\n",
        "[embedder]   # vectors\nname = \"minilm\"\n[embedder.endpoint]\nmodel = 'x'\n",
    ),
    "a table without the key at the end": ("[embedder]", '[embedder]\nname = "minilm"\n'),
    "single quotes and a comment": (
        "[embedder]\n  name = 'static' # was: x\n",
        '[embedder]\n  name = "minilm" # was: x\n',
    ),
    "only a table below": (
        "[embedder.endpoint]\nmodel = 'x'\n",
        "[embedder.endpoint]\nmodel = 'x'\n\n[embedder]\nname = \"minilm\"\n",
    ),
    "the same key elsewhere": (
        '[workspace]\nname = "static"\n[embedder]\nname = "static"\n',
        '[workspace]\nname = "static"\n[embedder]\nname = "minilm"\n',
    ),
    "line ends of Windows": ('[embedder]\r\nname = "static"\r\n', '[embedder]\r\nname = "minilm"\r\n'),
}


@pytest.mark.parametrize("case", SHAPES)
def test_the_line_is_found_or_made(case: str) -> None:
    before, after = SHAPES[case]
    assert with_text(before, "embedder", "name", "minilm") == after


def test_line_ends_stay_as_they_were(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b'[workers]\r\ncount = 1\r\n[embedder]\r\nname = "static"\r\n')
    set_text(tmp_path, "embedder", "name", "minilm")
    assert path.read_bytes() == b'[workers]\r\ncount = 1\r\n[embedder]\r\nname = "minilm"\r\n'


def test_what_is_so_already_is_not_written(tmp_path: Path) -> None:
    path = write(tmp_path, '[embedder]\nname = "static"\n')
    before = path.stat()
    assert not set_text(tmp_path, "embedder", "name", "static")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


HIDDEN = {
    "an inline table": 'embedder = {name = "static"}\n',
    "a dotted key": 'embedder.name = "static"\n',
    "a text of many lines": '[embedder]\nname = """static"""\n',
    "a header within a text": "[workspace]\nname = '''\n[embedder]\n'''\n",
}


@pytest.mark.parametrize("case", HIDDEN)
def test_a_line_that_is_not_found_is_left_to_the_operator(tmp_path: Path, case: str) -> None:
    path = write(tmp_path, HIDDEN[case])
    with pytest.raises(QuarterdeckError) as refused:
        set_text(tmp_path, "embedder", "name", "minilm")
    assert (refused.value.code, 'name = "minilm"' in refused.value.hint) == ("conflict", True)
    assert path.read_text() == HIDDEN[case]


def test_settings_that_would_be_wrong_are_not_written(tmp_path: Path) -> None:
    path = write(tmp_path, "[workers]\ncount = 1\n")
    with pytest.raises(QuarterdeckError) as refused:
        set_text(tmp_path, "embedder", "name", "endpoint")
    assert refused.value.code == "schema"
    assert str(path) in refused.value.message
    assert path.read_text() == "[workers]\ncount = 1\n"


def test_settings_behind_a_link_are_changed_where_they_lie(tmp_path: Path) -> None:
    real = write(tmp_path, "")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / CONFIG_NAME).symlink_to(real)
    assert set_text(tmp_path / "w", "embedder", "name", "minilm")
    assert (tmp_path / "w" / CONFIG_NAME).is_symlink()
    assert load_config(tmp_path).embedder.name == "minilm"
