"""Files of documents that gave way go after a time; what anything rests on stays, and what is gone is called pruned."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from quarterdeck_daemon.core.commands import (
    Command,
    CreateSnapshot,
    DocumentAnswered,
    LoseDocuments,
    ReceiveDocument,
    RetractFact,
)
from quarterdeck_daemon.core.entities import Document, Plain
from quarterdeck_daemon.core.keeping import DAY_US
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.orders import Parsed, ParsedChunk, ParsedFact
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service import originals
from quarterdeck_daemon.service.originals import Pruned, original_of, prune
from quarterdeck_daemon.service.pace import Pace
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.labels import OPERATOR

KEEP_US = 30 * DAY_US


class Desk:
    """Takes files in, over a store on disk, with a clock of its own."""

    def __init__(self, home: Path) -> None:
        self.home, self.now_us = home, 1_790_000_000_000_000
        self.store = RocksStore.open(home, free_bytes_min=0)
        self.told: list[Command] = []

    def do(self, command: Command) -> Plain:
        env = Env(now_us=self.now_us)
        decision = decide(self.store, command, env, head=self.store.head.seq, actor="operator")
        if decision.commit.events:
            self.store.append([decision.commit])
        return decision.reply

    async def execute(self, command: Command) -> Plain:
        self.told.append(command)
        return self.do(command)

    def take(self, place: str, text: str, *, facts: tuple[ParsedFact, ...] = ()) -> str:
        blob = self.store.put_blob(text.encode())
        took = self.do(
            ReceiveDocument(
                connector="files", external_id=f"{place}#{blob[:8]}", media_type="text/markdown", name=place, blob=blob,
                size_bytes=len(text), labels=OPERATOR, place=place,
            )
        )  # fmt: skip
        chunks = (ParsedChunk(text=text, span=(0, len(text)), title="", language="en"),)
        parsed = Parsed(title=place, text=text, meta={}, chunks=chunks, facts=facts)
        self.do(DocumentAnswered(document=str(took["id"]), outcome=parsed))
        return str(took["id"])

    def document(self, id: str) -> Document:
        found = self.store.get(Document, id)
        assert found is not None
        return found

    def later(self, days: int) -> None:
        """Time goes by, for the log and for the files."""
        self.now_us += days * DAY_US
        for path in (self.home / "blobs").glob("??/*"):
            os.utime(path, (time.time() - 2 * originals.GRACE_S,) * 2)

    async def prune(self, *, keep_us: int = KEEP_US, dry_run: bool = False) -> Pruned:
        pace = Pace(self.store)
        return await prune(self.store, self.execute, pace, keep_us=keep_us, now_us=self.now_us, dry_run=dry_run)

    def files(self) -> int:
        return len(list((self.home / "blobs").glob("??/*")))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "state")
    desk.take("a.md", "the first version")
    desk.take("a.md", "the second version")
    return desk


async def test_the_file_of_a_replaced_document_goes_after_its_time_and_its_text_stays(desk: Desk) -> None:
    then = desk.store.head.seq
    desk.later(31)
    gone = await desk.prune()
    first = desk.document("doc1")
    assert ([one.id for one in gone.documents], gone.files, gone.size_bytes) == (["doc1"], 1, 17)
    assert (first.text, first.pruned, original_of(desk.store, first)) == ("the first version", True, "pruned")
    assert desk.store.get_blob(first.blob) is None
    assert original_of(desk.store, desk.document("doc2")) == "kept"
    past = desk.store.get(Document, "doc1", as_of=then)
    assert past is not None
    assert (past.text, past.pruned, original_of(desk.store, past)) == ("the first version", False, "pruned")
    assert (await desk.prune()).files == 0


async def test_before_its_time_and_without_a_time_nothing_goes(desk: Desk) -> None:
    desk.later(29)
    assert (await desk.prune()).files == 0
    desk.later(1_000)
    assert (await desk.prune(keep_us=0)).files == 0
    assert (desk.files(), desk.told) == (2, [])


async def test_looking_says_the_same_and_takes_nothing(desk: Desk) -> None:
    desk.later(31)
    would = await desk.prune(dry_run=True)
    assert (desk.files(), desk.told) == (2, [])
    gone = await desk.prune()
    assert ([one.id for one in would.documents], would.files, would.size_bytes) == (
        ["doc1"],
        gone.files,
        gone.size_bytes,
    )


async def test_bytes_that_a_current_document_has_stay(desk: Desk) -> None:
    """The same content under another trust is another document with the same file."""
    blob = desk.document("doc1").blob
    command = ReceiveDocument(
        connector="mail",
        external_id="x",
        media_type="text/plain",
        name="x",
        blob=blob,
        size_bytes=17,
        labels=OPERATOR,
    )
    desk.do(command)
    desk.later(31)
    assert (await desk.prune()).files == 0
    assert desk.store.get_blob(blob) == b"the first version"


async def test_what_a_fact_rests_on_stays(tmp_path: Path) -> None:
    """As long as the fact says what was read there; the file is its proof."""
    desk = Desk(tmp_path / "state")
    desk.take("a.toml", "n = 1", facts=(ParsedFact(fact_kind="k", key="a", value={"n": 1}),))
    desk.take("a.toml", "nothing of it")
    desk.later(31)
    assert (await desk.prune()).files == 0
    desk.do(RetractFact(fact_kind="k", key="a", reason="wrong"))
    assert (await desk.prune()).files == 1


async def test_what_a_snapshot_shows_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "state")
    desk.take("a.md", "one")
    desk.do(CreateSnapshot(name="before", at_seq=desk.store.head.seq))
    desk.take("a.md", "two")
    desk.take("a.md", "three")
    desk.later(31)
    gone = await desk.prune()
    assert [one.id for one in gone.documents] == ["doc2"]


async def test_a_lost_file_that_comes_back_is_whole_again(desk: Desk) -> None:
    """Withdrawn, pruned, and there again: the bytes came with it."""
    desk.do(LoseDocuments(places=("a.md",)))
    desk.later(31)
    await desk.prune()
    assert original_of(desk.store, desk.document("doc2")) == "pruned"
    assert desk.take("a.md", "the second version") == "doc2"
    assert original_of(desk.store, desk.document("doc2")) == "kept"
    desk.later(31)
    await desk.prune()
    assert desk.store.get_blob(desk.document("doc2").blob) == b"the second version"


async def test_a_kill_between_log_and_file_is_made_good_by_the_next_pass(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.later(31)
    with monkeypatch.context() as patched:
        patched.setattr(RocksStore, "drop_blobs", lambda *_, **__: [])
        await desk.prune()
    assert (desk.document("doc1").pruned, desk.files()) == (True, 2)
    assert original_of(desk.store, desk.document("doc1")) == "kept"
    gone = await desk.prune()
    assert (gone.files, desk.files()) == (1, 1)


async def test_a_file_that_was_just_put_is_left_alone(desk: Desk) -> None:
    """Its document may be on its way; the twin, without the grace, takes it from under that."""
    desk.later(31)
    blob = desk.store.put_blob(b"the first version")
    await desk.prune()
    assert desk.store.get_blob(blob) == b"the first version"
    assert desk.store.drop_blobs([blob], unused_s=0.0) == [blob]
    assert desk.store.get_blob(blob) is None


async def test_backups_keep_what_is_pruned(desk: Desk, tmp_path: Path) -> None:
    desk.store.checkpoint(tmp_path / "copy")
    desk.later(31)
    await desk.prune()
    copy = RocksStore.open(tmp_path / "copy", key=(desk.home / "chain.key").read_bytes()[:32], free_bytes_min=0)
    assert copy.get_blob(desk.document("doc1").blob) == b"the first version"
    copy.close()
