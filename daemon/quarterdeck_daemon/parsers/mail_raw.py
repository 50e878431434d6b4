"""Raw bytes of a mail to the standard library's message tree, safe against size and depth.

The tree is built with the compat32 policy: it never parses a header while building or on access, so
one hostile header cannot make the whole mail unreadable. `mail_headers` parses single headers, capped.
"""

from __future__ import annotations

import email.parser
import email.policy
import re
from email.message import Message
from typing import TypeAlias

from .limits import HEADER_BLOCK_BYTES_MAX, HEADER_LINE_BYTES_MAX, NESTING_MAX

Part: TypeAlias = "Message[str, str]"

_NESTING = re.compile(rb"boundary|message/(?:rfc822|global|news|partial)", re.IGNORECASE)
_STRUCTURAL = re.compile(rb"^content-[a-z-]+:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_HEADER = re.compile(rb"[^\n]*(?:\n[ \t]+[^\n]*)*\n?")


def message_of(data: bytes) -> tuple[Part, list[str]]:
    """Return (message, warnings). Past a limit the message has its headers only, and a warning says so."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    head, warnings = _capped_headers(data)
    body = data[data.find(b"\n\n") + 1 :] if b"\n\n" in data else b""
    body = _STRUCTURAL.sub(lambda match: match[0][:HEADER_LINE_BYTES_MAX], body)
    parser = email.parser.BytesParser(policy=email.policy.compat32)
    # Each level of nesting needs one of these words, so their number bounds the depth of the recursion.
    if len(_NESTING.findall(head)) + len(_NESTING.findall(body)) > NESTING_MAX:
        warnings.append(f"more than {NESTING_MAX} nested parts; only the headers were read")
        return parser.parsebytes(head, headersonly=True), warnings
    return parser.parsebytes(head + body), warnings


def _capped_headers(data: bytes) -> tuple[bytes, list[str]]:
    end = data.find(b"\n\n")
    block = data if end < 0 else data[: end + 1]
    if len(block) <= HEADER_LINE_BYTES_MAX or end < 0:
        return block, []
    kept: list[bytes] = []
    size, position, cut = 0, 0, False
    while position < len(block) and size < HEADER_BLOCK_BYTES_MAX:
        match = _HEADER.match(block, position)
        assert match is not None, "the expression matches anything"
        line = match[0]
        if len(line) > HEADER_LINE_BYTES_MAX:
            line, cut = line[:HEADER_LINE_BYTES_MAX].rstrip() + b"\n", True
        kept.append(line)
        size += len(line)
        position = max(match.end(), position + 1)
    cut = cut or position < len(block)
    return b"".join(kept), ["headers were too long and were cut"] if cut else []
