"""Is this mail written by a person, or by a machine? Told from headers, the sender and the shape.

The answer is `meta.auto`: "" for a person, else bulk, auto-reply, bounce, newsletter or notification.
A message of the own web site's contact form is relayed by a machine but written by a person: "".
"""

from __future__ import annotations

import re

from .form_fields import form_fields
from .mail_headers import Headers
from .mail_raw import Part

_NO_REPLY = re.compile(
    r"^(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|noreply|nao-?responda|ne-?pas-?repondre|notifications?|notify|alerts?"
    r"|mailer|automated?|system|bounces?)(?:[-+._].*)?$|.*[-+._]no[-_]?reply$"
)
_NOTIFIER = re.compile(r"^(?:notifications?|notify|alerts?)(?:[-+._].*)?$")  # Also when one can unsubscribe.
_DAEMON = re.compile(r"^(?:mailer-daemon|postmaster|mail-daemon|mda)$")
_AWAY = re.compile(
    r"^\s*(?:(?:re|aw|sv)\s*:\s*)?(?:out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:reply|response)"
    r"|abwesen|automatische antwort|autosvar|fr[åa]nvaro|r[ée]ponse automatique|absence|respuesta autom[áa]tica"
    r"|fuera de (?:la )?oficina)",
    re.IGNORECASE,
)
_UNDELIVERED = re.compile(
    r"^\s*(?:undeliver(?:ed|able)|delivery (?:status notification|failure)|mail delivery (?:failed|failure|subsystem)"
    r"|returned mail|failure notice|unzustellbar)",
    re.IGNORECASE,
)
_BULK_SENDERS = (
    "x-campaign",
    "x-campaignid",
    "x-mc-user",
    "x-mailgun-tag",
    "x-sg-eid",
    "feedback-id",
    "x-csa-complaints",
)


def automatic_kind(message: Part, headers: Headers, text: str) -> str:
    """Return the kind of machine mail, or "" for a person's."""
    sender = next(iter(headers.addresses("from")), ("", ""))[1]
    local, _, domain = sender.partition("@")
    rules = (
        _bounce(message, headers, local),
        _auto_reply(message, headers),
        "" if _own_form(domain, headers, text) else _machine(headers, local),
    )
    return next((kind for kind in rules if kind), "")


def _report_type(message: Part) -> str:
    if message.get_content_type() != "multipart/report":
        return ""
    return str(message.get("content-type", "")).lower()


def _bounce(message: Part, headers: Headers, local: str) -> str:
    report = _report_type(message)
    subject = headers.text("subject")
    failed = "delivery-status" in report or "x-failed-recipients" in headers or _DAEMON.match(local)
    return "bounce" if failed or (_UNDELIVERED.match(subject) and not headers.raw("return-path").strip("<>")) else ""


def _auto_reply(message: Part, headers: Headers) -> str:
    submitted = headers.raw("auto-submitted").lower()
    precedence = headers.raw("precedence").lower()
    if submitted.startswith("auto-replied") or precedence in ("auto_reply", "auto-reply"):
        return "auto-reply"
    if any(name in headers for name in ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply")):
        return "auto-reply"
    if "disposition-notification" in _report_type(message) or _AWAY.match(headers.text("subject")):
        return "auto-reply"
    return ""


def _own_form(domain: str, headers: Headers, text: str) -> bool:
    receivers = {
        address.partition("@")[2] for name in ("to", "delivered-to") for _, address in headers.addresses(name)
    }
    fields = form_fields(text)
    return domain in receivers and "email" in fields and len(fields) >= 2


def _machine(headers: Headers, local: str) -> str:
    precedence = headers.raw("precedence").lower()
    submitted = headers.raw("auto-submitted").lower()
    if _NOTIFIER.match(local):
        return "notification"
    if "list-unsubscribe" in headers or any(name in headers for name in _BULK_SENDERS):
        return "newsletter"
    if "list-id" in headers or "list-post" in headers or precedence in ("bulk", "list", "junk"):
        return "bulk"
    if _NO_REPLY.match(local) or (submitted and submitted != "no"):
        return "notification"
    return ""
