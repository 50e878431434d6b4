"""Markdown and plain text: the text itself, its title, and chunks along headings, paragraphs or turns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .blocks import Block, capped
from .chunks import chunks_of
from .decoding import BYTE_ORDER_MARKS, clean, decoded
from .language import language_of
from .limits import TITLE_CHARS_MAX
from .markdown import first_heading, front_matter_title, markdown_blocks
from .plain import plain_blocks
from .refusal import Refused
from .transcript import conversation_blocks


def parse_markdown(order: ParseDocument) -> Parsed:
    return _parsed(order, markdown_blocks)


def parse_plain(order: ParseDocument) -> Parsed:
    return _parsed(order, lambda text: conversation_blocks(text) or plain_blocks(text))


def _parsed(order: ParseDocument, blocks_of: Callable[[str], list[Block]]) -> Parsed:
    if b"\0" in order.data[:4096] and not order.data.startswith(BYTE_ORDER_MARKS):
        raise Refused("malformed", "this is no text: it has zero bytes")
    raw, charset, warning = decoded(order.data, "")
    text, warnings = capped(clean(raw))
    if not text.strip():
        raise Refused("empty", "the file has no text")
    blocks = blocks_of(text)
    title = PurePath(order.name).stem or _first_line(text)
    if blocks_of is markdown_blocks:
        title = front_matter_title(text) or first_heading(blocks) or title
    language = language_of(text)
    return Parsed(
        title=title,
        text=text,
        meta={"language": language, "charset": charset, "warnings": [*filter(None, [warning]), *warnings]},
        chunks=chunks_of(text, blocks, title=title, language=language),
    )


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0].strip()[:TITLE_CHARS_MAX]
