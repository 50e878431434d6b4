"""Forgetting on disk: what was erased stands in no file any more, neither in clear nor in a form that opens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Alias, Document, Fact, Link, Memory
from quarterdeck_daemon.recall.api import Find, Question
from quarterdeck_daemon.service.hits import hits
from quarterdeck_daemon.store import sealing
from quarterdeck_daemon.store.api import Removal
from quarterdeck_daemon.store.backup import hand_over_keys
from quarterdeck_daemon.store.cache import EntityCache
from quarterdeck_daemon.store.content_keys import ContentKeys
from quarterdeck_daemon.store.database import FAMILIES
from quarterdeck_daemon.store.errors import LogCorrupt
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR, Labels

from .test_store_damage import bare, edit

ROOT = Path(__file__).parents[3]
WORDS = (b"Marlow", b"marlow", b"ines@", b"+49 30 5550")
TEXT = "Ines Marlow, ines@marlow.example.test, +49 30 5550 133, wants the workshop in March. "
REMOVAL = Removal(
    epoch=0,
    subjects=("document:doc1", "fact:client/ines-marlow"),
    entities=("document:doc1", "memory:m1", "fact:client/ines-marlow", "alias:mail:inbox/marlow.eml"),
    events=(1, 2, 3),
)


def story(store: RocksStore, *, others: int = 30) -> str:
    """Three events about Ines among many about others. Returns the blob of her mail."""
    blob = store.put_blob(TEXT.encode() * 50)
    labels = Labels(integrity="external", sources=("mail:ines@marlow.example.test",))
    document = Document(
        id="doc1", seq=2, external_id="inbox/marlow.eml", media_type="message/rfc822", blob=blob, size_bytes=9, at_us=1,
        labels=labels, text=TEXT,
    )  # fmt: skip
    chunk = Memory(id="m1", seq=2, text=TEXT, at_us=1, labels=labels, document="doc1")
    value: dict[str, object] = {"email": "ines@marlow.example.test", "phone": "+49 30 5550 133"}
    fact = Fact(id="client/ines-marlow", seq=3, fact_kind="client", key="ines-marlow", version=1, at_us=1,
                labels=OPERATOR, value=value)  # fmt: skip
    events = (
        event(1, "document.received", {"document": "doc1", "external_id": "inbox/marlow.eml"}, labels),
        event(
            2,
            "document.parsed",
            {"document": "doc1", "text": TEXT, "meta": {"from": "ines@marlow.example.test"}},
            labels,
        ),
        event(3, "fact.asserted", {"kind": "client", "key": "ines-marlow", "value": value}, labels),
    )
    store.append([
        Commit(
            events=events,
            touched=(("document:doc1",), ("document:doc1", "memory:m1"), ("fact:client/ines-marlow",)),
            puts=(document, chunk, fact, Alias(id="mail:inbox/marlow.eml", seq=2, target="doc1")),
            links=(Link(source="fact:client/ines-marlow", relation="derived_from", target="memory:m1", seq=3),),
        )
    ])  # fmt: skip
    for number in range(2, others + 2):
        seq = store.head.seq + 1
        note = Memory(id=f"m{number}", seq=seq, text=f"Note {number} about paper", at_us=seq, labels=OPERATOR)
        told = event(seq, "memory.remembered", {"id": note.id, "text": note.text}, OPERATOR)
        store.append([Commit(events=(told,), touched=((f"memory:{note.id}",),), puts=(note,))])
    store.sync()
    return blob


def event(seq: int, kind: str, body: dict[str, object], labels: Labels) -> Event:
    return Event(
        seq=seq, id=f"e{seq}", at_us=seq, kind=kind, actor="connector:mail", body=body, labels=labels,
        cause="request of Ines Marlow",
    )  # fmt: skip


def found_in(home: Path) -> list[str]:
    """Every file, and every row that RocksDB can give, in which one of the words stands."""
    hits = [
        str(path.relative_to(home)) for path in sorted(home.rglob("*")) if path.is_file() and says(path.read_bytes())
    ]
    copy = home.with_name("grepped")
    shutil.copytree(home, copy)
    hits += [f"{family} {key!r}" for family, key, value in rows(copy) if says(key + b" " + value)]
    shutil.rmtree(copy)
    return hits


def says(raw: bytes) -> bool:
    return any(word in raw for word in WORDS) or any(word.hex().upper().encode() in raw for word in WORDS)


def rows(home: Path) -> Iterator[tuple[str, bytes, bytes]]:

    db = bare(home)
    for family in FAMILIES:
        for key, value in db.get_column_family(family).items():
            assert isinstance(key, bytes)
            yield family, key, value
    db.close()


def test_content_never_stands_in_clear_in_any_file(tmp_path: Path) -> None:
    """Before anything is forgotten: only names that were chosen stand in keys, no text, no address, no phone."""
    store = RocksStore.open(tmp_path / "home")
    story(store)
    store.scour()
    store.close()
    raw = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert [word for word in (b"Ines Marlow", b"ines@marlow", b"30 5550", b"about paper") if word in raw] == []


def test_after_forgetting_no_file_says_anything_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = RocksStore.open(home)
    blob = story(store)
    store.scour()
    assert found_in(home) != []
    removal = msgspec.structs.replace(REMOVAL, blobs=(blob,))
    store.erase(removal)
    store.scour()
    assert found_in(home) == []
    check_the_rest(store)
    store.close()
    assert found_in(home) == []
    store = RocksStore.open(home)
    check_the_rest(store)
    store.close()


def check_the_rest(store: RocksStore) -> None:
    assert store.verify().broken_at is None
    assert [one.body for one in store.events(before=4)] == [{"erased": True}] * 3
    assert len(list(store.scan(Memory))) == 30
    assert [store.get(Memory, "m1"), list(store.scan(Document)), list(store.scan(Fact))] == [None, [], []]


def test_the_twin_without_taking_out_keys_leaves_it_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows deleted, keys kept: the sealed events of the log still open, and so does a copy of the old files."""
    monkeypatch.setattr(ContentKeys, "written_without", lambda keys, subjects, indexes=(): keys._state)
    store = RocksStore.open(tmp_path / "home")
    story(store)
    store.erase(REMOVAL)
    assert TEXT in str([one.body for one in store.events(before=4)])
    store.close()


def shown_after_forgetting(home: Path) -> list[object]:
    """What a search shows of a memory that was read, and so decoded, just before it was forgotten."""
    store = RocksStore.open(home)
    story(store)
    question, find = Question(query="workshop"), Find(id="m1", entity="memory:m1", score=1.0)
    assert [one["text"] for one in hits(store, question, [find], now_us=1)] == [TEXT]
    store.erase(REMOVAL)
    after = [one["text"] for one in hits(store, question, [find], now_us=1)]
    store.close()
    return after


def test_what_was_shown_a_moment_ago_is_not_shown_once_it_is_forgotten(tmp_path: Path) -> None:
    """The index may name it still; the text is at hand no more."""
    assert shown_after_forgetting(tmp_path / "home") == []


def test_the_twin_that_keeps_decoded_values_shows_it_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntityCache, "clear", lambda cache: None)
    assert shown_after_forgetting(tmp_path / "home") == [TEXT]


def test_the_twin_that_rewrites_no_files_leaves_names_in_them(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home")
    story(store)
    store.erase(REMOVAL)
    assert found_in(tmp_path / "home") != []
    store.close()


# --- killed in the middle ---------------------------------------------------------------------------

STEPS = (
    "replace_shredding:before", "shred:before", "replace_shredding:after", "delete:after", "note_keys:after",
    "rewrite:before", "_flush:after",
)  # fmt: skip
CHILD = """
import os, signal, sys
from pathlib import Path
from quarterdeck_daemon.store import content_keys, database, erasing, files, rocks
from tests.daemon.store.test_store_forgetting import REMOVAL

name, moment = sys.argv[2].split(":")
owners = {"replace_shredding": content_keys, "shred": files, "delete": erasing.Eraser, "note_keys": rocks,
          "rewrite": database.Database, "_flush": database.Database}
store = rocks.RocksStore.open(Path(sys.argv[1]))
real = getattr(owners[name], name)

def dying(*args, **kwargs):
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owners[name], name, dying)
store.erase(REMOVAL)
store.scour()
"""


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_is_finished_by_trying_again(tmp_path: Path, step: str) -> None:
    home = tmp_path / "home"
    store = RocksStore.open(home)
    blob = story(store)
    store.close()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(home), step], cwd=ROOT, env=os.environ, timeout=60, check=False
    )
    assert child.returncode == -signal.SIGKILL
    store = RocksStore.open(home, lock_wait_s=5)
    assert store.verify().broken_at is None
    store.erase(msgspec.structs.replace(REMOVAL, blobs=(blob,)))
    store.scour()
    check_the_rest(store)
    store.close()
    assert found_in(home) == []


# --- keys that are missing, older or of another log --------------------------------------------------


@pytest.fixture
def forgotten(tmp_path: Path) -> Path:
    """A log from which something was forgotten, and beside it the key file from before, as `older.key`."""
    store = RocksStore.open(tmp_path / "home")
    story(store)
    shutil.copyfile(tmp_path / "home" / "content.key", tmp_path / "older.key")
    store.erase(REMOVAL)
    store.close()
    return tmp_path / "home"


@pytest.mark.parametrize("damage", ["missing", "older", "foreign"])
def test_the_wrong_keys_are_refused_and_nothing_is_made_anew(forgotten: Path, damage: str) -> None:
    path = forgotten / "content.key"
    right = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "older":
        shutil.copyfile(forgotten.parent / "older.key", path)
    else:
        path.unlink()
        ContentKeys.found(path)
    wrong = path.read_bytes() if path.exists() else None
    with pytest.raises(LogCorrupt, match=r"content\.key"):
        RocksStore.open(forgotten)
    assert (path.read_bytes() if path.exists() else None) == wrong
    path.write_bytes(right)
    RocksStore.open(forgotten).close()


def test_a_log_from_before_sealing_opens_reads_and_is_sealed_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    with monkeypatch.context() as before:
        before.setattr(sealing, "subject_of", lambda event: None)
        before.setattr(sealing, "subject_of_entity", lambda entity: None)
        store = RocksStore.open(home)
        story(store, others=2)
        store.close()
    (home / "content.key").unlink()

    def without_keys(rows: dict[bytes, bytes]) -> None:
        del rows[b"content key"]

    edit(home, without_keys, family="meta")
    store = RocksStore.open(home)
    assert TEXT in str(list(store.events(before=3)))
    assert store.get(Memory, "m2") is not None
    seq = store.head.seq + 1
    note = Memory(id="m9", seq=seq, text="fresh", at_us=1, labels=OPERATOR)
    told = event(seq, "memory.remembered", {"id": "m9", "text": "fresh"}, OPERATOR)
    store.append([Commit(events=(told,), touched=((),), puts=(note,))])
    store.sync()
    assert store.unsealed(range(1, seq + 1)) == [1, 2, 3, 4, 5]
    with pytest.raises(QuarterdeckError, match="in clear") as refused:
        store.erase(REMOVAL)
    assert "fresh workspace" in refused.value.hint
    assert store.erase(Removal(epoch=0, entities=("fact:client/ines-marlow",))).records == 1
    assert (store.get(Fact, "client/ines-marlow"), store.verify().broken_at) == (None, None)
    store.close()


# --- copies -----------------------------------------------------------------------------------------


def test_a_copy_forgets_with_the_keys_it_is_handed(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    store = RocksStore.open(home, key=b"k" * 32)
    blob = story(store)
    store.checkpoint(copy)
    store.erase(msgspec.structs.replace(REMOVAL, blobs=(blob,)))
    keys = (home / "content.key").read_bytes()
    assert (hand_over_keys(keys, copy), hand_over_keys(keys, copy)) == (True, False)
    backup = RocksStore.open(copy, key=b"k" * 32)
    removed = backup.sweep()
    assert (removed.records, removed.blobs) == (4, 1)
    backup.scour()
    check_the_rest(backup)
    backup.close()
    store.close()
    assert found_in(copy) == []


def test_the_twin_copy_that_was_not_reached_reads_everything(tmp_path: Path) -> None:
    store = RocksStore.open(tmp_path / "home", key=b"k" * 32)
    story(store)
    store.checkpoint(tmp_path / "copy")
    store.erase(REMOVAL)
    store.close()
    backup = RocksStore.open(tmp_path / "copy", key=b"k" * 32)
    assert backup.get(Fact, "client/ines-marlow") is not None
    backup.close()


def test_a_copy_of_another_log_is_not_touched(tmp_path: Path) -> None:
    for name in ("home", "other"):
        RocksStore.open(tmp_path / name).close()
    before = (tmp_path / "other" / "content.key").read_bytes()
    with pytest.raises(QuarterdeckError, match="another log"):
        hand_over_keys((tmp_path / "home" / "content.key").read_bytes(), tmp_path / "other")
    assert (tmp_path / "other" / "content.key").read_bytes() == before
