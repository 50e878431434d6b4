"""How much a parser reads and returns. What is beyond a limit is cut and said, never a failure."""

from __future__ import annotations

DOCUMENT_BYTES_MAX = 32 * 1024 * 1024  # Larger documents are not opened at all.
TEXT_CHARS_MAX = 400_000  # Readable text kept of one document.
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
CHUNK_CHARS = 1_200  # Aim; a chunk is never longer than 1.5 times this.
CHUNKS_MAX = 1_000
TITLE_CHARS_MAX = 300
