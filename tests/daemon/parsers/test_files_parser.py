"""Prose and fact files: chunks that point into the text, facts whose mistakes name a line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Parsed, ParsedFact, ParseDocument
from quarterdeck_daemon.parsers.chunks import chunks_of
from quarterdeck_daemon.parsers.language import language_of
from quarterdeck_daemon.parsers.limits import CHUNK_CHARS
from quarterdeck_daemon.parsers.markdown import markdown_blocks
from quarterdeck_daemon.parsers.plain import plain_blocks
from quarterdeck_daemon.parsers.table import parse

HARD_CHARS_MAX = CHUNK_CHARS * 3 // 2


def read(text: str | bytes, media_type: str, name: str = "notes/a.md") -> Parsed:
    data = text.encode() if isinstance(text, str) else text
    return parse(ParseDocument(document="doc1", media_type=media_type, data=data, name=name))


def test_markdown_is_cut_along_its_headings() -> None:
    text = "# Prices\n\nOne day is 680.\n\n## Travel\n\nTrains are extra."
    parsed = read(text, "text/markdown")
    assert parsed.title == "Prices"
    assert [(chunk.title, chunk.text) for chunk in parsed.chunks] == [
        ("Prices", "# Prices\n\nOne day is 680."),
        ("Prices > Travel", "## Travel\n\nTrains are extra."),
    ]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab .\n#é", max_size=6_000))
def test_chunks_are_what_the_text_says_and_together_all_of_it(text: str) -> None:
    chunks = chunks_of(text, markdown_blocks(text))
    assert [text[slice(*chunk.span)] for chunk in chunks] == [chunk.text for chunk in chunks]
    assert all(len(chunk.text) <= HARD_CHARS_MAX for chunk in chunks)
    spans = [chunk.span for chunk in chunks]
    assert spans == sorted(spans)
    left_out = list(text)
    for begin, end in spans:
        left_out[begin:end] = " " * (end - begin)
    assert "".join(left_out).strip() == ""


def test_a_long_line_is_cut_too() -> None:
    assert [len(chunk.text) for chunk in chunks_of("x" * 3_000, plain_blocks("x" * 3_000))] == [1200, 1800]


FACTS = '[[client]]\nkey = "northwind"\nname = "Northwind"\nsince = 2026-01-31\n\n[client.address]\ncity = "Porto"\n'


def test_facts_are_read_with_dates_as_text() -> None:
    parsed = read(FACTS, "application/toml", "facts/clients.toml")
    value: Plain = {"name": "Northwind", "since": "2026-01-31", "address": {"city": "Porto"}}
    assert (parsed.unreadable, parsed.facts) == ("", (ParsedFact(fact_kind="client", key="northwind", value=value),))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (FACTS + "name = ", "not valid TOML: Invalid value (at line 8, the end)"),
        (FACTS + '\n[[client]]\nname = "B"\n', 'line 9: [[client]] needs a text `key`, such as key = "northwind"'),
        (FACTS + '\n[[client]]\nkey = "northwind"\n', "line 9: client 'northwind' stands here twice"),
        ('[client]\nkey = "a"\n', "line 1: 'client' must be written as a table [[client]]"),
        (b'[[client]]\nkey = "\xff"\n', "line 2: not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_mistake_in_a_fact_file_names_its_line_and_nothing_is_taken(text: str | bytes, reason: str) -> None:
    data = text.encode() if isinstance(text, str) else text
    parsed = read(data, "application/toml", "facts/clients.toml")
    assert (parsed.unreadable, parsed.facts) == (f"facts/clients.toml: {reason}", ())


def test_other_toml_is_text_and_an_unknown_type_says_so() -> None:
    assert read("a = 1", "application/toml", "notes/x.toml").text == "a = 1"
    refused = read(b"\x00\x01", "application/x-odd", "odd.bin")
    assert refused.unreadable == "no parser for application/x-odd; save it as text or PDF"
    assert refused.meta == {"unreadable": "unsupported"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We are looking for someone who can help us with the website.", "en"),
        ("Wir suchen jemanden, der uns bei der Webseite hilft.", "de"),
        ("Nous cherchons quelqu'un pour refaire notre site.", "fr"),
        ("Vi söker någon som kan hjälpa oss med webbplatsen.", "sv"),
        ("Buscamos a alguien que nos ayude con la página web.", "es"),
        ("来週ベルリンに行きます。", "ja"),
        ("Мы ищем дизайнера.", "ru"),
        ("12345", ""),
    ],
)
def test_the_language_is_told_or_left_open(text: str, language: str) -> None:
    assert language_of(text) == language
