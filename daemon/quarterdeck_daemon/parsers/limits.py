"""How much a parser reads and returns. What is beyond a limit is cut and said, never a failure."""

from __future__ import annotations

DOCUMENT_BYTES_MAX = 32 * 1024 * 1024  # Larger documents are not opened at all.
TEXT_CHARS_MAX = 2_000_000  # Readable text kept of one document.
TEXT_BYTES_MAX = 3_500_000  # The same as UTF-8: an answer holds it twice and must stay below the worker's limit.
MAIL_CHARS_MAX = 400_000  # Of one mail: its expressions cost more than those for documents.
HEADER_BLOCK_BYTES_MAX = 256 * 1024  # All headers of a mail together.
HEADER_LINE_BYTES_MAX = 8 * 1024  # One header; longer ones are cut before anything structured reads them.
HEADER_VALUE_CHARS_MAX = 2_000  # One decoded header value in the metadata.
ADDRESSES_MAX = 100  # Recipients kept.
REFERENCES_MAX = 50
NESTING_MAX = 60  # Multiparts and attached messages in one mail, so that no depth can exceed it.
PARTS_MAX = 200  # Parts of a mail that are looked at.
HTML_CHARS_MAX = 2_000_000
REPLY_CHARS_MAX = 40_000  # Beyond it the quote splitter's expressions get slow.
REPLY_LINE_CHARS_MAX = 200
CHUNK_CHARS = 1_200  # Aim: about 200 words; a chunk is never longer than 1.5 times this.
CHUNK_CHARS_MIN = 300  # A last piece smaller than this joins the one before it.
DENSE_CHUNK_CHARS = 500  # The same aim for scripts in which one character says as much as a word.
CHUNKS_MAX = 3_000
TITLE_CHARS_MAX = 300
PARSE_S_MAX = 20.0  # After this a slow parser stops and says how far it came; the kill comes later.

# Archives (DOCX, XLSX): what their directory promises and what really comes out are both held to this.
ZIP_ENTRIES_MAX = 4_000
ZIP_MEMBER_BYTES_MAX = 96 * 1024 * 1024
ZIP_TOTAL_BYTES_MAX = 192 * 1024 * 1024
ZIP_RATIO_MAX = 400  # Unpacked to packed, for members over ZIP_RATIO_FROM_BYTES; real sheets reach about 50.
ZIP_RATIO_FROM_BYTES = 4 * 1024 * 1024
XML_DEPTH_MAX = 200
XML_TEXT_CHARS_MAX = 4_000_000  # Of one element.

PDF_PAGES_MAX = 2_000
PAGE_CHARS_MAX = 100_000
PAGE_BYTES_MAX = 8 * 1024 * 1024  # What draws one page, unpacked.
TABLE_ROWS_MAX = 50_000  # Of one sheet.
TABLE_COLUMNS_MAX = 200
CELL_CHARS_MAX = 2_000
SHEETS_MAX = 100
LINE_CHARS_MAX = 64 * 1024  # One logical line of a calendar or an address book.
EVENTS_MAX = 5_000  # Entries of one calendar.
CONTACTS_MAX = 5_000
ATTENDEES_MAX = 50  # Named; of more the number is said.
CUES_MAX = 50_000
