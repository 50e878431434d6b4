"""Heads of the log, noted outside it: when, where, and what is said when that fails; exports that verify with them."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.commands import Remember
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.service.handlers.audit import handlers
from quarterdeck_daemon.service.heads import EVERY_US, heads_in, note_head, places
from quarterdeck_daemon.service.rpc import Asked
from quarterdeck_daemon.service.workspace import Auditing, Config
from quarterdeck_protocol import audit_messages as au
from quarterdeck_protocol import params as p

from .reading_house import Reading, reading


@asynccontextmanager
async def house_in(folder: Path, heads_to: str = "") -> AsyncIterator[Reading]:
    async with reading() as made:
        made.house.workspace, made.house.config = folder, Config(audit=Auditing(heads_to=heads_to))
        for number in range(3):
            await made.do(Remember(text=f"note {number}"))
        yield made


def asked(chunks: list[Plain]) -> Asked:
    async def send(chunk: Plain) -> bool:
        chunks.append(chunk)
        return True

    return Asked(role="operator", actor="operator", request_id=None, body_hash="", deadline_ms=None, send=send)


async def exported(made: Reading, params: au.AuditExport) -> list[Plain]:
    chunks: list[Plain] = []
    result = await handlers(made.house)["audit.export"](asked(chunks), params)
    lines = [line for chunk in chunks for line in chunk["events"]]  # type: ignore[attr-defined]  # A list of lines.
    assert isinstance(result, dict)
    assert result["count"] == len(lines)
    return lines


async def verified(made: Reading) -> Plain:
    result = await handlers(made.house)["audit.verify"](asked([]), p.Nothing())
    assert isinstance(result, dict)
    return result


async def test_a_head_is_noted_once_a_day_in_both_places(tmp_path: Path) -> None:
    async with house_in(tmp_path, "elsewhere/heads.jsonl") as made:
        paths = places(tmp_path, "elsewhere/heads.jsonl")
        made.now_us = time.time_ns() // 1_000  # What is due is told by the age of the files.
        counts = []
        for passed_us in (0, 1, EVERY_US // 2, EVERY_US):
            made.now_us += passed_us
            await note_head(made.house)
            counts.append([len(path.read_bytes().splitlines()) for path in paths])
        assert counts == [[1, 1], [1, 1], [1, 1], [2, 2]]
        assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]
        heads, faults = heads_in(paths)
        assert (heads, faults) == ({made.store.head.seq: made.store.head.mac}, [])


async def test_a_place_that_cannot_be_written_is_an_alert_and_the_other_one_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    async with house_in(tmp_path, "file/heads.jsonl") as made:
        assert await note_head(made.house) is not None
        assert [alert["level"] for alert in made.house.alerts.values()] == ["warning"]
        assert len(heads_in(places(tmp_path, ""))[0]) == 1
        (tmp_path / "file").unlink()
        await note_head(made.house)
        assert made.house.alerts == {}


async def test_the_running_daemon_compares_its_log_with_the_heads(tmp_path: Path) -> None:
    """A head that does not fit is where the answer points; without the file (the twin) the same log is called whole."""
    async with house_in(tmp_path) as made:
        await note_head(made.house)
        assert (await verified(made))["ok"] is True
        path = tmp_path / ".quarterdeck" / "heads.jsonl"
        path.write_bytes(msgspec.json.encode({"at": "", "seq": 2, "mac": "00" * 32}) + b"\n")
        found = await verified(made)
        assert (found["ok"], found["broken_at"]) == (False, 2)
        path.unlink()
        assert (await verified(made))["ok"] is True


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        (au.AuditExport(), lambda line: True),
        (au.AuditExport(kinds=("memory.*",)), lambda line: line["kind"].startswith("memory.")),
        (au.AuditExport(after=2), lambda line: line["seq"] > 2),
        (au.AuditExport(before=3), lambda line: line["seq"] < 3),
        (au.AuditExport(until="2001-01-01T00:00:00Z"), lambda line: False),
        (au.AuditExport(run="r9"), lambda line: False),
    ],
    ids=["all", "kinds", "after", "before", "until", "run"],
)
async def test_an_export_has_what_was_asked_for_each_line_sealed(
    tmp_path: Path, params: au.AuditExport, wanted: object
) -> None:
    async with house_in(tmp_path) as made:
        everything = await exported(made, au.AuditExport())
        assert [line["seq"] for line in everything] == list(range(1, made.store.head.seq + 1))
        for line, following in itertools.pairwise(everything):
            assert line["mac"] == following["prev_mac"]
        assert callable(wanted)
        assert await exported(made, params) == [line for line in everything if wanted(line)]
