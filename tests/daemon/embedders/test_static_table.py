"""The table that is shipped: its file, its live idf, and what it can read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from quarterdeck_daemon.embedders.static import DOCUMENTS_MIN, StaticEmbedder
from quarterdeck_daemon.embedders.static_file import DIGEST, PATH, StaticTable, read_table, table_bytes
from quarterdeck_protocol.codes import QuarterdeckError

from .sentences import SENTENCES

EMBEDDER = StaticEmbedder()


# --- the file ---------------------------------------------------------------------------------------


def test_the_shipped_file_is_the_pinned_one_and_small() -> None:
    content = PATH.read_bytes()
    assert hashlib.sha256(content).hexdigest() == DIGEST
    assert len(content) < 8_500_000


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    weights, rows = np.array([0.5, 0.0, 2.0], np.float32), np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    content = table_bytes(StaticTable(["[UNK]", "é", "##中"], weights, rows))
    (tmp_path / "t.bin").write_bytes(content)
    found = read_table(tmp_path / "t.bin", hashlib.sha256(content).hexdigest())
    assert found.vocabulary == ["[UNK]", "é", "##中"]
    assert np.array_equal(found.weights, weights)
    assert np.array_equal(found.rows, rows)


def flipped(content: bytes) -> bytes:
    at = len(content) - 1_000_000
    return content[:at] + bytes(byte ^ 0x40 for byte in content[at:])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "flipped bits": flipped,
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "something else": lambda content: b"QDSTATIC and then nothing",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_table_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "t.bin").write_bytes(DAMAGE[damage](PATH.read_bytes()))
    with pytest.raises(QuarterdeckError) as refused:
        read_table(tmp_path / "t.bin")
    assert (refused.value.code, refused.value.hint) == ("unavailable", "Install the package again.")
    with pytest.raises(QuarterdeckError):
        read_table(tmp_path / "missing.bin")


def test_without_the_pinned_hash_a_damaged_table_would_give_other_vectors(tmp_path: Path) -> None:
    """The twin of the test above: nothing else would notice."""
    content = flipped(PATH.read_bytes())
    (tmp_path / "t.bin").write_bytes(content)
    damaged = StaticEmbedder(read_table(tmp_path / "t.bin", hashlib.sha256(content).hexdigest()))
    text = [" ".join(word for word in read_table().vocabulary[-1_000:] if word.isascii() and word.isalpha())]
    assert float(damaged.documents(text)[0] @ EMBEDDER.documents(text)[0]) < 0.9


# --- what the store holds ---------------------------------------------------------------------------


def test_a_word_of_every_note_counts_less_in_a_question_once_learned() -> None:
    embedder = StaticEmbedder()
    about_price, about_client = embedder.documents(["the price went up", "a client called"])
    asked = "client price"
    before = embedder.queries([asked])[0]
    embedder.learn([f"client number {number}" for number in range(200)])
    after = embedder.queries([asked])[0]
    assert after @ about_price > before @ about_price
    assert after @ about_client < before @ about_client


def test_a_few_documents_change_no_question() -> None:
    """Counts of fewer than DOCUMENTS_MIN notes say little."""
    embedder = StaticEmbedder()
    before = embedder.queries(["client price"])
    embedder.learn(["client"] * (DOCUMENTS_MIN - 1))
    assert np.array_equal(embedder.queries(["client price"]), before)
    embedder.learn(["client"])
    assert not np.array_equal(embedder.queries(["client price"]), before)


def test_forgetting_what_was_never_learned_does_no_harm() -> None:
    embedder = StaticEmbedder()
    embedder.learn(["client price"] * 10, forget=True)
    assert embedder.learned() == StaticEmbedder().learned()


def test_control_tokens_written_in_a_text_are_words() -> None:
    assert np.array_equal(EMBEDDER.documents(["[CLS] invoice [SEP]"]), EMBEDDER.documents(["[cls] invoice [sep]"]))


# --- what it can read -------------------------------------------------------------------------------


def test_english_is_read_fluently_and_other_scripts_not_at_all() -> None:
    assert EMBEDDER.fluency("Which client complained about the late delivery?") == 1.0
    for foreign in ("متى تستحق الفاتورة؟", "Когда нужно оплатить счёт?", "請求書の支払期限はいつですか"):
        assert EMBEDDER.fluency(foreign) < 0.1


@pytest.mark.parametrize("language", [language for language in SENTENCES if language != "en"])
def test_a_foreign_language_in_latin_letters_counts_about_half(language: str) -> None:
    """Told by the share of whole words, sentence by sentence; single questions may be mistaken, most are not."""
    english = [EMBEDDER.fluency(text) for text in SENTENCES["en"]]
    foreign = [EMBEDDER.fluency(text) for text in SENTENCES[language]]
    assert median(english) > 0.95
    assert median(foreign) < 0.6
    told = sum(one > other for one in english for other in foreign) / (len(english) * len(foreign))
    assert told > 0.9


def test_unrelated_foreign_texts_would_look_related_without_the_guard() -> None:
    """Why half: fragments are shared by all texts of a language, so cosines of unrelated ones are high."""

    def unrelated(language: str, *, guarded: bool) -> float:
        texts = SENTENCES[language]
        near = EMBEDDER.documents(texts) @ EMBEDDER.documents(texts).T
        if guarded:
            near = near * np.array([EMBEDDER.fluency(text) for text in texts])[:, None]
        return float(np.quantile(near[~np.eye(len(texts), dtype=bool)], 0.95))

    english = unrelated("en", guarded=True)
    assert unrelated("de", guarded=False) > english + 0.15
    assert unrelated("de", guarded=True) < english + 0.1
