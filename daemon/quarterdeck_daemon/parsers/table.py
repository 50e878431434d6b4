"""Which parser reads which media type. The only way into this package."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .facts_file import parse_facts
from .limits import DOCUMENT_BYTES_MAX
from .mail import parse_mail
from .prose import parse_markdown, parse_plain

Parser = Callable[[ParseDocument], Parsed]


def parse_toml(order: ParseDocument) -> Parsed:
    """A file in a folder `facts` holds canonical facts; any other is text."""
    folders = order.name.replace("\\", "/").split("/")[:-1]
    return parse_facts(order) if "facts" in folders else parse_plain(order)


PARSERS: dict[str, Parser] = {
    "message/rfc822": parse_mail,
    "text/markdown": parse_markdown,
    "text/plain": parse_plain,
    "text/csv": parse_plain,
    "application/toml": parse_toml,
}


def parse(order: ParseDocument) -> Parsed:
    """Read a document. Bad input never raises: `unreadable` says why there is no text."""
    media_type = order.media_type.partition(";")[0].strip().lower()
    parser = PARSERS.get(media_type)
    if parser is None:
        return _refused(order, f"no parser for {media_type or 'an unnamed media type'}")
    if len(order.data) > DOCUMENT_BYTES_MAX:
        return _refused(order, f"{len(order.data)} bytes; the limit is {DOCUMENT_BYTES_MAX}")
    return parser(order)


def _refused(order: ParseDocument, reason: str) -> Parsed:
    return Parsed(title=order.name, text="", meta={}, unreadable=reason)
