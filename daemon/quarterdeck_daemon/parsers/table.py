"""Which parser reads which media type. The only way into this package."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_daemon.core.orders import Parsed, ParseDocument
from quarterdeck_protocol import media

from .address_book import parse_address_book
from .calendar import parse_calendar
from .docx import parse_docx
from .facts_file import parse_facts
from .limits import DOCUMENT_BYTES_MAX
from .mail import parse_mail
from .pdf import parse_pdf
from .prose import parse_markdown, parse_plain
from .refusal import Refused, refusal
from .separated import parse_separated
from .transcript import parse_captions
from .web_page import parse_page
from .xlsx import parse_xlsx

Parser = Callable[[ParseDocument], Parsed]


def parse_toml(order: ParseDocument) -> Parsed:
    """A file in a folder `facts` holds canonical facts; any other is text."""
    folders = order.name.replace("\\", "/").split("/")[:-1]
    return parse_facts(order) if "facts" in folders else parse_plain(order)


PARSERS: dict[str, Parser] = {
    media.MAIL: parse_mail,
    media.MARKDOWN: parse_markdown,
    media.PLAIN: parse_plain,
    media.HTML: parse_page,
    media.XHTML: parse_page,
    media.CSV: parse_separated,
    media.TSV: parse_separated,
    media.PDF: parse_pdf,
    media.DOCX: parse_docx,
    media.XLSX: parse_xlsx,
    media.CALENDAR: parse_calendar,
    media.VCARD: parse_address_book,
    media.WEBVTT: parse_captions,
    media.SUBRIP: parse_captions,
    media.TOML: parse_toml,
    media.JSON: parse_plain,
    media.YAML: parse_plain,
}


def parse(order: ParseDocument) -> Parsed:
    """Read a document. Bad input never raises: `unreadable` says why there is no text, `meta["unreadable"]` in a word."""
    try:
        return _parser(order)(order)
    except Refused as error:
        return refusal(order, error)


def _parser(order: ParseDocument) -> Parser:
    if len(order.data) > DOCUMENT_BYTES_MAX:
        raise Refused("too_large", f"{len(order.data):,} bytes; the limit is {DOCUMENT_BYTES_MAX:,}")
    if not order.data.strip():
        raise Refused("empty", "the file is empty")
    media_type = order.media_type.partition(";")[0].strip().lower()
    parser = PARSERS.get(media_type)
    if parser is None:
        parser = PARSERS.get(media.media_type_of(order.name, order.data[: media.HEAD_BYTES]))
    if parser is None:
        raise Refused("unsupported", media.why_unsupported(media_type, order.data[: media.HEAD_BYTES]))
    return parser
