"""One mail over SMTP, with an answer to the only question that matters afterwards: may it have left?

Until the end-of-data mark is sent, nothing has: every failure before it is `transient` (4xx, network) or
`permanent` (5xx, in the server's words). Once the mark may be on the wire and no reply came, it is `uncertain`.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from .base import EffectFailed, Gate
from .faults import fault
from .mail_message import Letter

TIMEOUT_S = 20.0
IMPLICIT_TLS_PORT = 465
WORDS_MAX = 500
LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


class Server(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    starttls: bool
    user: str = ""


def send(server: Server, password: str, letter: Letter, gate: Gate) -> str:
    """Hand the letter over and return the server's words of acceptance. Raises EffectFailed."""
    with _certainly_not_sent(password), _connected(server, password) as smtp:
        _envelope(smtp, letter)
        code, words = smtp.docmd("DATA")
        if code != 354:
            raise _refused("DATA", code, words)
        smtp.send(_dot_stuffed(letter.wire))
        fault("smtp.before_end_of_data")
        gate()
        return _end_of_data(smtp)


def _end_of_data(smtp: smtplib.SMTP) -> str:
    try:
        smtp.send(b".\r\n")
        code, words = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise _unconfirmed(str(error)) from error
    if 200 <= code < 300:
        return _spoken(words)
    if 400 <= code < 600:
        raise _refused("the mail", code, words)
    raise _unconfirmed(f"the reply was {code} {_spoken(words)}")


def _unconfirmed(why: str) -> EffectFailed:
    return EffectFailed(
        "uncertain",
        "connection_lost",
        f"the mail was handed over, but the server did not confirm it ({why})",
        "Look into the server's log or ask the recipient, then settle it.",
    )


@contextmanager
def _connected(server: Server, password: str) -> Iterator[smtplib.SMTP]:
    """A session that is logged in. Ends without waiting for the server's goodbye."""
    if server.port == IMPLICIT_TLS_PORT:
        context = ssl.create_default_context()
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.starttls and server.port != IMPLICIT_TLS_PORT:
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        if server.user:
            _refuse_clear_text(server)
            smtp.login(server.user, password)
        yield smtp
        with suppress(OSError, smtplib.SMTPException):  # Accepted is accepted, however the goodbye goes.
            smtp.quit()
    finally:
        with suppress(OSError):
            smtp.close()


def _refuse_clear_text(server: Server) -> None:
    encrypted = server.starttls or server.port == IMPLICIT_TLS_PORT
    if not encrypted and server.host not in LOOPBACK:
        raise EffectFailed(
            "permanent", "insecure", "a password is not sent without encryption", "Set starttls = true in [mail.out]."
        )


def _envelope(smtp: smtplib.SMTP, letter: Letter) -> None:
    """Sender and recipients. One refused recipient refuses the whole: what was approved goes out, or nothing."""
    code, words = smtp.mail(letter.sender)
    if code != 250:
        raise _refused(f"the sender {letter.sender}", code, words)
    for recipient in letter.recipients:
        code, words = smtp.rcpt(recipient)
        if code not in (250, 251):
            raise _refused(f"the recipient {recipient}", code, words)


def _refused(what: str, code: int, words: bytes) -> EffectFailed:
    failure, name = ("transient", "smtp_later") if 400 <= code < 500 else ("permanent", "smtp_refused")
    message = f"the server refused {what}: {code} {_spoken(words)}"
    if failure == "transient":
        return EffectFailed("transient", name, message, "It is tried again by itself.")
    return EffectFailed("permanent", name, message, "Correct what the server names, then send it anew.")


def _spoken(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:WORDS_MAX]


@contextmanager
def _certainly_not_sent(password: str) -> Iterator[None]:
    """Name what went wrong before the end-of-data mark. The password is taken out of anything a server repeats."""
    try:
        yield
    except EffectFailed:
        raise
    except smtplib.SMTPAuthenticationError as error:
        words = _spoken(error.smtp_error)
        message = (
            f"the server refused the login: {error.smtp_code} {words.replace(password, '…') if password else words}"
        )
        if 400 <= error.smtp_code < 500:
            raise EffectFailed("transient", "auth_later", message) from None
        raise EffectFailed("permanent", "auth_failed", message, "Check [mail.out] user and its secret.") from None
    except ssl.SSLError as error:
        hint = "Check host and port; the server's certificate must be valid."
        raise EffectFailed("permanent", "tls_failed", f"no secure connection: {error}", hint) from error
    except smtplib.SMTPNotSupportedError as error:
        raise EffectFailed("permanent", "smtp_unsupported", str(error), "Check starttls and user.") from error
    except smtplib.SMTPResponseException as error:
        raise _refused("the connection", error.smtp_code, _bytes(error.smtp_error)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise EffectFailed("transient", "smtp_unreachable", f"the mail server cannot be reached: {error}") from error


def _bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode()


def _dot_stuffed(data: bytes) -> bytes:
    """The message as DATA carries it: CRLF lines, a dot doubled at a line's start, a line end at the end."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
