"""Documents on their way in, with real processes: a watched folder that lives, files by hand, restarts, a hang."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Plain, Quarters, running, settle, small_house, until

WATCH = '\n[[files]]\npath = "notes"\ntags = ["note"]\nintegrity = "operator"\n'


def watched_house(tmp_path: Path) -> Path:
    folder = small_house(tmp_path)
    (folder / "notes").mkdir()
    config = folder / "quarterdeck.toml"
    config.write_text(config.read_text("utf-8") + WATCH, "utf-8")
    return folder


@pytest.fixture
def quarters(tmp_path: Path) -> Iterator[Quarters]:
    with running(watched_house(tmp_path)) as found:
        yield found


def documents(client: Client) -> dict[str, Plain]:
    """Every document by id."""
    count = client.call("system.status").result["documents"]
    assert isinstance(count, int)
    found = [client.call("memory.get", {"id": f"doc{number}"}).result["fields"] for number in range(1, count + 1)]
    return {str(one["id"]): one for one in found if isinstance(one, dict)}


def said(client: Client) -> list[str]:
    """The chunks that count, of documents that lie in the notes."""
    texts = []
    for document in documents(client).values():
        for id in strings(document.get("chunks")):
            fields = client.call("memory.get", {"id": id}).result["fields"]
            assert isinstance(fields, dict)
            mine = fields["document"] == document["id"] and str(fields["source"]).startswith("notes/")
            if mine and not (fields.get("withdrawn") or fields.get("superseded_by")):
                texts.append(str(fields["text"]))
    return sorted(texts)


def strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def becomes(client: Client, wanted: list[str]) -> bool:
    return until(lambda: said(client) == wanted, 20)


def test_a_watched_folder_lives(quarters: Quarters) -> None:
    """Written, changed, moved, removed, back again: what is remembered is what lies there."""
    notes = quarters.folder / "notes"
    with quarters.client() as client:
        (notes / "a.md").write_text("# Terms\n\nAna pays within 14 days.\n\n## Rates\n\nA day is 680.")
        assert becomes(client, ["# Terms\n\nAna pays within 14 days.", "## Rates\n\nA day is 680."])
        (notes / "a.md").write_text("# Terms\n\nAna pays within 30 days.\n\n## Rates\n\nA day is 680.")
        assert becomes(client, ["# Terms\n\nAna pays within 30 days.", "## Rates\n\nA day is 680."])
        (notes / "a.md").rename(notes / "b.md")
        assert until(lambda: places(client) == [["notes/b.md"]], 20)
        (notes / "b.md").unlink()
        assert becomes(client, [])
        (notes / "c.md").write_text("# Terms\n\nAna pays within 30 days.\n\n## Rates\n\nA day is 680.")
        assert becomes(client, ["# Terms\n\nAna pays within 30 days.", "## Rates\n\nA day is 680."])
        assert client.call("audit.verify").result["ok"] is True


def places(client: Client) -> list[list[str]]:
    """Where those documents lie that lie anywhere in the notes."""
    found = [strings(document.get("places")) for document in documents(client).values()]
    return sorted(where for where in found if any(place.startswith("notes/") for place in where))


def test_what_went_and_changed_while_nobody_looked_is_noticed_at_the_next_start(tmp_path: Path) -> None:
    folder = watched_house(tmp_path)
    for name in ("gone", "changed", "kept"):
        (folder / "notes" / f"{name}.md").write_text(f"The file {name} as it was.")
    with running(folder) as quarters, quarters.client() as client:
        assert becomes(client, sorted(f"The file {name} as it was." for name in ("gone", "changed", "kept")))
    (folder / "notes" / "gone.md").unlink()
    (folder / "notes" / "changed.md").write_text("The file changed as it is.")
    with running(folder) as quarters, quarters.client() as client:
        assert becomes(client, ["The file changed as it is.", "The file kept as it was."])
    shutil.move(folder / "notes", folder / "elsewhere")
    with running(folder) as quarters, quarters.client() as client:
        settle(client)
        assert said(client) == ["The file changed as it is.", "The file kept as it was."], (
            "a missing drive is no removal"
        )


def test_a_kill_in_the_middle_of_a_folder_loses_and_doubles_nothing(quarters: Quarters) -> None:
    wanted = sorted(f"Note number {number} says {number * 7}." for number in range(60))
    for number in range(60):
        (quarters.folder / "notes" / f"{number}.md").write_text(f"Note number {number} says {number * 7}.")
    with quarters.client() as client:
        assert until(lambda: client.call("system.status").result["documents"] not in (0, 1, 2, 3), 20)
    for process in quarters.processes():
        if "quarterdeck_daemon.service.daemon" in process.cmdline():
            quarters.kill(process)
    with quarters.client(timeout_ms=30_000) as client:
        assert becomes(client, wanted)
        settle(client)
        contents = [str(document["blob"]) for document in documents(client).values()]
        assert len(contents) == len(set(contents))
        assert client.call("audit.verify").result["ok"] is True


def command_line(folder: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "quarterdeck_daemon.cli", "-w", str(folder), *words]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False, cwd=folder)


def test_papers_by_hand_are_counted_and_known_the_second_time(quarters: Quarters) -> None:
    papers = quarters.folder / "papers"
    papers.mkdir()
    (papers / "one.md").write_text("# One\n\nThe violet kettle whistles at noon.")
    (papers / "two.csv").write_text("Client,Amount\nNorthwind,680\nNube,500\n")
    (papers / "copy.md").write_text("# One\n\nThe violet kettle whistles at noon.")
    (papers / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    mails = [
        b"From x@y.test Fri Nov 20 10:00:00 2026\nFrom: a@b.test\nSubject: S%d\n\nWords %d.\n\n" % (at, at)
        for at in (1, 2)
    ]
    (papers / "old.mbox").write_bytes(b"".join(mails))
    first = command_line(quarters.folder, "remember", "papers", "--json")
    assert first.returncode == 1, first.stderr
    told = json.loads(first.stdout)
    assert [told[name] for name in ("new", "unchanged", "unreadable", "failed")] == [4, 1, 1, 0]
    broken = next(item for item in told["items"] if item["outcome"] == "unreadable")
    assert (broken["name"], broken["reason"]) == ("papers/broken.pdf", "malformed")
    (papers / "broken.pdf").unlink()
    (papers / "one.md").write_text("# One\n\nThe violet kettle whistles at one.")
    second = json.loads(command_line(quarters.folder, "remember", "papers", "--json").stdout)
    assert [second[name] for name in ("new", "updated", "unchanged", "unreadable")] == [0, 1, 4, 0]
    third = command_line(quarters.folder, "remember", "papers")
    assert third.stdout.startswith(b"5 unchanged (5 documents in ")


def test_a_file_of_many_megabytes_goes_in_pieces_and_a_larger_one_is_refused(quarters: Quarters) -> None:
    large = quarters.folder / "large.txt"
    large.write_bytes(b"A line with some words in it.\n" * 100_000)
    told = json.loads(command_line(quarters.folder, "remember", "large.txt", "--json").stdout)
    assert (told["new"], told["items"][0]["error"]) == (1, "")
    huge = quarters.folder / "huge.csv"
    with huge.open("wb") as file:
        os.truncate(file.fileno(), 1 << 30)
    refused = json.loads(command_line(quarters.folder, "remember", "huge.csv", "--json").stdout)
    assert (refused["failed"], refused["items"][0]["reason"]) == (1, "out_of_range")


def test_pieces_that_do_not_fit_are_refused_and_change_nothing(quarters: Quarters) -> None:
    data = b"x" * 1_000
    hash = hashlib.blake2b(data, digest_size=32).hexdigest()
    with quarters.client() as client:
        settle(client)
        before = client.call("system.hello").result["seq"]
        piece: Plain = {"hash": hash, "size_bytes": 1_000, "offset": 0, "data": data}
        for change, code in (
            ({"offset": 10}, "out_of_range"),
            ({"data": data + b"x"}, "out_of_range"),
            ({"hash": "00" * 32}, "conflict"),
            ({"hash": "xyz"}, "schema"),
            ({"size_bytes": 1 << 40}, "schema"),
        ):
            assert refused(client, "document.upload", piece | change) == code
        named: Plain = {"upload": hash, "name": "a.txt"}
        assert refused(client, "memory.remember", named) == "not_found"
        assert client.call("document.upload", piece).result == {"received_bytes": 1_000, "complete": True}
        assert client.call("system.hello").result["seq"] == before
        first = client.call("memory.remember", named, request_id="once").result
        again = client.call("memory.remember", named, request_id="once").result
        assert (first["id"], first["known"]) == (again["id"], again["known"])


def refused(client: Client, method: str, params: Plain) -> str:
    with pytest.raises(QuarterdeckError) as error:
        client.call(method, params)
    return error.value.code


def test_namespace_tier_and_language_reach_the_chunks(quarters: Quarters) -> None:
    words = "Wir haben den Vertrag für das neue Projekt und bitten Sie um die Unterschrift."
    params: Plain = {
        "document": words.encode(),
        "name": "v.txt",
        "namespace": "private",
        "tier": "project",
        "kind": "contract",
    }
    with quarters.client() as client:
        id = str(client.call("memory.remember", params).result["document"])
        state = client.call("document.status", {"ids": [id], "wait_ms": 20_000}, deadline_ms=30_000).result["items"]
        assert isinstance(state, list)
        assert (state[0]["status"], state[0]["chunks"], state[0]["media_type"]) == ("parsed", 1, "text/plain")
        chunk = strings(documents(client)[id]["chunks"])[0]
        fields = client.call("memory.get", {"id": chunk}).result["fields"]
        assert isinstance(fields, dict)
        shown = tuple(fields.get(name) for name in ("namespace", "tier", "memory_kind", "language", "span"))
        assert shown == ("private", "project", "contract", "de", [0, len(words)])
