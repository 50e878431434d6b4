"""Separated values, web pages and conversations, and the structure that chunks follow."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.parsers.chunks import chunks_of
from quarterdeck_daemon.parsers.limits import CHUNK_CHARS
from quarterdeck_daemon.parsers.markdown import markdown_blocks
from quarterdeck_daemon.parsers.plain import plain_blocks
from quarterdeck_daemon.parsers.transcript import conversation_blocks
from quarterdeck_protocol.media import UNKNOWN, media_type_of

from .papers import CAPTIONS, MAIL, PAGE, SUBTITLES, TABLE, contract_docx, invoices_xlsx, read, told


def test_values_stay_as_they_stand_and_the_delimiter_is_found() -> None:
    assert told(read("table.csv", TABLE)) == [
        (
            "table, rows 2–5",
            "No | Client | Amount\n1 | Müller & Söhne | 10,50\n2 | Nube; S.L. | 20,00\n3 | Acme | 30,00",
        )
    ]


def test_lines_above_the_header_are_kept_apart() -> None:
    bank = b"Account DE12\nExported 2026-03-01\nDate,Text,Amount\n2026-01-02,Rent,-800.00\n2026-01-03,Fee,-1.00\n"
    assert told(read("bank.csv", bank)) == [
        ("bank", "Account DE12\nExported 2026-03-01"),
        ("bank, rows 4–5", "Date | Text | Amount\n2026-01-02 | Rent | -800.00\n2026-01-03 | Fee | -1.00"),
    ]


def test_a_page_gives_what_its_reader_sees() -> None:
    parsed = read("terms.html", PAGE)
    assert told(parsed) == [
        ("Terms & prices > Terms", "Terms\n\nWe pay in 14 days."),
        ("Terms & prices > Terms > Prices", "Prices\n\n- Design 680\n\n- Tests 500\n\n| Day | EUR\n\n| 1 | 680"),
    ]
    assert parsed.meta["warnings"] == ["hidden text was left out"]


def test_captions_become_turns_with_speaker_and_time() -> None:
    assert told(read("call.vtt", CAPTIONS)) == [
        (
            "call, 00:00:01–01:00:09",
            "[00:00:01] Ana: Shall we move the launch? To the first of May.\n[01:00:09] Ben: Fine & done.",
        )
    ]
    assert told(read("call.srt", SUBTITLES)) == [
        ("call, 00:00:01–00:00:05", "[00:00:01] Ana: Shall we move it?\n[00:00:05] Ben: Yes.")
    ]


def test_a_conversation_in_plain_text_is_cut_between_turns() -> None:
    turn = "a sentence that fills the line with words so that the talk gets long enough to be cut somewhere"
    text = "".join(f"[10:{minute:02}] {'Ana' if minute % 2 else 'Ben'}: {turn} {minute}.\n" for minute in range(60))
    chunks = read("talk.txt", text.encode()).chunks
    assert len(chunks) > 3
    assert all(chunk.text.startswith("[10:") for chunk in chunks)
    assert chunks[0].title.startswith("talk, 10:00–10:")


@pytest.mark.parametrize(
    "form",
    [
        "Name: Ana\nCity: Porto\nPhone: 12\nMail: a@b.c\nDate: today\nPlace: here\n",
        "Ana: hi\nBen: yes\n",
        "No colon\n" * 9,
    ],
)
def test_a_form_is_no_conversation(form: str) -> None:
    assert conversation_blocks(form) == []


def test_numbered_headings_of_plain_text_are_told_from_lists() -> None:
    text = "1. Scope\n\nWe build it, e.g. with Dr. Smith.\n\n§ 2 Fees\n\nIt costs.\n\n1. one\n\n2. two\n\n3. three"
    blocks = [(block.heading, text[block.begin : block.end]) for block in plain_blocks(text) if block.heading]
    assert blocks == [(1, "1. Scope"), (1, "§ 2 Fees")]


def test_fences_tables_and_front_matter_of_markdown_hold_no_headings() -> None:
    text = "---\ntitle: Plan\n---\n\nIntro\n=====\nwords\n\n```\n# no heading\n\nstill\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    blocks = markdown_blocks(text)
    assert [(block.heading, block.name) for block in blocks if block.heading] == [(1, "Intro")]
    assert "```\n# no heading\n\nstill\n```" in [text[block.begin : block.end] for block in blocks]
    assert read("plan.md", text.encode()).title == "Plan"


SENTENCE = "This is one sentence of the text, which has a few words, e.g. these, and ends here."


def test_no_sentence_is_cut_when_it_can_be_avoided() -> None:
    text = " ".join([SENTENCE] * 200)
    chunks = chunks_of(text, plain_blocks(text))
    assert all(chunk.text.endswith("ends here.") for chunk in chunks)
    words = [len(chunk.text.split()) for chunk in chunks]
    assert all(120 <= count <= 250 for count in words[:-1]), words


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab.。! \n#-:|1é你", max_size=4_000), st.sampled_from(["", "zh"]))
def test_chunks_are_what_their_spans_say_whatever_the_text(text: str, language: str) -> None:
    for blocks in (markdown_blocks(text), plain_blocks(text), conversation_blocks(text)):
        chunks = chunks_of(text, blocks, title="T", language=language)
        spans = [chunk.span for chunk in chunks]
        assert [text[slice(*span)] for span in spans] == [chunk.text for chunk in chunks]
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
        assert all(chunk.text.strip() == chunk.text and len(chunk.text) <= CHUNK_CHARS * 3 // 2 for chunk in chunks)


def test_chunks_know_their_language() -> None:
    german = "Wir haben den Vertrag für das neue Projekt mit der Firma und bitten Sie um die Unterschrift. " * 5
    english = "We have signed the contract for the new project with the company and we will send it to you. " * 5
    chunks = read("mixed.md", f"# Deutsch\n\n{german}\n\n# English\n\n{english}".encode()).chunks
    assert [chunk.language for chunk in chunks] == ["de", "en"]


def test_a_reply_is_remembered_without_the_history_it_quotes() -> None:
    parsed = read("mail.eml", MAIL)
    assert [chunk.text for chunk in parsed.chunks] == ["We accept."]
    assert parsed.meta["in_reply_to"] == "<a@studio.example>"


@pytest.mark.parametrize(
    ("name", "head", "media_type"),
    [
        ("x", b"%PDF-1.7", "application/pdf"),
        ("x.txt", b"%PDF-1.7", "application/pdf"),
        ("x", contract_docx()[:8192], "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("x", invoices_xlsx()[:8192], "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("x", MAIL, "message/rfc822"),
        ("x", b"BEGIN:VCARD\n", "text/vcard"),
        ("x", PAGE, "text/html"),
        ("x", "Grüße".encode(), "text/plain"),
        ("x.MD", b"text", "text/markdown"),
        ("x", b"\x00\x01", UNKNOWN),
        ("x.png", b"\x89PNG\r\n", UNKNOWN),
        ("x", b"", UNKNOWN),
    ],
    ids=[
        "pdf",
        "pdf named text",
        "docx",
        "xlsx",
        "mail",
        "vcard",
        "html",
        "text",
        "suffix",
        "zeros",
        "picture",
        "nothing",
    ],
)
def test_the_type_is_told_by_content_first(name: str, head: bytes, media_type: str) -> None:
    assert media_type_of(name, head) == media_type
