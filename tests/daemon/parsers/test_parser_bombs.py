"""Files that are made to cost: refused with a reason, within memory and time. Each has a twin without its limit."""

from __future__ import annotations

import io
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.parsers import archive, separated, xml_reader
from quarterdeck_daemon.parsers.limits import DOCUMENT_BYTES_MAX, TABLE_ROWS_MAX, XML_DEPTH_MAX, ZIP_ENTRIES_MAX

from .papers import contract_docx, read, remade, zipped

if TYPE_CHECKING:
    from _typeshed import TraceFunction

WORD = b'<?xml version="1.0"?><w:document xmlns:w="x"><w:body>%s</w:body></w:document>'
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha ha ha ha ha ha ha ha ha ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + at, b"&%c;" % (97 + at) * 10) for at in range(8))
    + b"]><w:document xmlns:w='x'><w:body><w:p><w:r><w:t>&i;</w:t></w:r></w:p></w:body></w:document>"
)
OUTSIDE = LAUGHS.replace(b'<!ENTITY a "ha ha ha ha ha ha ha ha ha ha">', b'<!ENTITY a SYSTEM "file:///etc/passwd">')


def lying(data: bytes, promised: int) -> bytes:
    """The archive with its directory promising that every member has so many bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as zipped_file:
        sizes = {entry.file_size for entry in zipped_file.infolist()}
    for size in sizes:
        if size > 100_000:
            data = data.replace(size.to_bytes(4, "little"), promised.to_bytes(4, "little"))
    return data


BIG = zipped({"word/document.xml": WORD % (b" " * 90_000_000)})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BIG, "zip_bomb"),
        (lying(BIG, 1_000), "malformed"),  # The library notices that more comes out than was promised.
        (zipped({f"{number}": b"" for number in range(ZIP_ENTRIES_MAX + 1)}), "zip_bomb"),
        (remade(contract_docx(), {"word/document.xml": LAUGHS}), "xml_entities"),
        (remade(contract_docx(), {"word/document.xml": OUTSIDE}), "xml_entities"),
        (remade(contract_docx(), {"word/document.xml": WORD % (b"<a>" * 1_000 + b"</a>" * 1_000)}), "too_deep"),
        (b"\x00" * (DOCUMENT_BYTES_MAX + 1), "too_large"),
    ],
    ids=["blanks", "lying directory", "many members", "billion laughs", "outside entity", "deep", "large"],
)
def test_a_bomb_is_refused_before_it_costs(data: bytes, reason: str) -> None:
    tracemalloc.start()
    parsed = read("a.docx", data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (parsed.text, parsed.meta["unreadable"]) == ("", reason)
    assert peak < 80_000_000


def test_the_twin_without_the_ratio_unpacks_the_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ZIP_RATIO_MAX", 10**9)
    tracemalloc.start()
    assert read("a.docx", BIG).meta["unreadable"] == "no_text"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak > 90_000_000


def test_the_twin_that_takes_document_types_lets_entities_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the refusal even a small one of them turns a hundred bytes into a hundred thousand characters."""
    small = LAUGHS.replace(b"&i;", b"&d;")
    monkeypatch.setattr(xml_reader._Reader, "_doctype", lambda *_: None)
    grown = read("a.docx", remade(contract_docx(), {"word/document.xml": small}))
    assert len(grown.text) > 10_000


def test_the_twin_without_a_depth_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = WORD % (b"<a>" * (XML_DEPTH_MAX + 50) + b"</a>" * (XML_DEPTH_MAX + 50))
    monkeypatch.setattr(xml_reader, "XML_DEPTH_MAX", 10**6)
    assert read("a.docx", remade(contract_docx(), {"word/document.xml": deep})).meta["unreadable"] == "no_text"


def test_a_table_with_more_rows_than_the_limit_says_how_many_were_kept() -> None:
    parsed = read("a.csv", b"name,number\n" + b"x,1\n" * (TABLE_ROWS_MAX + 10))
    assert parsed.meta["warnings"] == [f"only the first {TABLE_ROWS_MAX - 1:,} rows were kept"]


def test_the_twin_without_the_limit_keeps_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separated, "TABLE_ROWS_MAX", 10**9)
    assert read("a.csv", b"name,number\n" + b"x,1\n" * (TABLE_ROWS_MAX + 10)).meta["warnings"] == []


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.md", lambda n: b"# " * n),
        ("a.md", lambda n: b"- x\n" * n),
        ("a.md", lambda n: b"```\n" * n),
        ("a.md", lambda n: b"```a\n" * n),
        ("a.md", lambda n: b"---\n" * n),
        ("a.txt", lambda n: b"A: b\n" * n),
        ("a.txt", lambda n: b"1. x\n\n" * n),
        ("a.txt", lambda n: b"." * 4 * n),
        ("a.txt", lambda n: b"a. " * n),
        ("a.vtt", lambda n: b"WEBVTT\n\n" + b"00:01.000 --> 00:02.000\n<v A>x<" * n),
        ("a.ics", lambda n: b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nX" + b";A=" * n),
        ("a.ics", lambda n: b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nX;A=" + b'"",' * n),
        ("a.ics", lambda n: b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x" + b"\n y" * n),
        ("a.vcf", lambda n: b"BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:" + b"=\n" * n),
        ("a.csv", lambda n: b'"' * n),
        ("a.csv", lambda n: b",;\t|" * n),
        ("a.html", lambda n: b"<h1>" * n),
        ("a.html", lambda n: b"<td" * n),
    ],
)
def test_twice_as_much_takes_about_twice_as_long(name: str, make: Callable[[int], bytes]) -> None:
    """Steps are counted, not seconds: quadratic work would be a sixteenfold for four times the input."""
    few, many = steps(name, make(2_000)), steps(name, make(8_000))
    assert many < 8 * few + 20_000


def steps(name: str, data: bytes) -> int:
    """Lines of Python that ran, a measure that no busy machine changes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> TraceFunction:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read(name, data)
    finally:
        sys.settrace(before)
    return count
