"""Word and Excel files, made by the libraries that others use, read by ours."""

from __future__ import annotations

import docx
import pytest

from .papers import contract_docx, invoices_xlsx, read, remade, saved, told, zipped


def test_a_contract_is_cut_along_its_headings_with_the_path_as_title() -> None:
    parsed = read("contract.docx", contract_docx())
    assert (parsed.title, parsed.unreadable) == ("Contract", "")
    assert told(parsed) == [
        ("Contract", "Contract\n\nBetween Ana Ruiz and Mara Lind."),
        ("Contract > 1. Scope", "1. Scope\n\nA new web site.\n- with a shop\n- with a blog"),
        ("Contract > 3. Fees > 3.1 Rates", "3. Fees\n\n3.1 Rates\n\nA day costs EUR 680."),
        ("Contract > 3. Fees > 3.1 Rates, rows 2–3", "Item | Days\nDesign | 3\nTests | 1"),
    ]


def test_deleted_words_and_field_codes_are_not_text() -> None:
    """A tracked deletion is still in the file; whoever reads the paper does not see it."""
    paper = docx.Document()
    paper.add_paragraph("KEEP")
    body = (
        b'<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        b"<w:body><w:p><w:r><w:t>We pay </w:t></w:r><w:del><w:r><w:delText>never </w:delText></w:r></w:del>"
        b"<w:ins><w:r><w:t>soon</w:t></w:r></w:ins>"
        b"<w:r><w:instrText>PAGE \\* MERGEFORMAT</w:instrText></w:r></w:p></w:body></w:document>"
    )
    assert read("a.docx", remade(saved(paper), {"word/document.xml": body})).text == "We pay soon"


def test_a_workbook_gives_rows_with_their_header_and_dates_as_iso() -> None:
    parsed = read("invoices.xlsx", invoices_xlsx())
    assert told(parsed) == [
        ("invoices > Invoices", "Invoices"),
        (
            "invoices > Invoices, rows 2–4",
            "Number | Client | Due | Amount | Paid\nR-1 | Northwind & Söhne | 2026-01-02 | 10.1 | no\n"
            "R-2 | Northwind & Söhne | 2026-01-03 | 20.2 | yes\nR-3 | Northwind & Söhne | 2026-01-04 | 30.3 | no",
        ),
        ("invoices > Times", "Times"),
        ("invoices > Times, row 2", "What | When\nKick-off | 2026-03-02 10:30:00"),
    ]
    assert (parsed.meta["sheets"], parsed.meta["rows"]) == (["Invoices", "Times"], "4")


def test_every_chunk_of_a_long_sheet_repeats_the_header_and_says_which_rows_it_holds() -> None:
    parsed = read("invoices.xlsx", invoices_xlsx(400))
    rows = [chunk for chunk in parsed.chunks if ", rows " in chunk.title and "Invoices" in chunk.title]
    assert len(rows) > 10
    assert {chunk.text.split("\n")[0] for chunk in rows} == {"Number | Client | Due | Amount | Paid"}
    spans = [chunk.title.rpartition("rows ")[2].split("–") for chunk in rows]
    assert [int(first) for first, _ in spans] == [2, *(int(last) + 1 for _, last in spans[:-1])]
    assert spans[-1][1] == "401"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.docx", b"PK\x03\x04 and nothing", "malformed"),
        ("a.docx", zipped({"x": b"y"}), "malformed"),
        ("a.xlsx", zipped({"x": b"y"}), "malformed"),
        ("a.docx", contract_docx()[:-200], "malformed"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "unsupported"),
        ("a.docx", saved(docx.Document()), "no_text"),
        ("a.xlsx", b"", "empty"),
    ],
    ids=["no archive", "other archive", "other archive as sheet", "cut off", "encrypted", "old", "blank", "empty"],
)
def test_what_cannot_be_read_says_why_in_one_word(name: str, data: bytes, reason: str) -> None:
    parsed = read(name, data)
    assert (parsed.text, parsed.meta["unreadable"]) == ("", reason)
    assert parsed.unreadable
