"""PDFs: pages in the titles, paragraphs whole again, and plain words about those that have no text."""

from __future__ import annotations

import itertools

import pytest

from quarterdeck_daemon.core.turn import strings
from quarterdeck_daemon.parsers import pdf as pdf_parser

from .papers import encrypted_pdf, pdf, read, told

FEES = [
    ["Contract 17", "Page 1 of 4", "1. Scope", "We build a web site for the cus-", "tomer. It has a shop."],
    ["Contract 17", "Page 2 of 4", "2. Fees", "A day costs EUR 680."],
    ["Contract 17", "Page 3 of 4", "It is paid within 14 days."],
    ["Contract 17", "Page 4 of 4", "3. End", "Either side may end it."],
]


def test_chunks_know_their_section_and_their_page() -> None:
    """Running titles and page numbers are left out, a divided word is whole, a section goes on over a page."""
    parsed = read("contract.pdf", pdf(FEES, title="Contract"))
    assert told(parsed) == [
        ("Contract > 1. Scope, p. 1", "1. Scope\n\nWe build a web site for the customer. It has a shop."),
        ("Contract > 2. Fees, p. 2–3", "2. Fees\n\nA day costs EUR 680.\n\nIt is paid within 14 days."),
        ("Contract > 3. End, p. 4", "3. End\n\nEither side may end it."),
    ]
    assert (parsed.meta["pages"], parsed.meta["language"]) == ("4", "en")


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (encrypted_pdf("x"), "encrypted", "the PDF is encrypted"),
        (pdf([[], []]), "no_text", "2 page(s) without a text layer: a scan"),
        (b"no pdf at all", "malformed", "this is no PDF"),
        (b"%PDF-1.4\n", "malformed", "the PDF is damaged"),
    ],
    ids=["encrypted", "scanned", "no PDF", "cut off"],
)
def test_a_pdf_without_readable_text_says_what_to_do(data: bytes, reason: str, words: str) -> None:
    parsed = read("a.pdf", data, "application/pdf")
    assert (parsed.text, parsed.meta["unreadable"]) == ("", reason)
    assert parsed.unreadable.startswith(words)


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    assert read("a.pdf", encrypted_pdf("")).text == "secret words"


def test_pages_without_text_are_named() -> None:
    parsed = read("a.pdf", pdf([["First page."], [], ["Third page."]]))
    assert parsed.meta["warnings"] == ["no text on page(s) 2: scans or pictures"]


def test_a_pdf_that_takes_too_long_ends_with_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is asked at every operation of a page; the twin, for whom it never passes, reads on to the end."""
    data = pdf([[f"Page number {number} has words."] for number in range(1, 40)])
    ticks = itertools.count()
    monkeypatch.setattr("quarterdeck_daemon.parsers.pdf.monotonic", lambda: next(ticks) / 10)
    cut = read("a.pdf", data)
    monkeypatch.setattr("quarterdeck_daemon.parsers.pdf.monotonic", lambda: 0.0)
    whole = read("a.pdf", data)
    assert whole.meta["warnings"] == []
    assert whole.text.startswith(cut.text)
    assert 0 < len(cut.text) < len(whole.text)
    assert len(strings(cut.meta["warnings"])) == 1
    monkeypatch.setattr(pdf_parser, "PARSE_S_MAX", -1.0)
    assert read("a.pdf", data).meta["unreadable"] == "too_slow"


def test_a_few_bytes_that_draw_for_ever_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_parser, "PAGE_BYTES_MAX", 2_000)
    parsed = read("a.pdf", pdf([["First page."], ["Again and again."] * 1_000, ["Third page."]]))
    assert (parsed.text, parsed.meta["warnings"]) == (
        "First page.\n\nThird page.",
        ["damaged page(s) 2 could not be read"],
    )


def test_a_paragraph_of_many_lines_is_joined_in_one_go() -> None:
    """It was looked at anew from its beginning for every line of it."""
    lines = [f"line {number} with-" if number % 2 else "out end" for number in range(30_000)]
    assert len(pdf_parser._joined(lines)) == sum(map(len, lines)) + 1  # The last hyphen stays.


def test_more_pages_than_the_limit_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_parser, "PDF_PAGES_MAX", 2)
    parsed = read("a.pdf", pdf([["One."], ["Two."], ["Three."]]))
    assert (parsed.text, parsed.meta["warnings"]) == ("One.\n\nTwo.", ["only the first 2 of 3 pages were read"])
