"""Connector "mail": sends plain text mail, by way of a Maildir or over SMTP. Class B: it looks before it sends.

Maildir  the mail's file is the effect. Its name is the operation id, so it exists once.
SMTP     the copy in the Maildir `path` is written after acceptance. An operation that was begun and has no copy
         may or may not have been accepted: `uncertain`, never sent again by itself.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ..core.entities import Plain
from . import credentials, smtp
from .arguments import bad_argument, check_arguments
from .base import Arg, Connector, Effect, EffectFailed, Found, Gate, Health, Verb, declare
from .faults import fault
from .mail_address import Address, parse_address
from .mail_message import Letter, message_id, write_letter
from .maildir import Maildir
from .settings import AboutSettings, MailOutSettings

RECIPIENTS_MAX = 50
SEND = declare(
    "mail",
    "send",
    {
        "to": Arg("addresses", required=True),
        "cc": Arg("addresses"),
        "bcc": Arg("addresses"),
        "subject": Arg("line"),
        "body": Arg("text", required=True),
        "in_reply_to": Arg("message_id"),
        "references": Arg("message_ids"),
    },
)
_operation_id = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Transport(Protocol):
    """How a letter leaves. `certain` says whether the copy alone proves what happened."""

    certain: bool

    def carry(self, operation_id: str, letter: Letter, gate: Gate) -> Plain: ...


class MaildirTransport:
    """The file is the effect; some other program carries it on."""

    certain = True

    def __init__(self, sent: Maildir) -> None:
        self._sent = sent

    def carry(self, operation_id: str, letter: Letter, gate: Gate) -> Plain:
        gate()
        return {"copy": self._sent.deliver(operation_id, letter.copy).name}


class SmtpTransport:
    """Hands the letter to a server, then keeps a copy."""

    certain = False

    def __init__(self, sent: Maildir, server: smtp.Server, password: Callable[[], str]) -> None:
        self._sent, self._server, self._password = sent, server, password

    def carry(self, operation_id: str, letter: Letter, gate: Gate) -> Plain:
        password = self._password() if self._server.user else ""
        words = smtp.send(self._server, password, letter, gate)
        fault("smtp.after_acceptance")
        try:
            return {"copy": self._sent.deliver(operation_id, letter.copy).name, "accepted": words}
        except OSError as error:  # It has left; a missing copy must not make it look as if it had not.
            return {"accepted": words, "warning": f"no copy could be kept: {error.strerror}"}


class MailOut:
    """`clock` gives the time for the Date header. Looking before sending is the effector's part, through `lookup`."""

    def __init__(self, sender: Address, sent: Maildir, transport: Transport, clock: Callable[[], datetime]) -> None:
        self._sender, self._sent, self._transport, self._clock = sender, sent, transport, clock
        self._counts = {"sent": 0, "failed": 0}

    @property
    def verbs(self) -> dict[str, Verb]:
        return {SEND.name: SEND}

    def check(self, effect: Effect) -> None:
        check_arguments(SEND, effect.args)
        if not _operation_id.fullmatch(effect.operation_id):
            raise EffectFailed("contract", "bad_operation_id", f"{effect.operation_id!r} cannot name a mail")
        letter = self._letter(effect)
        if len(letter.recipients) > RECIPIENTS_MAX:
            raise bad_argument("to", f"makes {len(letter.recipients)} recipients, {RECIPIENTS_MAX} are allowed")

    def execute(self, effect: Effect, gate: Gate) -> Plain:
        letter = self._letter(effect)
        try:
            result = self._transport.carry(effect.operation_id, letter, gate)
        except OSError as error:
            self._counts["failed"] += 1
            raise EffectFailed("transient", "outbox_unwritable", f"the outbox cannot be written: {error}") from error
        except EffectFailed:
            self._counts["failed"] += 1
            raise
        self._counts["sent"] += 1
        return {"message_id": letter.message_id, "recipients": list(letter.recipients), **result}

    def lookup(self, effect: Effect) -> Found:
        copy = self._sent.find(effect.operation_id)
        id = message_id(effect.operation_id, self._sender)
        if copy is not None:
            return Found(finding="done", result={"message_id": id, "copy": copy.name})
        if self._transport.certain:
            return Found(finding="absent")
        return Found(
            finding="uncertain",
            message=f"sending {id} was begun and there is no copy of it: the server may have accepted it",
        )

    def health(self) -> Health:
        return Health(ok=True, detail=f"sends as {self._sender.spec}", counts=dict(self._counts))

    def _letter(self, effect: Effect) -> Letter:
        return write_letter(effect.operation_id, effect.args, self._sender, self._clock())


def build_mail_out(about: AboutSettings, out: MailOutSettings, outbox: Path, home: Path) -> Connector:
    """Return the connector as quarterdeck.toml describes it; `outbox` is `out.path`, resolved.

    Raises ValueError when `workspace.operator` is not an address.
    """
    sender = parse_address(about.operator)
    sent = Maildir(outbox)
    transport: Transport = MaildirTransport(sent)
    if out.kind == "smtp":
        server = smtp.Server(host=out.host, port=out.port, starttls=out.starttls, user=out.user)
        transport = SmtpTransport(sent, server, lambda: credentials.resolve(out.password, home))
    return MailOut(sender, sent, transport, _clock(about.timezone))


def _clock(timezone: str) -> Callable[[], datetime]:
    """The wall clock in the workspace's time zone. Without a database of time zones: in UTC."""
    try:
        zone: zoneinfo.ZoneInfo | None = zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        zone = None
    return lambda: datetime.now(zone or UTC).replace(microsecond=0)
