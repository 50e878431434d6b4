"""The keyword index finds what was fed, filters before ranking, and starts anew on any doubt about its files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.store.api import IndexRow, KeywordIndex
from quarterdeck_daemon.store.errors import LogLocked
from quarterdeck_daemon.store.keyword import TantivyIndex, _schema
from quarterdeck_protocol.codes import QuarterdeckError

PLAIN = IndexRow(
    id="m0", title="", text="", tier="long-term", memory_kind="note", namespace="default", source="", tags=(), at_us=5
)


def row(id: str, text: str, **changes: object) -> IndexRow:
    return msgspec.structs.replace(PLAIN, id=id, text=text, **changes)


ROWS = (
    row("m1", "The invoices of Acme were paid by Müller", tags=("money", "acme")),
    row("m2", "Die Rechnungen von Acme sind bezahlt", tier="core", at_us=50),
    row("m3", "الفاتورة مدفوعة"),
    row("m4", "発票を支払いました"),
    row("m5", "Lunch on Friday", title="Acme", namespace="private", source="notes/lunch.md"),
)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TantivyIndex]:
    index = TantivyIndex.open(tmp_path / "keyword-v1")
    index.put(ROWS, removed=(), seq=7)
    yield index
    index.close()


def ids(index: KeywordIndex, query: str, **where: str | tuple[str, ...]) -> list[str]:
    return [hit.id for hit in index.search(query, limit=10, where=where)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("invoice", ["m1"]),
        ("PAYING invoice", ["m1"]),
        ("muller", ["m1"]),
        ("Rechnungen", ["m2"]),
        ("الفاتورة", ["m3"]),
        ("票", ["m4"]),
        ("lunch of the month", ["m5"]),
        ("of", ["m1"]),
        ("nothing", []),
        ("", []),
    ],
)
def test_words_are_found_in_their_language(index: TantivyIndex, query: str, found: list[str]) -> None:
    assert ids(index, query) == found


def test_a_word_in_the_title_counts_more(index: TantivyIndex) -> None:
    assert ids(index, "acme")[0] == "m5"


def test_a_hit_names_the_words_it_contains(index: TantivyIndex) -> None:
    hits = index.search("paid invoice friday", limit=10, where={})
    assert {hit.id: hit.terms for hit in hits} == {"m1": ("paid", "invoice"), "m5": ("friday",)}


def test_filters_come_before_the_limit(index: TantivyIndex) -> None:
    index.put([row(f"x{n}", "acme acme acme") for n in range(50)], removed=(), seq=8)
    assert [hit.id for hit in index.search("acme", limit=1, where={"tier": "core"})] == ["m2"]
    assert ids(index, "acme", tags=("money", "unknown")) == ["m1"]
    assert ids(index, "acme", namespace="private", source="notes/lunch.md") == ["m5"]
    assert ids(index, "acme", tier=()) == []
    assert [hit.id for hit in index.search("acme", limit=9, where={}, since_us=6, until_us=51)] == ["m2"]
    assert [hit.id for hit in index.search("acme", limit=9, where={}, since_us=6, until_us=50)] == []


def test_a_filter_changes_no_score(index: TantivyIndex) -> None:
    plain = {hit.id: hit.score for hit in index.search("rechnungen", limit=5, where={})}
    assert {hit.id: hit.score for hit in index.search("rechnungen", limit=5, where={"tier": "core"})} == plain


def test_an_unknown_filter_is_refused_by_name(index: TantivyIndex) -> None:
    with pytest.raises(QuarterdeckError, match="colour") as refused:
        ids(index, "acme", colour="red")
    assert refused.value.code == "bad_value"


def test_a_changed_row_replaces_the_old_and_a_removed_one_is_gone(index: TantivyIndex) -> None:
    index.put([row("m1", "changed")], removed=["m2"], seq=9)
    assert (ids(index, "acme"), ids(index, "changed"), index.seq) == (["m5"], ["m1"], 9)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivyIndex]:
    index = TantivyIndex.open(tmp_path_factory.mktemp("shared") / "keyword-v1")
    index.put(ROWS, removed=(), seq=1)
    yield index
    index.close()


@settings(max_examples=200, deadline=None)
@given(query=st.text(max_size=60) | st.sampled_from(["AND OR (", 'a:"b', "* OR NOT", "[1 TO", "id:m1^", "\\", "a~9"]))
def test_no_text_is_a_syntax_error(shared: TantivyIndex, query: str) -> None:
    assert isinstance(shared.search(query, limit=3, where={}), list)


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    folder = tmp_path / "keyword-v1"
    for number in range(12):
        index = TantivyIndex.open(folder)
        assert index.seq == number
        index.put([row(f"m{number}", "word")], removed=(), seq=number + 1)
        index.close()
    assert len(ids(TantivyIndex.open(folder), "word")) == 10


def test_a_second_opening_is_refused_and_harms_nobody(index: TantivyIndex, tmp_path: Path) -> None:
    with pytest.raises(LogLocked):
        TantivyIndex.open(tmp_path / "keyword-v1")
    index.put([row("m9", "still here")], removed=(), seq=8)
    assert ids(index, "here") == ["m9"]


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "keyword-v1"
    index = TantivyIndex.open(folder)
    index.put(ROWS, removed=(), seq=7)
    index.close()
    return folder


def test_a_flipped_byte_in_any_file_means_a_new_index_or_the_same_answers(closed: Path, tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    shutil.copytree(closed, sound)
    fresh = 0
    for name in sorted(path.name for path in sound.iterdir() if path.stat().st_size):
        shutil.rmtree(closed)
        shutil.copytree(sound, closed)
        raw = bytearray((closed / name).read_bytes())
        raw[len(raw) // 2] ^= 0x10
        (closed / name).write_bytes(raw)
        index = TantivyIndex.open(closed)
        assert (index.seq, ids(index, "acme invoice")) in ((7, ["m1", "m5", "m2"]), (0, [])), name
        fresh += index.seq == 0
        index.close()
    assert fresh >= 6


def test_without_the_note_or_with_a_missing_file_the_index_starts_anew(closed: Path, tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    shutil.copytree(closed, sound)
    for name in ("applied.json", "meta.json", next(path.name for path in sound.glob("*.idx"))):
        shutil.rmtree(closed)
        shutil.copytree(sound, closed)
        (closed / name).unlink()
        index = TantivyIndex.open(closed)
        assert (name, index.seq, ids(index, "acme")) == (name, 0, [])
        index.put(ROWS, removed=(), seq=7)
        assert ids(index, "lunch") == ["m5"]
        index.close()


def test_without_the_check_a_flipped_byte_would_be_served(closed: Path) -> None:
    """The twin: tantivy alone opens a damaged store of documents and answers with another id."""
    damaged = 0
    for path in sorted(closed.glob("*")):
        if path.suffix not in {".fieldnorm", ".fast", ".term", ".store", ".idx"}:
            continue
        raw = path.read_bytes()
        path.write_bytes(raw[:10] + bytes((raw[10] ^ 0x10,)) + raw[11:])
        try:
            tantivy.Index(_schema(), str(closed), True)
            damaged += 1
        except ValueError:
            pass
        path.write_bytes(raw)
    assert damaged > 0
