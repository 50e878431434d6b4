"""A mail (message/rfc822) to text and metadata. Never an exception, whatever the bytes are."""

from __future__ import annotations

import re

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .blocks import Block
from .chunks import chunks_of
from .form_fields import form_fields
from .language import language_of
from .limits import MAIL_CHARS_MAX, TITLE_CHARS_MAX
from .mail_body import Body, body_of
from .mail_headers import Headers
from .mail_kind import automatic_kind
from .mail_raw import Part, message_of
from .plain import plain_blocks
from .reply import Split, split_reply

ENCRYPTED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})

# Words that speak to a machine instead of the reader. A remark for the operator and never a defence:
# the defence is that no word of a mail can choose a recipient, a template or a verb.
_TO_A_MACHINE = re.compile(
    r"(?:ignore|disregard|forget|override)\s+(?:\w+\s+){0,3}(?:previous|prior|above|earlier|all|your)\s+(?:\w+\s+){0,2}"
    r"(?:instruction|prompt|rule|polic|guideline)|system\s*prompt"
    r"|you are (?:now )?(?:an? )?(?:ai|assistant|language model)"
    r"|(?:ai|llm|automated)\s+(?:assistant|agent|system)s?\b.{0,60}\b(?:must|should|please|forward|send|reply|approve)"
    r"|<\|?(?:im_start|system|endoftext)|\[/?INST\]|BEGIN (?:SYSTEM|ADMIN)|ignorier\w*\s+(?:\w+\s+){0,3}anweisung"
    r"|ignor(?:ez|e|a)\s+(?:\w+\s+){0,3}instruc",
    re.IGNORECASE,
)


def parse_mail(order: ParseDocument) -> Parsed:
    """`meta` as documented at core.entities.Document, with strings and lists of strings only, and besides:

    reply_text   the newest part, without quoted history and signature    signature  what stands below it
    attachments  names of the attached files          media_types  of all parts, in order
    form         "field: value" lines when the own web site's contact form relayed the mail
    """
    message, warnings = message_of(order.data)
    headers = Headers(message)
    body = body_of(message)
    if len(body.text) > MAIL_CHARS_MAX:
        body.text = body.text[:MAIL_CHARS_MAX]
        warnings.append(f"only the first {MAIL_CHARS_MAX} characters were kept")
    split = split_reply(body.text)
    meta = _meta(message, headers, body, split)
    meta["warnings"] = warnings + _warnings(headers, body)
    reason, unreadable = _unreadable(order, message, body, warnings)
    if reason:
        meta["unreadable"] = reason
    title = (headers.text("subject") or "(no subject)")[:TITLE_CHARS_MAX]
    return Parsed(
        title=title,
        text=body.text,
        meta=meta,
        chunks=chunks_of(body.text, _own_blocks(body.text, split, meta), title=title, language=str(meta["language"])),
        unreadable=unreadable,
    )


def _meta(message: Part, headers: Headers, body: Body, split: Split) -> Plain:
    sender = next(iter(headers.addresses("from")), ("", ""))
    auto = automatic_kind(message, headers, body.text)
    in_reply_to = headers.message_ids("in-reply-to")
    return {
        "message_id": next(iter(headers.message_ids("message-id")), ""),
        "from_name": sender[0],
        "from_address": sender[1],
        "reply_to": _reply_to(headers, sender[1]),
        "to": [address for _, address in headers.addresses("to")],
        "cc": [address for _, address in headers.addresses("cc")],
        "subject": headers.text("subject"),
        "date": headers.date(),
        "in_reply_to": in_reply_to[0] if in_reply_to else "",
        "references": headers.message_ids("references"),
        "auto": auto,
        "language": language_of(split.newest or body.text),
        "charset": body.charset,
        "attachments": body.attachments,
        "media_types": body.media_types,
        "reply_text": split.newest,
        "signature": split.signature,
        "form": _form(sender[1], headers, body.text),
    }


def _reply_to(headers: Headers, sender: str) -> str:
    """Where answers are asked to go; of several addresses the first that is not the sender's, which may hide there."""
    asked = [address for _, address in headers.addresses("reply-to")]
    return next((address for address in asked if address != sender), sender if asked else "")


def _form(sender: str, headers: Headers, text: str) -> list[str]:
    """The fields, when sender and receiver are one house: then a form of ours wrote the mail."""
    domains = {address.partition("@")[2] for _, address in headers.addresses("to")}
    if sender.partition("@")[2] not in domains:
        return []
    fields = form_fields(text)
    return [f"{name}: {value}" for name, value in fields.items()] if "email" in fields and len(fields) >= 2 else []


def _warnings(headers: Headers, body: Body) -> list[str]:
    sender = next(iter(headers.addresses("from")), ("", ""))
    answer_to = _reply_to(headers, sender[1])
    shown = headers.text("subject") + "\n" + body.text + "\n" + body.hidden
    remarks = {
        "reply-to differs from sender": bool(answer_to) and answer_to != sender[1],
        "sender name contains another address": "@" in sender[0] and sender[1] not in sender[0].lower(),
        "more than one From header": headers.count("from") > 1,
        "more than one From address": headers.count("from") == 1 and len(headers.addresses("from")) > 1,
        "no sender address": not sender[1],
        "hidden text": bool(body.hidden),
        "instructions to an assistant": bool(_TO_A_MACHINE.search(shown)),
    }
    found = [text for text, applies in remarks.items() if applies]
    return list(dict.fromkeys([*found, *headers.damage, *body.warnings]))


def _own_blocks(text: str, split: Split, meta: Plain) -> list[Block]:
    """What is worth remembering: a reply without the history it quotes, which arrived before by itself."""
    if not meta["in_reply_to"]:
        return plain_blocks(text)
    own = text[: split.history_at] if split.history_at > 0 else text
    return [block for block in plain_blocks(own) if not _is_quoted(own[block.begin : block.end])]


def _is_quoted(paragraph: str) -> bool:
    return all(line.lstrip().startswith(">") for line in paragraph.split("\n"))


def _unreadable(order: ParseDocument, message: Part, body: Body, warnings: list[str]) -> tuple[str, str]:
    """Why there is no text: (code, sentence), both empty when there is some."""
    if not order.data.strip():
        return "empty", "the mail is empty"
    if message.get_content_type() in ENCRYPTED:
        return "encrypted", "the mail is encrypted"
    if body.text.strip():
        return "", ""
    nested = next((warning for warning in warnings if "nested" in warning), "")
    if nested:
        return "too_deep", nested
    return "no_text", "the mail has no text, only attachments" if body.attachments else "the mail has no text"
