"""Connector "practice": a payment, a booking and a post at a server of one's own, to try out what each class promises.

pay, refund    class A: the server knows our operation id as its idempotency key and answers a repetition with the first result
book, cancel   class B: the booking's name is the operation id; it can be looked up, and is only made where there is none
post           class C: no key and nothing to look up; after a doubtful try nobody can say whether it happened

Plain HTTP to this machine only. The server counts what it did, which makes it the oracle of the effect tests.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Callable
from contextlib import suppress

import msgspec

from ..core.entities import Plain
from .arguments import bad_argument, check_arguments
from .base import Arg, Effect, EffectFailed, Found, Gate, Health, Verb, declare
from .faults import fault, lookup_disabled

LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))
ANSWER_BYTES_MAX = 64 * 1024
WORDS_MAX = 500
WAIT_MS_MAX = 3_600_000  # A server that asks us to wait longer is asked again after this.
MONEY = {
    "to": Arg("line", required=True),
    "amount": Arg("amount", required=True),
    "currency": Arg("line", required=True),
}
PAY = declare("practice", "pay", MONEY)
REFUND = declare("practice", "refund", {**MONEY, "payment": Arg("line", required=True)})
BOOK = declare("practice", "book", {"room": Arg("line", required=True), "day": Arg("line", required=True)})
CANCEL = declare("practice", "cancel", {"room": Arg("line", required=True), "booking": Arg("line", required=True)})
POST = declare("practice", "post", {"channel": Arg("line", required=True), "text": Arg("text", required=True)})
_currency = re.compile(r"[A-Z]{3}")
_day = re.compile(r"\d{4}-\d{2}-\d{2}")
_operation_id = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: Plain
    wait_ms: int = 0


class Practice:
    """`token` gives the secret that the server wants to see, "" when it wants none."""

    def __init__(self, url: str, timeout_s: float, token: Callable[[], str]) -> None:
        """Raises ValueError when `url` is not http on this machine."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.port is None:
            raise ValueError(f"practice.url must be like http://127.0.0.1:8765, not {url!r}")
        self._host, self._port, self._timeout_s, self._token = str(parts.hostname), parts.port, timeout_s, token
        self._counts = {"done": 0, "failed": 0}

    @property
    def verbs(self) -> dict[str, Verb]:
        return {verb.name: verb for verb in (PAY, REFUND, BOOK, CANCEL, POST)}

    def check(self, effect: Effect) -> None:
        check_arguments(self.verbs[effect.verb], effect.args)
        if not _operation_id.fullmatch(effect.operation_id):
            raise EffectFailed("contract", "bad_operation_id", f"{effect.operation_id!r} cannot name an operation")
        for name, pattern in (("currency", _currency), ("day", _day), ("booking", _operation_id)):
            value = effect.args.get(name)
            if isinstance(value, str) and not pattern.fullmatch(value):
                raise bad_argument(name, f"is {value[:80]!r}")

    def execute(self, effect: Effect, gate: Gate) -> Plain:
        try:
            result = DOING[effect.verb](self, effect, gate)
        except EffectFailed:
            self._counts["failed"] += 1
            raise
        self._counts["done"] += 1
        return result

    def lookup(self, effect: Effect) -> Found:
        if effect.verb not in ("book", "cancel"):
            return Found(finding="uncertain", message=f"practice.{effect.verb} cannot be looked up")
        booking = str(effect.args["booking"]) if effect.verb == "cancel" else effect.operation_id
        answer = self._ask("GET", f"/book/{booking}", None, lambda: None, reading=True)
        gone = answer.status == 410
        if effect.verb == "cancel" and gone:
            return Found(finding="done", result=answer.body)
        if effect.verb == "book" and (answer.status == 200 or gone):
            return Found(finding="done", result=answer.body)
        if answer.status in (200, 404):
            return Found(finding="absent")
        return Found(finding="uncertain", message=f"the server answered {answer.status}")

    def health(self) -> Health:
        return Health(ok=True, detail=f"http://{self._host}:{self._port}", counts=dict(self._counts))

    # --- one for each verb ---

    def with_key(self, effect: Effect, gate: Gate) -> Plain:
        headers = {"Idempotency-Key": _twin_name(effect.operation_id)}
        return _accepted(self._ask("POST", f"/{effect.verb}", effect.args, gate, headers))

    def book(self, effect: Effect, gate: Gate) -> Plain:
        name = _twin_name(effect.operation_id)
        answer = self._ask("PUT", f"/book/{name}", effect.args, gate, {"If-None-Match": "*"})
        # A slow earlier try of ours came first: it is the same booking.
        return answer.body if answer.status == 412 else _accepted(answer)

    def cancel(self, effect: Effect, gate: Gate) -> Plain:
        answer = self._ask("DELETE", f"/book/{effect.args['booking']}", None, gate)
        return answer.body if answer.status == 410 else _accepted(answer)

    def post(self, effect: Effect, gate: Gate) -> Plain:
        return _accepted(self._ask("POST", "/post", effect.args, gate))

    # --- the wire ---

    def _ask(
        self, method: str, path: str, body: Plain | None, gate: Gate, headers: dict[str, str] | None = None,
        *, reading: bool = False,
    ) -> Answer:  # fmt: skip
        """One request. Whatever goes wrong once it may have left is `uncertain`, before that `transient`."""
        token = self._token()
        sent = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        line = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            try:
                line.connect()
            except OSError as error:
                raise EffectFailed(
                    "transient", "unreachable", f"the practice server is not there: {error}"
                ) from error
            if not reading:
                fault("practice.before_send")
                gate()
            try:
                line.request(method, path, json.dumps(body) if body is not None else None, sent)
                answer = _read(line.getresponse())
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise _unanswered(error, reading=reading) from error
            if not reading:
                fault("practice.after_answer")
            return answer
        finally:
            with suppress(OSError):
                line.close()


def _unanswered(error: Exception, *, reading: bool) -> EffectFailed:
    why = f"{type(error).__name__}: {error}"
    if reading:
        return EffectFailed("transient", "lookup_failed", f"looking at the practice server failed ({why})")
    message = f"the request was sent, but no usable answer came ({why})"
    return EffectFailed("uncertain", "no_answer", message, "Look at the server, then settle it.")


def _read(response: http.client.HTTPResponse) -> Answer:
    """Raises ValueError when it is no map in JSON."""
    raw = response.read(ANSWER_BYTES_MAX + 1)
    if len(raw) > ANSWER_BYTES_MAX:
        raise ValueError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    try:
        body = msgspec.json.decode(raw or b"{}", type=Plain)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    wait = response.getheader("Retry-After", "")
    wait_ms = min(int(wait) * 1_000, WAIT_MS_MAX) if wait.isdecimal() and len(wait) < 8 else 0
    return Answer(response.status, body, wait_ms)


def _accepted(answer: Answer) -> Plain:
    """Return what the server says of a done request. Raises EffectFailed by the kind of refusal."""
    if 200 <= answer.status < 300:
        return answer.body
    said = "".join(c if c.isprintable() else " " for c in str(answer.body.get("error", "no reason given")))[
        :WORDS_MAX
    ]
    message = f"the practice server refused it: {answer.status} {said}"
    if answer.status in (401, 403):
        raise EffectFailed("permanent", "auth_failed", message, "Check [practice] token and its secret.")
    if answer.status in (429, 503):
        failed = EffectFailed("transient", "rate_limited", message, "It is tried again by itself.")
        failed.failure = msgspec.structs.replace(failed.failure, wait_ms=answer.wait_ms)
        raise failed
    if 400 <= answer.status < 500:
        raise EffectFailed("permanent", "refused", message)
    raise EffectFailed("uncertain", "server_broke", message, "Look at the server, then settle it.")


def _twin_name(operation_id: str) -> str:
    """In the unprotected twin every try has a name of its own, as with a client that makes a fresh key each time."""
    return f"{operation_id}-{time.time_ns()}" if lookup_disabled() else operation_id


DOING: dict[str, Callable[[Practice, Effect, Gate], Plain]] = {
    "pay": Practice.with_key,
    "refund": Practice.with_key,
    "book": Practice.book,
    "cancel": Practice.cancel,
    "post": Practice.post,
}
