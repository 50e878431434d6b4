"""Memory leaves and comes back as files: the folder, both ways, and the archive for somebody else."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from .quarters import Plain, Quarters, running, settle, small_house

# One house for all of the file, and each test goes on from the one before.
pytestmark = pytest.mark.xdist_group("memory_files")

pyzipper = pytest.importorskip("pyzipper", reason="the extra `handover` is not installed")


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    with running(small_house(tmp_path_factory.mktemp("files"))) as started:
        yield started


def quarterdeck(quarters: Quarters, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quarterdeck_daemon.cli", "-w", str(quarters.folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ})


def remembered(quarters: Quarters, text: str, **more: object) -> str:
    with quarters.client() as client:
        return str(client.call("memory.remember", {"text": text, **more}).result["id"])


def records_of(chunk: Plain) -> list[Plain]:
    records = chunk.get("records", [])
    assert isinstance(records, list)
    return records


def note_of(folder: Path, id: str) -> Path:
    return next(folder.glob(f"notes/{id}-*.md"))


def test_an_edit_in_the_folder_becomes_the_memory_and_news_become_files(quarters: Quarters, tmp_path: Path) -> None:
    id = remembered(quarters, "Northwind pays within 14 days")
    folder = tmp_path / "memory"
    assert quarterdeck(quarters, "memory", "sync", str(folder)).returncode == 0
    note = note_of(folder, id)
    note.write_text(note.read_text().replace("14 days", "30 days"))
    (folder / "notes" / "mine.md").write_text("The printer needs paper of 120 g\n")
    assert quarterdeck(quarters, "memory", "sync", str(folder)).returncode == 0
    texts = [path.read_text() for path in folder.glob("notes/*.md")]
    assert sum("30 days" in text for text in texts) == 1
    assert sum("14 days" in text for text in texts) == 0
    assert sum("120 g" in text and "id: memory:" in text for text in texts) == 1
    again = quarterdeck(quarters, "memory", "sync", str(folder))
    assert "written" not in again.stdout
    assert " changed" not in again.stdout


def test_a_note_that_changed_on_both_sides_is_named_and_nothing_is_lost(quarters: Quarters, tmp_path: Path) -> None:
    with quarters.client() as client:
        client.call("fact.put", {"kind": "supplier", "key": "nordpapier", "value": {"city": "Kiel"}})
        folder = tmp_path / "memory"
        assert quarterdeck(quarters, "memory", "export", str(folder)).returncode == 0
        client.call("fact.put", {"kind": "supplier", "key": "nordpapier", "value": {"city": "Bremen"}})
        file = folder / "facts" / "supplier" / "nordpapier.md"
        file.write_text(file.read_text().replace("Kiel", "Hamburg"))
        done = quarterdeck(quarters, "memory", "import", str(folder))
        assert done.returncode == 8
        assert "nordpapier" in done.stdout
        assert "Hamburg" in file.read_text()
        assert "Bremen" in file.with_name("nordpapier.theirs.md").read_text()
        present = client.call("fact.get", {"kind": "supplier", "key": "nordpapier"}).result
        assert present["value"] == {"city": "Bremen"}
        assert quarterdeck(quarters, "memory", "export", str(folder)).returncode == 8
        assert "Hamburg" in file.read_text()


def test_what_came_from_outside_comes_back_as_from_outside(quarters: Quarters, tmp_path: Path) -> None:
    """A folder is not a laundry: trust in the head can be lowered, never raised by an agent's token."""
    remembered(quarters, "They said the price is 5 euros", labels={"integrity": "external", "sensitivity": "secret"})
    folder = tmp_path / "memory"
    quarterdeck(quarters, "memory", "export", str(folder))
    with running(small_house(tmp_path / "other")) as other:
        assert quarterdeck(other, "memory", "import", str(folder)).returncode == 0
        with other.client() as client:
            settle(client)
            found = [one for chunk in client.stream("memory.export", {"past": True}) for one in records_of(chunk)]
        records = [(one["labels"], one["tier"]) for one in found if "5 euros" in str(one.get("text"))]
        labels: Plain = {"integrity": "external", "sensitivity": "secret", "sources": ()}
        assert [({**cast(Plain, one), "sources": ()}, tier) for one, tier in records] == [(labels, "review")]


def test_the_handover_is_readable_with_its_passphrase_and_only_with_it(quarters: Quarters, tmp_path: Path) -> None:
    with quarters.client() as client:
        client.call("fact.put", {"kind": "client", "key": "acme", "value": {"name": "=Acme", "rate": 95}})
    remembered(quarters, "The alarm code is under the third pot")
    pack = tmp_path / "pack.zip"
    done = quarterdeck(quarters, "handover", str(pack), "--note", "Call Ines first.")
    assert done.returncode == 0, done.stderr
    passphrase = done.stdout.split("passphrase: ")[1].strip()
    assert b"third pot" not in pack.read_bytes()
    assert pack.stat().st_mode & 0o077 == 0
    with pyzipper.AESZipFile(pack) as archive:
        with pytest.raises(RuntimeError):
            archive.read("START-HERE.md")
        archive.setpassword(passphrase.encode())
        assert "Call Ines first." in archive.read("START-HERE.md").decode()
        notes = [archive.read(name).decode() for name in archive.namelist() if name.startswith("memory/notes/")]
        rows = list(csv.DictReader(archive.read("facts-client.csv").decode().splitlines()))
    assert any("third pot" in note for note in notes)
    acme = next(row for row in rows if row["key"] == "acme")
    assert (acme["name"], acme["rate"]) == ("'=Acme", "95"), "what looks like a formula is made text"
    assert list((quarters.folder / ".quarterdeck").glob("handover-*")) == []
    assert quarterdeck(quarters, "handover", str(pack)).returncode == 8
