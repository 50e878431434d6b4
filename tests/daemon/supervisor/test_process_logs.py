"""Log lines: one object each, secrets masked by name and by value, read back as one stream."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.service.log_reader import follow_logs
from quarterdeck_daemon.service.logs import MASK, LogLine, fields, hide, mask, rotate, set_up_logging

SECRET = "s3cr3t-value-of-a-test"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    yield set_up_logging("daemon", stream=stream), stream
    root.handlers[:] = before
    root.setLevel(level)


def written(stream: io.StringIO) -> list[LogLine]:
    return [msgspec.json.decode(line, type=LogLine) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_all_that_is_known(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info("child %s died", "worker-1", extra=fields(status=-9, note="a\nb"))
    [line] = written(stream)
    expected = LogLine(
        at=line.at,
        level="info",
        role="daemon",
        pid=os.getpid(),
        message="child worker-1 died",
        fields={"status": -9, "note": "a\nb"},
    )
    assert line == expected
    assert datetime.fromisoformat(line.at).tzinfo == UTC


def test_secrets_show_neither_by_name_nor_by_value(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    hide(SECRET)
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError:
        logger.exception("with %s", SECRET, extra=fields(token="abc", deep={"Password": "abc", "list": [SECRET]}))
    assert SECRET not in stream.getvalue()
    [line] = written(stream)
    assert line.message == f"with {MASK}"
    assert (line.fields["token"], line.fields["deep"]) == (MASK, {"Password": MASK, "list": [MASK]})


def test_twin_a_secret_nobody_announced_is_shown(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info("with another-secret-never-announced")
    assert "another-secret-never-announced" in stream.getvalue()


def test_odd_values_never_break_a_line() -> None:
    odd = {"bytes": b"\xff", "path": Path("x"), "none": None, 1: float("inf"), "long": "x" * 10_000, "set": {1}}
    masked = mask(odd)
    assert isinstance(masked, dict)
    assert masked["bytes"] == repr(b"\xff")
    assert len(str(masked["long"])) < 9_000
    assert msgspec.json.encode(masked)


def test_a_full_log_is_moved_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    for number in range(6):
        path.write_text(f"{number} and more")
        rotate(path, bytes_max=5, kept=3)
    assert {file.name: file.read_text()[0] for file in tmp_path.iterdir()} == {
        "daemon.log.1": "5", "daemon.log.2": "4", "daemon.log.3": "3",
    }  # fmt: skip
    path.write_text("few")
    rotate(path, bytes_max=5, kept=3)
    assert path.exists()


def line_at(second: int, role: str, level: str = "info") -> str:
    at = f"2026-01-01T00:00:{second:02}.000000Z"
    return msgspec.json.encode(LogLine(at=at, level=level, role=role, pid=1, message=str(second))).decode() + "\n"


def test_logs_are_merged_by_time_over_roles_and_rotations(tmp_path: Path) -> None:
    (tmp_path / "daemon.log.1").write_text(line_at(1, "daemon") + line_at(3, "daemon"))
    (tmp_path / "daemon.log").write_text(line_at(5, "daemon", "error"))
    (tmp_path / "worker.log").write_text(line_at(2, "worker") + "Traceback\n" + line_at(4, "worker"))
    assert [line.message for line in follow_logs(tmp_path, follow=False)] == ["1", "2", "Traceback", "3", "4", "5"]
    since = datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)
    assert [line.message for line in follow_logs(tmp_path, follow=False, since=since)] == ["3", "4", "5"]
    assert [line.message for line in follow_logs(tmp_path, follow=False, level="error")] == ["Traceback", "5"]
    assert [line.message for line in follow_logs(tmp_path, follow=False, roles=["worker-1"], level="info")] == [
        "2", "Traceback", "4",
    ]  # fmt: skip


def test_a_log_without_any_line_of_ours_is_dated_by_its_file(tmp_path: Path) -> None:
    """What an interpreter says that could not even start must not fall out of `--since`."""
    (tmp_path / "worker.log").write_text("No module named x\n")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert [line.message for line in follow_logs(tmp_path, follow=False, since=since)] == ["No module named x"]


def test_following_survives_a_rotation_and_waits_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    path.write_text(line_at(1, "daemon"))
    stream = follow_logs(tmp_path)
    assert next(stream).message == "1"
    whole = line_at(2, "daemon")
    with path.open("a") as file:
        file.write(whole[:20])
    late = follow_logs(tmp_path, ended=lambda: True)
    assert [line.message for line in late] == ["1"]
    with path.open("a") as file:
        file.write(whole[20:])
    assert next(stream).message == "2"
    rotate(path, bytes_max=1)
    path.write_text(line_at(3, "daemon"))
    assert next(stream).message == "3"
