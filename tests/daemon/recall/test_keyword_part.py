"""Words are found in their language, as written or by their stem, and damaged files are never answered from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.recall.keyword import KeywordPart, Text, _schema
from quarterdeck_daemon.store.errors import LogLocked

GENERATION = "g"
TEXTS = (
    Text(1, "", "The invoices of Acme were paid by Müller", "en"),
    Text(2, "", "Die Rechnungen von Acme sind bezahlt, die Häuser verkauft", "de"),
    Text(3, "", "الفَاتُورَة مدفوعة إلى المكتبـــة", "ar"),
    Text(4, "", "発票を支払いました", "ja"),
    Text(5, "Acme", "Lunch on Friday", "en"),
    Text(6, "", "Nous avons reçu les factures payées hier", "fr"),
    Text(7, "", "Оплаченные счета лежат в папке", "ru"),
)


def opened(folder: Path, step: int = 10) -> KeywordPart:
    return KeywordPart.open(folder, GENERATION, step)


def keys(part: KeywordPart, query: str, language: str = "en") -> list[int]:
    words = part.words(query, language)
    return [int(key) for key in part.search(words, 10)[0]] if words else []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeywordPart]:
    part = opened(tmp_path_factory.mktemp("shared") / "words")
    part.put(TEXTS, (), seq=7, step=1)
    yield part
    part.close()


@pytest.mark.parametrize(
    ("query", "language", "found"),
    [
        ("invoice", "en", [1]),
        ("PAYING invoice", "en", [1]),
        ("muller", "en", [1]),
        ("Rechnung", "de", [2]),
        ("Rechnung", "en", [2]),
        ("Haus", "de", [2]),
        ("فاتورة", "ar", [3]),
        ("الفاتوره", "ar", [3]),
        ("الى المكتبة", "ar", [3]),
        ("票", "zh", [4]),
        ("facture payée", "fr", [6]),
        ("счёт оплаченный", "ru", [7]),
        ("lunch of the month", "en", [5]),
        ("nothing", "en", []),
        ("", "en", []),
    ],
)
def test_words_are_found_in_their_language(shared: KeywordPart, query: str, language: str, found: list[int]) -> None:
    assert keys(shared, query, language) == found


def test_a_word_in_the_title_counts_more(shared: KeywordPart) -> None:
    assert keys(shared, "acme")[0] == 5


def test_a_title_that_repeats_the_text_counts_once(tmp_path: Path) -> None:
    part = opened(tmp_path / "words")
    part.put(
        [Text(1, "blue boat", "blue boat in the harbour", "en"), Text(2, "", "blue boat in the harbour", "en")],
        (),
        seq=1,
        step=1,
    )
    _, scores = part.search(part.words("blue", "en"), 10)
    assert scores[0] == scores[1]
    part.close()


def test_words_that_only_ask_are_left_out_unless_they_are_all_there_is(shared: KeywordPart) -> None:
    def told(query: str, language: str) -> list[str]:
        return [word.text for word in shared.words(query, language)]

    assert told("what did they say about the invoice?", "en") == ["say", "invoice"]
    assert told("who is it", "en") == ["who", "is", "it"]
    assert told("wann wurde die Rechnung bezahlt", "de") == ["wurde", "rechnung", "bezahlt"]


def test_the_words_that_a_row_has_are_told(shared: KeywordPart) -> None:
    words = shared.words("paid invoice friday Acme", "en")
    covered = shared.covered(words, [1, 5, 3])
    assert {key: [word.text for word in has] for key, has in covered.items()} == {
        1: ["paid", "invoice", "acme"],
        5: ["friday", "acme"],
    }


def test_a_rare_word_weighs_more_than_a_frequent_one_and_an_unknown_one_most(shared: KeywordPart) -> None:
    rare, frequent, unknown = shared.words("lunch acme zeppelin", "en")
    assert frequent.weight < rare.weight < unknown.weight


def test_a_question_is_told_apart_into_who_and_what(shared: KeywordPart) -> None:
    question = "Which invoices of Acme did Zeppelin pay in June?"
    for many, known in ((1, "who"), (10, "rare")):
        roles = {word.text: word.role for word in shared.words(question, "en", many)}
        assert roles == {"invoices": "what", "acme": known, "zeppelin": "unknown", "pay": "what", "june": "frame"}
    assert {word.role for word in shared.words("Hat Acme die Rechnung bezahlt?", "de")} == {"what"}


def test_the_language_of_a_short_question_is_told_by_its_little_words(shared: KeywordPart) -> None:
    asked = ("Rechnung für Acme", "les factures", "invoice of Acme", "Acme")
    assert [shared.spoken(query, "en") for query in asked] == ["de", "fr", "en", "en"]


def test_a_compound_finds_what_was_told_of_its_halves(tmp_path: Path) -> None:
    part = opened(tmp_path / "words")
    part.put([Text(1, "", "Der Schlüssel zum Archiv", "de"), Text(2, "", "Acht Stühle", "de")], (), seq=1, step=1)
    asked = ("Archivschlüssel", "Schlüsseldienst", "Weihnachten", "Archiv")
    assert [keys(part, query, "de") for query in asked] == [[1], [1], [], [1]]
    assert keys(part, "Archivschlüssel", "en") == []
    part.close()


def test_letters_that_build_sentences_are_not_looked_for(tmp_path: Path) -> None:
    part = opened(tmp_path / "words")
    texts = [Text(1, "", "電話は事務所にあります", "ja"), Text(2, "", "他的狗在办公室", "zh")]
    part.put(texts, (), seq=1, step=1)
    asked = (("電話はどこですか", "ja"), ("狗在哪里", "zh"), ("どこですか", "ja"))
    assert ["".join(word.text for word in part.words(*one)) for one in asked] == ["電話", "狗", "どこですか"]
    part.close()


def test_irregular_forms_and_words_of_one_family_meet(tmp_path: Path) -> None:
    part = opened(tmp_path / "words")
    part.put(
        [
            Text(1, "", "I ran ten miles", "en"),
            Text(2, "", "allergic to walnuts", "en"),
            Text(3, "", "payable on delivery", "en"),
        ],
        (),
        seq=1,
        step=1,
    )
    assert keys(part, "when did she run") == [1]
    assert keys(part, "any allergies?") == keys(part, "allergy") == [2]
    assert keys(part, "who has to pay") == [3]
    assert keys(part, "pay", "de") == []
    part.close()


def test_an_owner_leaves_no_letter_behind(shared: KeywordPart) -> None:
    assert [word.text for word in shared.words("what is Acme's invoice", "en")] == ["acme", "invoice"]


def test_a_search_among_rows_scores_as_the_whole_one_does(shared: KeywordPart) -> None:
    words = shared.words("acme invoice", "en")
    whole = dict(zip(*(one.tolist() for one in shared.search(words, 10)), strict=True))
    assert dict(zip(*(one.tolist() for one in shared.search_among(words, [1, 3])), strict=True)) == {1: whole[1]}


def test_a_row_is_replaced_and_a_dead_one_is_gone(tmp_path: Path) -> None:
    part = opened(tmp_path / "words")
    part.put(TEXTS, (), seq=7, step=1)
    part.put([Text(1, "", "changed", "en")], [2], seq=9, step=2)
    assert (keys(part, "acme"), keys(part, "changed"), part.seq) == ([5], [1], 9)
    part.close()


@settings(max_examples=150, deadline=None)
@given(query=st.text(max_size=60) | st.sampled_from(["AND OR (", 'a:"b', "* OR NOT", "[1 TO", "id:m1^", "\\", "a~9"]))
def test_no_text_is_a_syntax_error(shared: KeywordPart, query: str) -> None:
    assert isinstance(keys(shared, query), list)


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "words"
    part = opened(folder)
    part.put(TEXTS, (), seq=7, step=1)
    part.close()
    return folder


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    for number in range(12):
        part = opened(tmp_path / "words", step=number)
        assert part.seq == number
        part.put([Text(number, "", "word", "en")], (), seq=number + 1, step=number + 1)
        part.close()
    assert len(keys(opened(tmp_path / "words", step=12), "word")) == 10


def test_a_second_opening_is_refused_and_harms_nobody(tmp_path: Path) -> None:
    part = opened(tmp_path / "words")
    with pytest.raises(LogLocked):
        opened(tmp_path / "words")
    part.put([Text(9, "", "still here", "en")], (), seq=8, step=1)
    assert keys(part, "still") == [9]
    part.close()


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
        part = opened(closed)
        assert (part.seq, keys(part, "acme invoice")) in ((7, [1, 5, 2]), (0, [])), name
        fresh += part.seq == 0
        part.close()
    assert fresh >= 6


def test_without_the_note_or_with_a_missing_file_the_index_starts_anew(closed: Path, tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    shutil.copytree(closed, sound)
    for name in ("applied.json", "meta.json", next(path.name for path in sound.glob("*.idx"))):
        shutil.rmtree(closed)
        shutil.copytree(sound, closed)
        (closed / name).unlink()
        part = opened(closed)
        assert (name, part.seq, keys(part, "acme")) == (name, 0, [])
        part.close()


def test_an_index_of_another_catalogue_or_ahead_of_it_is_not_believed(closed: Path) -> None:
    part = KeywordPart.open(closed, GENERATION, step=0)
    assert part.seq == 0
    part.close()


def test_without_the_check_a_flipped_byte_would_be_served(closed: Path) -> None:
    """The twin: tantivy alone opens files that are not what was written."""
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
