"""Media types of documents: their names, and how a file's type is told from its name and its first bytes.

Whoever hands in a document may name its type, or leave it to `media_type_of`.
"""

from __future__ import annotations

import re
from pathlib import PurePath

MAIL = "message/rfc822"
MARKDOWN = "text/markdown"
PLAIN = "text/plain"
HTML = "text/html"
XHTML = "application/xhtml+xml"
CSV = "text/csv"
TSV = "text/tab-separated-values"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CALENDAR = "text/calendar"
VCARD = "text/vcard"
WEBVTT = "text/vtt"
SUBRIP = "application/x-subrip"
TOML = "application/toml"
JSON = "application/json"
YAML = "application/yaml"
UNKNOWN = "application/octet-stream"

HEAD_BYTES = 8_192  # As much of a file's beginning as telling its type may need.

SUFFIXES: dict[str, str] = {
    ".eml": MAIL,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".txt": PLAIN,
    ".text": PLAIN,
    ".log": PLAIN,
    ".rst": PLAIN,
    ".org": PLAIN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": XHTML,
    ".csv": CSV,
    ".tsv": TSV,
    ".pdf": PDF,
    ".docx": DOCX,
    ".docm": DOCX,
    ".xlsx": XLSX,
    ".xlsm": XLSX,
    ".ics": CALENDAR,
    ".vcf": VCARD,
    ".vtt": WEBVTT,
    ".srt": SUBRIP,
    ".toml": TOML,
    ".json": JSON,
    ".yaml": YAML,
    ".yml": YAML,
}
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", PDF),
    (b"BEGIN:VCALENDAR", CALENDAR),
    (b"BEGIN:VCARD", VCARD),
    (b"WEBVTT", WEBVTT),
)
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM")
_MAIL_HEAD = re.compile(rb"(?:[!-9;-~]{1,76}:[^\n]*\n(?:[ \t][^\n]*\n)*){3,}")
_MAIL_NAMES = re.compile(rb"^(?:from|received|return-path|message-id|mime-version|delivered-to):", re.I | re.M)
_HTML_HEAD = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)


def media_type_of(name: str, head: bytes) -> str:
    """Return the media type by what the file begins with, else by its suffix; UNKNOWN when neither tells.

    What cannot be mistaken (a PDF's magic, a ZIP) outweighs the suffix; text is what its suffix says.
    """
    by_name = SUFFIXES.get(PurePath(name).suffix.lower(), "")
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, media_type in _MAGIC:
        if body[: len(magic)].upper() == magic:
            return media_type
    if head.startswith(_ZIP):
        return _office_type(head, by_name)
    if head.startswith((_OLE, *_PICTURES)):
        return by_name if by_name in (DOCX, XLSX) else UNKNOWN  # An encrypted .docx begins like an old one.
    if by_name:
        return by_name
    if _HTML_HEAD.match(head):
        return HTML
    mail = _MAIL_HEAD.match(head)
    if mail and _MAIL_NAMES.search(mail[0]):
        return MAIL
    return PLAIN if _is_text(head) else UNKNOWN


def why_unsupported(media_type: str, head: bytes) -> str:
    """A sentence for people about a document that nothing here reads."""
    if head.startswith(_PICTURES):
        return "a picture: its text is not read. Run it through OCR and remember the result"
    if head.startswith(_OLE):
        return "an Office file of the old kind; save it as .docx, .xlsx or PDF"
    if head.startswith(_ZIP):
        return "an archive, or an office format that is not read; unpack it, or save it as PDF"
    return f"no parser for {media_type or 'a file of this kind'}; save it as text or PDF"


def _office_type(head: bytes, by_name: str) -> str:
    if by_name in (DOCX, XLSX):
        return by_name
    if b"word/" in head:
        return DOCX
    return XLSX if b"xl/" in head else UNKNOWN


def _is_text(head: bytes) -> bool:
    """No zero bytes, and UTF-8 but for a character that the cut divided."""
    if not head or b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == HEAD_BYTES
    return True
