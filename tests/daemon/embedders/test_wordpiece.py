"""Word pieces: ours against the library that the teacher was trained with."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece as LibraryWordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from quarterdeck_daemon.embedders.static_file import read_table
from quarterdeck_daemon.embedders.wordpiece import WORDS_KEPT_MAX, WordPiece

VOCABULARY = read_table().vocabulary
PIECES = WordPiece(VOCABULARY)

TRICKY = (
    "",
    " ",
    "Hello, World!",
    "don't can't won't — it's O'Brien's",
    "naïve café Ångström Zoë ÅÄÖ ñandú Straße ẞ",
    "ΣΊΣΥΦΟΣ Σ σς",
    "İstanbul DİYARBAKIR ıI",
    "e\u0301e\u0300 o\u0308 combining \u0301 alone",
    "tabs\tand\nlines\r\nand\x0bvertical\x0cfeeds",
    "nul\x00in\x01the\x7fmiddle \u200bzero\u200dwidth \ufeffmark \ufffd",
    "中文字符 and 漢字かな交じり文 한국어 텍스트",
    "العربية тест ελληνικά ไทย हिन्दी",
    "price: $1,234.56 (10% off) #tag @name a_b-c/d\\e^f`g|h~i",
    "“curly” ‘quotes’ …ellipsis– dash— §¶†‡•",
    "emoji 👩‍👩‍👧‍👦 ☕️ 🇩🇪 x\U0001f600y",
    "x" * 100 + " " + "y" * 101 + " " + "é" * 100,
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "\u00a0no\u2003break\u3000spaces\u2028and\u2029separators\u0085next",
    "ﬁligature ½ ² ™ ℃ Ⅷ ǅ",
    "##ing ## [CLS] [unused5] [MASK]",
    "a\u00adsoft hyphen",
    "𝕳𝖊𝖑𝖑𝖔 ｆｕｌｌｗｉｄｔｈ ﷽",
)


def library() -> Tokenizer:
    ids = {piece: id for id, piece in enumerate(VOCABULARY)}
    made = Tokenizer(LibraryWordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = BertNormalizer()
    made.pre_tokenizer = BertPreTokenizer()
    return made


LIBRARY = library()


def given_by_library(text: str) -> list[int]:
    return list(LIBRARY.encode(text, add_special_tokens=False).ids)


@functools.cache
def is_known(character: str) -> bool:
    """Newer characters than the library's tables know are left out; it takes them for letters."""
    return PIECES.ids(f"a{character}b") == given_by_library(f"a{character}b")


CHARACTERS = st.characters(max_codepoint=0x2FFF, categories=("L", "Mn", "N", "P", "S", "Z", "Cc")).filter(is_known)


@pytest.mark.parametrize("text", TRICKY)
def test_tricky_text_gets_the_ids_that_the_library_gives(text: str) -> None:
    assert PIECES.ids(text) == given_by_library(text)


@settings(max_examples=300, deadline=None)
@given(st.text(CHARACTERS, max_size=40))
def test_any_text_gets_the_ids_that_the_library_gives(text: str) -> None:
    assert PIECES.ids(text) == given_by_library(text)


def test_nearly_every_character_is_folded_as_the_library_folds_it() -> None:
    """What differs is younger than the library's tables: a mark added to Unicode since 2015."""
    different = [one for one in map(chr, range(0x3000)) if not is_known(one)]
    assert len(different) < 150
    assert all(ord(one) > 0x5FF for one in different)


def test_an_ascii_text_is_folded_as_it_is_among_other_characters() -> None:
    """Two ways lead through the folding; a character that is not ASCII changes the way and nothing else."""
    text = "".join(map(chr, range(128))) + " The QUICK brown_fox, isn't it?"
    assert PIECES.ids(f"{text} é")[:-1] == PIECES.ids(text)


def test_the_words_that_are_remembered_stay_few() -> None:
    pieces = WordPiece(VOCABULARY)
    for number in range(WORDS_KEPT_MAX + 10):
        pieces.ids(f"w{number}")
    pieces.ids("z" * 1_000_000)
    assert len(pieces) <= WORDS_KEPT_MAX
    assert max(map(len, pieces)) <= 100
