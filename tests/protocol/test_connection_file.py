"""The connection file is private, replaced whole, and followed."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import (
    ConnectionFile,
    Contact,
    daemon_file,
    find_workspace,
    is_alive,
    read_connection,
    supervisor_file,
    write_connection,
)

FILE = ConnectionFile(protocol="1.0", pid=4711, workspace="/w", rpc="ipc:///r", events="ipc:///e", token="t")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = daemon_file(tmp_path)
    path.parent.mkdir(parents=True)
    return path


def code_of(path: Path) -> str:
    with pytest.raises(QuarterdeckError) as caught:
        read_connection(path)
    return caught.value.code


def test_what_is_written_is_read_back_and_private(path: Path) -> None:
    write_connection(path, FILE)
    assert read_connection(path) == FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["daemon.json"]


def test_the_file_has_the_keys_that_other_languages_expect(path: Path) -> None:
    write_connection(path, FILE)
    assert msgspec.json.decode(path.read_bytes()) == {
        "protocol": "1.0", "pid": 4711, "workspace": "/w", "rpc": "ipc:///r", "events": "ipc:///e", "token": "t",
    }  # fmt: skip


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_could_read_is_refused(path: Path, mode: int) -> None:
    write_connection(path, FILE)
    path.chmod(mode)
    assert code_of(path) == "unauthorized"


def test_no_file_means_no_daemon_and_says_how_to_start_one(path: Path) -> None:
    with pytest.raises(QuarterdeckError) as caught:
        read_connection(path)
    assert (caught.value.code, "quarterdeck up" in caught.value.hint) == ("unavailable", True)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"protocol": 1}', b"\xff"])
def test_a_file_of_another_shape_is_a_schema_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    assert code_of(path) == "schema"


def test_the_workspace_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    (tmp_path / "quarterdeck.toml").touch()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_workspace(inner) == tmp_path.resolve()


def test_outside_of_any_workspace_the_answer_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(QuarterdeckError) as caught:
        find_workspace(tmp_path)
    assert (caught.value.code, "quarterdeck init" in caught.value.hint) == ("not_found", True)


def test_a_contact_follows_the_file_when_it_is_replaced(path: Path) -> None:
    write_connection(path, FILE)
    contact = Contact(path.parents[2])
    before = (contact.connection.token, contact.version)
    contact.look()
    assert (contact.connection.token, contact.version) == before
    write_connection(path, msgspec.structs.replace(FILE, token="new"))
    contact.look()
    assert (contact.connection.token, contact.version) == ("new", before[1] + 1)


def test_a_file_that_goes_away_leaves_the_contact_as_it_was(path: Path) -> None:
    write_connection(path, FILE)
    contact = Contact(path)
    contact.look()
    path.unlink()
    contact.look()
    assert (contact.connection, contact.version) == (FILE, 0)


def test_the_supervisor_is_found_in_its_own_file_before_the_daemons(path: Path) -> None:
    write_connection(path, msgspec.structs.replace(FILE, control="ipc:///old"))
    contact = Contact(path)
    assert contact.control().control == "ipc:///old"
    write_connection(supervisor_file(path.parents[2]), msgspec.structs.replace(FILE, control="ipc:///own"))
    assert contact.control().control == "ipc:///own"


def test_nobody_is_process_zero() -> None:
    assert not is_alive(0)
