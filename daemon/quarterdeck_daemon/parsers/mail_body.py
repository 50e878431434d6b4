"""The readable text of a mail: which parts a reader would see, as one text."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from email.errors import CloseBoundaryNotFoundDefect, InvalidBase64LengthDefect, StartBoundaryNotFoundDefect
from email.message import Message

from .decoding import clean, decoded
from .html_text import text_of
from .limits import PARTS_MAX
from .mail_headers import BROKEN, one_line
from .mail_raw import Part

STUB_CHARS_MAX = 160  # A plain part this short beside a long HTML part says "use another program".
STUB_TIMES_SHORTER = 4
CUT_OFF = (CloseBoundaryNotFoundDefect, StartBoundaryNotFoundDefect, InvalidBase64LengthDefect)


@dataclass
class Body:
    """What was found while walking the parts."""

    text: str = ""
    charset: str = ""
    attachments: list[str] = field(default_factory=list)
    media_types: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    hidden: str = ""


def body_of(message: Part) -> Body:
    body = Body()
    body.text = clean(_walk(message, body))
    if any(isinstance(defect, CUT_OFF) for part in _first_parts(message) for defect in part.defects):
        body.warnings.append("the mail is cut off or damaged")
    return body


def _first_parts(message: Part) -> list[Part]:
    return list(itertools.islice(message.walk(), PARTS_MAX))


def _walk(part: Part, body: Body) -> str:
    """Text of this part and what it contains. The depth was bounded when the tree was built."""
    if len(body.media_types) >= PARTS_MAX:
        return ""
    media_type = part.get_content_type()
    body.media_types.append(media_type)
    if _is_attachment(part, media_type):
        body.attachments.append(_file_name(part) or media_type)
        return ""
    if media_type == "multipart/alternative" and part.is_multipart():
        return _alternative(part, body)
    if part.is_multipart():
        return "\n\n".join(text for child in part.get_payload() if (text := _walk(_part(child), body)))
    return _leaf(part, media_type, body)


def _alternative(part: Part, body: Body) -> str:
    """Plain text is preferred, unless it is a stub that only points to the HTML."""
    children = [_part(child) for child in part.get_payload()]
    plain = "".join(_walk(child, body) for child in children if child.get_content_type() == "text/plain")
    seen: list[str] = []
    scratch = Body(media_types=body.media_types, attachments=body.attachments)
    seen.extend(_walk(child, scratch) for child in children if child.get_content_type() != "text/plain")
    rich = "\n\n".join(text for text in seen if text)
    stub = len(plain.strip()) < STUB_CHARS_MAX and len(rich) > STUB_TIMES_SHORTER * len(plain.strip())
    if not stub:
        return plain
    body.charset = scratch.charset or body.charset
    body.warnings += scratch.warnings
    body.hidden += scratch.hidden
    return rich


def _part(child: object) -> Part:
    assert isinstance(child, Message), "the library keeps messages in a multipart"
    return child


def _is_attachment(part: Part, media_type: str) -> bool:
    disposition = str(part.get("content-disposition", "")).strip().lower()
    if disposition.startswith("attachment") or media_type.startswith("message/"):
        return True
    if media_type.startswith("multipart/"):
        return False
    return not media_type.startswith("text/") or (bool(_file_name(part)) and media_type != "text/html")


def _file_name(part: Part) -> str:
    try:
        return one_line(str(part.get_filename("")))[:200]
    except BROKEN:
        return "(unreadable name)"


def _leaf(part: Part, media_type: str, body: Body) -> str:
    if media_type not in ("text/plain", "text/html", "text/enriched", "text/markdown"):
        return ""
    text, charset, warning = decoded(_bytes_of(part, body), _declared_charset(part))
    body.charset = body.charset or charset
    if warning:
        body.warnings.append(warning)
    if media_type != "text/html":
        return _unflowed(text, part)
    shown, hidden = text_of(text)
    body.hidden += hidden
    return shown


def _bytes_of(part: Part, body: Body) -> bytes:
    try:
        payload = part.get_payload(decode=True)
    except BROKEN:
        body.warnings.append("a part's encoding is damaged")
        payload = str(part.get_payload()).encode("utf-8", "surrogateescape")
    return payload if isinstance(payload, bytes) else b""


def _declared_charset(part: Part) -> str:
    try:
        return str(part.get_content_charset("") or "")
    except BROKEN:
        return ""


def _unflowed(text: str, part: Part) -> str:
    """Join soft line breaks of format=flowed (RFC 3676): a line that ends in a blank goes on."""
    if "flowed" not in str(part.get("content-type", "")).lower():
        return text
    return re.sub(r"(?m)^((?!>|-- $).*\S) \r?\n(?!>|\s|-- ?$)", r"\1 ", text)
