"""Fetching from a hub: broken off, killed, changed, lied about; what has come is used, and only the right bytes get in."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.service import model_download
from quarterdeck_daemon.service.model_download import fetch, hub_base, url_of
from quarterdeck_protocol.codes import QuarterdeckError

from .hub_server import HubServer

DATA = random.Random(7).randbytes(3_000_000)
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(DATA) as made:
        yield made


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_download, "PAUSE_S", 0.01)


def quiet(done: int, total: int) -> None:
    assert 0 < done <= total == len(DATA)


def refused(home: Path, url: str, **more: str) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as failed:
        fetch(home, url, quiet, **more)
    return failed.value


def test_a_file_comes_whole_with_the_hash_that_the_hub_says(hub: HubServer, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path, found = fetch(tmp_path, hub.file, lambda done, total: told.append((done, total)), key="k1")
    assert (path.read_bytes(), found) == (DATA, HASH)
    assert told[-1] == (len(DATA), len(DATA))
    assert hub.keys == ["Bearer k1"]


def test_a_line_that_breaks_is_taken_up_where_it_was(hub: HubServer, tmp_path: Path) -> None:
    hub.cut_after = [1_000_000, 500_000]
    path, _ = fetch(tmp_path, hub.file, quiet)
    assert path.read_bytes() == DATA
    assert hub.ranges[0] is None
    assert all(one is not None for one in hub.ranges[1:])
    assert hub.sent <= len(DATA) + 4 * 1024 * 1024, "what had come was not sent again and again"


def test_a_kill_in_the_middle_costs_nothing_that_had_come(hub: HubServer, tmp_path: Path) -> None:
    """A process of its own, killed while bytes come; the next one asks for the rest alone."""
    hub.pause_s = 0.02
    code = (
        "import sys; from pathlib import Path; from quarterdeck_daemon.service.model_download import fetch; "
        "fetch(Path(sys.argv[1]), sys.argv[2], lambda done, total: None)"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", code, str(tmp_path), hub.file])
    part = _part(tmp_path, 500_000)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    have = part.stat().st_size
    hub.pause_s = 0.0
    path, _ = fetch(tmp_path, hub.file, quiet)
    assert path.read_bytes() == DATA
    assert hub.ranges == [None, f"bytes={have}-"]


def _part(home: Path, size: int) -> Path:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        parts = list((home / "models" / ".pulling").glob("*.part"))
        if parts and parts[0].stat().st_size >= size:
            return parts[0]
        time.sleep(0.01)
    raise AssertionError("nothing came")


def test_a_file_that_changed_meanwhile_begins_anew(hub: HubServer, tmp_path: Path) -> None:
    """The twin of taking up: the bytes of two files are never put together."""
    hub.cut_after = [1_000_000] + [0] * 10
    assert refused(tmp_path, hub.file).code == "unavailable"
    hub.cut_after = []
    hub.data = random.Random(8).randbytes(3_000_000)
    path, found = fetch(tmp_path, hub.file, quiet)
    assert path.read_bytes() == hub.data
    assert found == hashlib.sha256(hub.data).hexdigest()


def test_a_server_without_ranges_sends_all_of_it_again(hub: HubServer, tmp_path: Path) -> None:
    hub.takes_ranges = False
    hub.cut_after = [1_000_000]
    path, _ = fetch(tmp_path, hub.file, quiet)
    assert path.read_bytes() == DATA


def test_other_bytes_than_meant_are_deleted(hub: HubServer, tmp_path: Path) -> None:
    error = refused(tmp_path, hub.file, sha256="0" * 64)
    assert error.code == "bad_value"
    assert HASH in error.message
    assert list((tmp_path / "models" / ".pulling").iterdir()) == []


def test_a_hub_that_lies_about_its_hash_is_caught(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubServer, "tag", f'"{"1" * 64}"')
    assert refused(tmp_path, hub.file).code == "bad_value"


def test_a_hub_that_says_no_hash_gives_one_to_be_pinned(hub: HubServer, tmp_path: Path) -> None:
    hub.says_hash = False
    assert fetch(tmp_path, hub.file, quiet)[1] == HASH


@pytest.mark.parametrize(
    ("status", "code"), [(401, "forbidden"), (403, "forbidden"), (404, "not_found"), (410, "unavailable")]
)
def test_a_refusal_is_final(hub: HubServer, tmp_path: Path, status: int, code: str) -> None:
    hub.statuses = [status] * 10
    assert refused(tmp_path, hub.file).code == code
    assert len(hub.ranges) == 1


def test_a_busy_hub_is_tried_again_and_not_for_ever(hub: HubServer, tmp_path: Path) -> None:
    hub.statuses = [503, 429]
    assert fetch(tmp_path, hub.file, quiet)[1] == HASH
    hub.statuses = [503] * 99
    other = hub.file + "?download=true"
    assert refused(tmp_path, other).code == "unavailable"
    assert len(hub.ranges) == 3 + model_download.TRIES_MAX


def test_a_redirection_out_of_safe_addresses_is_not_followed(hub: HubServer, tmp_path: Path) -> None:
    hub.redirect_to = "http://far.example/tiny.gguf"
    error = refused(tmp_path, hub.file)
    assert (error.code, "https" in error.hint) == ("bad_value", True)


def test_a_redirection_to_another_server_is_followed_without_the_key(hub: HubServer, tmp_path: Path) -> None:
    with HubServer(DATA) as other:
        hub.redirect_to = other.file
        assert fetch(tmp_path, hub.file, quiet, key="k1")[1] == HASH
    assert (hub.keys, other.keys) == (["Bearer k1"], [None])


def test_two_do_not_fetch_the_same(hub: HubServer, tmp_path: Path) -> None:
    hub.pause_s = 0.02
    code = (
        "import sys; from pathlib import Path; from quarterdeck_daemon.service.model_download import fetch; "
        "fetch(Path(sys.argv[1]), sys.argv[2], lambda done, total: None)"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", code, str(tmp_path), hub.file])
    try:
        _part(tmp_path, 100_000)
        assert refused(tmp_path, hub.file).code == "conflict"
    finally:
        process.kill()
        process.wait(10)


def test_no_room_is_said_before_anything_comes(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_download, "FREE_BYTES_MIN", 1 << 60)
    assert refused(tmp_path, hub.file).code == "no_space"


def test_what_nobody_took_up_for_long_is_cleared_away(hub: HubServer, tmp_path: Path) -> None:
    folder = tmp_path / "models" / ".pulling"
    folder.mkdir(parents=True)
    (folder / "old.part").write_bytes(b"x")
    os.utime(folder / "old.part", (1, 1))
    fetch(tmp_path, hub.file, quiet)
    assert not (folder / "old.part").exists()


@pytest.mark.parametrize(
    "id", ["tiny.gguf", "a/b/../c.gguf", "a/b/c.bin", "a/b@/c.gguf", "https://x/a/b/c.gguf", "a/b/"]
)
def test_what_names_no_file_of_a_hub_is_refused(id: str) -> None:
    with pytest.raises(QuarterdeckError):
        url_of("https://hub.example", id)


def test_an_address_of_a_hub_is_put_together() -> None:
    assert url_of("https://hub.example", "o/r@v1/q/f.gguf") == (
        "https://hub.example/o/r/resolve/v1/q/f.gguf",
        "f.gguf",
    )
    assert url_of("https://hub.example", "o/r.x/f.gguf")[0] == "https://hub.example/o/r.x/resolve/main/f.gguf"


@pytest.mark.parametrize("base", ["http://far.example", "ftp://hub.example", "https://me:pw@hub.example"])
def test_a_hub_in_the_clear_is_refused(base: str) -> None:
    with pytest.raises(QuarterdeckError):
        hub_base(base)
