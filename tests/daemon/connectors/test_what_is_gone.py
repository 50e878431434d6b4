"""What a look at a folder says about files that are gone, and when the daemon is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.connectors import watched_files
from quarterdeck_daemon.connectors.base import Health, Present
from quarterdeck_daemon.connectors.watched_files import WatchedFiles
from quarterdeck_daemon.core.orders import Arrived, Offer, ProcessMessage, Wanted
from quarterdeck_daemon.service.source_reader import SourceReader
from quarterdeck_daemon.service.workspace import Files


def watched(workspace: Path) -> WatchedFiles:
    return WatchedFiles(workspace, [Files(path="notes")], workspace / ".quarterdeck/written")


def looked(source: WatchedFiles) -> Present | None:
    list(source.scan())
    return source.present()


def test_a_look_names_what_lies_there_complete_or_not(tmp_path: Path) -> None:
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    for name in ("a.md", "deep/b.pdf", "empty.txt", "picture.png", ".hidden.md"):
        (tmp_path / "notes" / name).write_text("" if name == "empty.txt" else "x")
    assert looked(watched(tmp_path)) == Present(
        frozenset(("notes/a.md", "notes/deep/b.pdf", "notes/empty.txt")), ("notes",)
    )


def test_a_folder_that_is_missing_altogether_is_no_root(tmp_path: Path) -> None:
    assert looked(watched(tmp_path)) == Present(frozenset(), ())


def test_a_look_that_saw_not_everything_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes").mkdir()
    for name in "abc":
        (tmp_path / "notes" / f"{name}.md").write_text("x")
    source = watched(tmp_path)
    assert looked(source) is not None
    monkeypatch.setattr(watched_files, "FILES_MAX", 2)
    assert looked(source) is None


class Folder:
    """A source whose files the test names."""

    def __init__(self, *names: str) -> None:
        self.names: set[str] = set(names)

    def scan(self) -> Iterator[str]:
        return iter(sorted(f"{name}#1" for name in self.names))

    def fetch(self, external_id: str) -> Arrived | None:
        return None

    def present(self) -> Present | None:
        return Present(frozenset(self.names), ("notes",))

    def watched(self) -> tuple[str, ...]:
        return ()

    def unsettled(self) -> bool:
        return False

    def health(self) -> Health:
        return Health(ok=True)


class Daemon:
    """Has everything already, and keeps what it was told of what is there."""

    def __init__(self) -> None:
        self.told: list[set[str]] = []
        self.reader: SourceReader | None = None

    async def hear(self, message: ProcessMessage) -> None:
        assert isinstance(message, Offer)
        assert self.reader is not None
        if message.present is not None:
            self.told.append(set(message.present))
        self.reader.wanted(Wanted(connector="files", external_ids=()))


async def looks(folder: Folder, changes: list[set[str]]) -> list[set[str]]:
    """What the daemon is told while the folder becomes each of these, one look after the other."""
    daemon = Daemon()
    daemon.reader = SourceReader("files", folder, 0.01, daemon.hear)
    ahead = iter(changes)
    ended = asyncio.Event()
    real = folder.present

    def present() -> Present | None:
        try:
            folder.names = next(ahead)
        except StopIteration:
            ended.set()
        return real()

    folder.present = present  # type: ignore[method-assign]
    running = asyncio.create_task(daemon.reader.run())
    await asyncio.wait_for(ended.wait(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return daemon.told


async def test_the_daemon_is_told_at_first_and_when_two_looks_missed_a_file() -> None:
    both, one = {"notes/a.md", "notes/b.md"}, {"notes/a.md"}
    assert await looks(Folder(), [both, both, one, one, one]) == [both, one]


async def test_a_file_that_is_saved_by_removing_it_first_is_not_gone() -> None:
    both, one = {"notes/a.md", "notes/b.md"}, {"notes/a.md"}
    assert await looks(Folder(), [both, one, both, one, both]) == [both]


async def test_a_new_file_that_goes_again_is_noticed() -> None:
    one, both = {"notes/a.md"}, {"notes/a.md", "notes/b.md"}
    assert await looks(Folder(), [one, both, one, one]) == [one, one]
