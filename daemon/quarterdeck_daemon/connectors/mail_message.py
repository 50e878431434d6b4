"""From arguments to the bytes of a mail.

The Message-ID is the operation id at the sender's domain: the same for every try, so a second copy can be
recognised by us and by others. Headers with message ids are written by hand, because the standard library folds
long ones into encoded words, which breaks threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP

import msgspec

from ..core.entities import Plain
from .mail_address import Address, parse_address

POLICY = SMTP.clone(cte_type="7bit")  # Any server takes it; "8bit" would need an extension.
REFERENCES_MAX = 50  # Of a longer thread the first and the latest ones are named, as mail programs do.


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A mail in the two forms it takes: on the wire, and as the sender's own copy (which names the Bcc)."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    wire: bytes
    copy: bytes


def message_id(operation_id: str, sender: Address) -> str:
    return f"<{operation_id}@{sender.domain}>"


def write_letter(operation_id: str, args: Plain, sender: Address, now: datetime) -> Letter:
    """Build the mail from checked arguments; `now` carries its time zone."""
    to, cc, bcc = (_addresses(args, name) for name in ("to", "cc", "bcc"))
    message = EmailMessage(policy=POLICY)
    message["From"] = _header([sender])
    message["To"] = _header(to)
    if cc:
        message["Cc"] = _header(cc)
    message["Subject"] = str(args.get("subject") or "")
    message["Date"] = now
    # With LF only, so that the encodings do not count line ends twice; the generator writes the policy's own.
    message.set_content(str(args.get("body") or "").replace("\r\n", "\n").replace("\r", "\n"), charset="utf-8")
    id = message_id(operation_id, sender)
    ids = _id_headers(id, args)
    wire = ids + message.as_bytes()
    if bcc:
        message["Bcc"] = _header(bcc)
    copy = ids + message.as_bytes()
    return Letter(
        message_id=id,
        sender=sender.spec,
        recipients=tuple(dict.fromkeys(address.spec for address in (*to, *cc, *bcc))),
        wire=wire,
        copy=copy.replace(b"\r\n", b"\n"),
    )


def _addresses(args: Plain, name: str) -> list[Address]:
    value = args.get(name)
    return [parse_address(str(item)) for item in value] if isinstance(value, list) else []


def _header(addresses: Sequence[Address]) -> tuple[HeaderAddress, ...]:
    return tuple(HeaderAddress(one.name, one.local, one.domain) for one in addresses)


def _id_headers(id: str, args: Plain) -> bytes:
    """Message-ID, In-Reply-To and References, one id a line; checked to be ASCII without spaces."""
    lines = [f"Message-ID: {id}"]
    reply_to = _bracketed(str(args.get("in_reply_to") or ""))
    if reply_to:
        lines.append(f"In-Reply-To: {reply_to}")
    thread = _thread(args.get("references"), reply_to)
    if thread:
        lines.append("References: " + "\r\n ".join(thread))
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _thread(references: object, reply_to: str) -> list[str]:
    """The conversation, oldest first, ending with the mail that is answered."""
    named = [_bracketed(str(item)) for item in references] if isinstance(references, list) else []
    chain = [id for id in dict.fromkeys(named) if id and id != reply_to]
    if reply_to:
        chain.append(reply_to)
    if len(chain) > REFERENCES_MAX:
        chain = [chain[0], *chain[-(REFERENCES_MAX - 1) :]]
    return chain


def _bracketed(id: str) -> str:
    return f"<{id.strip('<>')}>" if id else ""
