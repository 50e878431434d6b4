"""What a mail says about its own kind: matches of the word tables, with their places, before any decision."""

from __future__ import annotations

from dataclasses import dataclass

from quarterdeck_daemon.core.entities import Plain

from .outside_text import one_line
from .seen import Mail
from .words import found

HINTS_MAX = 12
INVOICE_NAMES = ("invoice", "rechnung", "facture", "faktura", "factura", "receipt", "quittung", "mahnung", "beleg")


@dataclass(frozen=True)
class Signs:
    """Matched words by table; `invoice_subject` are those in the subject and in names of attachments."""

    need: tuple[str, ...]
    work: tuple[str, ...]
    pitch: tuple[str, ...]
    invoice: tuple[str, ...]
    invoice_subject: tuple[str, ...]


def signs_of(mail: Mail) -> Signs:
    language, text = mail.meta.language, f"{mail.meta.subject}\n{mail.newest}"
    files = [name for name in mail.meta.attachments if any(word in name.lower() for word in INVOICE_NAMES)]
    subject = [match[0] for match in found("invoice", language, mail.meta.subject)]
    return Signs(
        need=_words("need", language, text),
        work=_words("work", language, text),
        pitch=_words("pitch", language, f"{text}\n{mail.meta.signature}"),
        invoice=_words("invoice", language, mail.newest),
        invoice_subject=tuple(subject + files),
    )


def kind_hints(mail: Mail) -> list[Plain]:
    signs = signs_of(mail)
    groups = {"lead": signs.need + signs.work, "spam": signs.pitch, "invoice": signs.invoice_subject + signs.invoice}
    hints = [{"kind": kind, "text": one_line(word, 80)} for kind, words in groups.items() for word in words]
    if mail.meta.auto:
        hints.insert(0, {"kind": mail.meta.auto, "text": "headers"})
    return [dict(hint) for hint in hints[:HINTS_MAX]]


def _words(table: str, language: str, text: str) -> tuple[str, ...]:
    return tuple(match[0].strip() for match in found(table, language, text))
