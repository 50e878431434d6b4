"""The command line and the real daemon, once through: what the scripted house cannot show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.service import lifecycle

if TYPE_CHECKING:
    from quarterdeck_protocol.frames import Plain

    from .conftest import Shell


@pytest.fixture
def living(shell: Shell) -> Iterator[Path]:
    """A fresh workspace whose daemon runs, ended afterwards whatever happened."""
    shell.folder = shell.folder.parent / "living"
    shell.folder.mkdir()
    assert shell("init").status == 0
    ran = shell("up", "--json")
    assert ran.status == 0, ran.err
    yield shell.folder
    lifecycle.stop_all(shell.folder)


def test_a_day_with_the_daemon(living: Path, shell: Shell) -> None:
    """Remember, recall, follow, refuse a stale write, stop, resume, verify, end."""
    assert shell("up").out.startswith("running already: daemon ")
    assert shell("remember", "Northwind pays within 14 days", "--request-id", "one").out.startswith("remembered m1: ")
    assert shell("remember", "Northwind pays within 14 days", "--request-id", "one").out.startswith("remembered m1: ")
    assert shell("remember", "something else", "--request-id", "one").status == 8
    assert shell("memory", "show", "m1", "--json").json["id"] == "m1"
    assert shell("fact", "put", "client", "acme", "name=ACME").status == 0
    assert shell("fact", "put", "client", "acme", "name=ACME", "--if-version", "5").status == 8
    assert shell("fact", "put", "client/acme", "name=ACME", "--if-version", "0").status == 8
    assert shell("fact", "get", "client/acme").out == shell("fact", "get", "client", "acme").out
    assert shell("fact", "get", "client").status == 2
    assert "  name: ACME" in shell("why", "client/acme").out
    assert shell("why", "m99").status == 3
    _follows(shell)
    assert shell("stop", "--reason", "a test").status == 0
    assert "outward    STOPPED: a test" in shell("status").out
    assert shell("resume", "--reason", "checked").status == 0
    assert "outward    open" in shell("status").out
    assert shell("policies").out.splitlines()[1].startswith("cautious.answer")
    assert shell("audit", "verify").status == 0
    assert shell("down").out == "ended\n"
    assert shell("status").status == 6


def _follows(shell: Shell) -> None:
    """`timeline -f --json` hands on an event that happens after it was started."""
    words = [
        sys.executable,
        "-m",
        "quarterdeck_daemon.cli",
        "timeline",
        "-f",
        "--json",
        "--kind",
        "memory",
        "--after",
        "0",
    ]
    process = subprocess.Popen(words, cwd=shell.folder, env=shell.env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        first = json.loads(process.stdout.readline())
        assert (first["kind"], first["id"]) == ("memory.remembered", f"e{first['seq']}")
        assert shell("remember", "a second note").status == 0
        second = json.loads(process.stdout.readline())
        assert (second["kind"], second["body"]["text"]) == ("memory.remembered", "a second note")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def items_of(printed: Plain) -> list[Plain]:
    items = printed["items"]
    assert isinstance(items, list)
    return items


def test_an_old_export_brings_back_nothing_that_was_given_up(living: Path, shell: Shell) -> None:
    """Withdrawn, replaced and forgotten stay so; an edit of one of them is a conflict; another workspace's m1 is new."""
    for bird in ("heron", "swift", "crane", "finch"):
        assert shell("remember", f"The {bird} sings at dawn").status == 0
    assert shell("memory", "export", "then").status == 0
    assert shell("memory", "withdraw", "m1").status == 0
    assert shell("memory", "supersede", "m2", "The swift is silent").status == 0
    assert shell("memory", "forget", "m3", "--yes").status == 0
    assert shell("memory", "edit", "m4", "The finch sings at dusk").status == 0
    before = [one["id"] for one in items_of(shell("memory", "list", "--json").json)]
    ran = shell("memory", "import", "then")
    assert ran.status == 8
    assert "it was forgotten" in ran.out
    assert "1 conflict, 3 unchanged" in ran.out
    assert [one["id"] for one in items_of(shell("memory", "list", "--json").json)] == before
    (note,) = living.glob("then/notes/m1-*.md")
    note.write_text(note.read_text().replace("at dawn", "at noon"))
    assert "replaced or withdrawn in memory" in shell("memory", "import", "then").out
    (living / "other").mkdir()
    (living / "other" / "m1.md").write_text(
        "---\nid: memory:m4\nexported: 0123456789abcdef0123456789abcdef\n---\nOf another workspace\n"
    )
    assert "1 added" in shell("memory", "import", "other").out
    assert shell("memory", "show", "m4").out.startswith("m4  The finch")


def test_a_time_that_was_shown_can_be_given_back(living: Path, shell: Shell) -> None:
    assert shell("remember", "The heron sings at dawn").status == 0
    shown = shell("memory", "list").out.splitlines()[1].split()[2]
    assert shown.count(":") == 2
    assert shell("at", shown, "memory", "list").status == 0
    assert shell("at", "12:00:77", "memory", "list").status == 2


def test_sync_counts_every_file_once(living: Path, shell: Shell) -> None:
    for number in range(3):
        assert shell("remember", f"number {number}").status == 0
    assert shell("memory", "sync", "view").out == "view: 3 written\n"
    assert shell("memory", "sync", "view").out == "view: 3 unchanged\n"
    edited = sorted((living / "view").rglob("*.md"))[0]
    edited.write_text(edited.read_text().replace("number", "numeral"))
    said = shell("memory", "sync", "view").out
    assert "1 changed" in said
    assert "2 unchanged" in said
