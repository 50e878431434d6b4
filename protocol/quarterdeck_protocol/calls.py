"""One call from request to result: its id, its idempotency key, its deadline. No socket; both clients drive it."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from .codes import QuarterdeckError
from .connection import ConnectionFile, Contact, Where, no_daemon
from .frames import DEADLINE_MS_MAX, Ok, Plain, Refusal, Request, Scalar, request_frames
from .messages import METHODS

T = TypeVar("T")
Params = Mapping[str, object]
TIMEOUT_MS = 10_000
CHECK_MS = 200  # How often a waiting call looks whether the daemon was replaced.
RESEND_MS = 3_000  # Without an answer a request goes out again after this, then after twice as long …


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a method returned.

    seq      log position that the result reflects
    durable  whether everything up to there survives power loss
    """

    result: Plain
    seq: int
    durable: bool

    def into(self, cls: type[T]) -> T:
        """Return the result as one of the structs of messages.py. Raises `schema` when it has another shape."""
        try:
            return msgspec.convert(self.result, cls)
        except msgspec.ValidationError as error:
            raise QuarterdeckError("schema", f"the daemon's result has another shape: {error}") from error


def fresh_key(method: str) -> str | None:
    """Return an idempotency key for a method that changes state (or is not known), None for a read."""
    known = METHODS.get(method)
    return None if known is not None and not known.changes else str(uuid.uuid4())


class Call:
    """A request on its way. Times are seconds of one monotonic clock, given by the client."""

    def __init__(
        self, id: Scalar, method: str, params: Plain, *, request_id: str | None, deadline_ms: int, now: float
    ) -> None:
        self.id = id
        self.method = method
        self._params = params
        self._request_id = request_id or fresh_key(method)
        self._ends = now + min(deadline_ms, DEADLINE_MS_MAX) / 1000
        self._resend_s = RESEND_MS / 1000
        self._again = now + self._resend_s

    def frames(self, token: str, now: float) -> list[bytes]:
        """Return the request as it goes out now. Key, method and params are the same each time."""
        return request_frames(
            Request(
                id=self.id,
                method=self.method,
                params=self._params,
                token=token,
                request_id=self._request_id,
                deadline_ms=max(1, round(self.left_s(now) * 1000)),
            )
        )

    def left_s(self, now: float) -> float:
        return max(0.0, self._ends - now)

    def wait_s(self, now: float) -> float:
        """How long to wait for an answer before looking around."""
        return min(CHECK_MS / 1000, self.left_s(now))

    def due(self, now: float) -> bool:
        """Whether to send it again by now. Safe: it is a read, or it carries a key."""
        if now < self._again:
            return False
        self._resend_s *= 2
        self._again = now + self._resend_s
        return True

    def late(self, now: float) -> bool:
        return now >= self._ends

    def settle(self, answer: Ok | Refusal) -> Result:
        """Return the result, or raise the daemon's error."""
        if isinstance(answer, Refusal):
            raise answer.to_error()
        return Result(result=answer.result, seq=answer.seq, durable=answer.durable)

    def overdue(self) -> QuarterdeckError:
        return QuarterdeckError(
            "deadline",
            f"{self.method} was not answered in time",
            hint="It may still be done: ask again with the same request id, or look at the timeline.",
            details={"request_id": self._request_id} if self._request_id else {},
        )


class Caller:
    """What the sync and the async client share: where the daemon is, how calls are numbered, when to give up."""

    def __init__(self, where: Where, timeout_ms: int) -> None:
        self._contact = Contact(where)
        self._timeout_ms = timeout_ms
        self._ids = itertools.count(1)
        self._answered = False  # A daemon that has answered once is waited for; one that never did is not.

    @property
    def connection(self) -> ConnectionFile:
        """Where the daemon was last found. Raises `unavailable`."""
        return self._contact.connection

    def _call(self, method: str, params: Params | None, request_id: str | None, deadline_ms: int | None) -> Call:
        wait_ms = self._timeout_ms if deadline_ms is None else deadline_ms
        now = time.monotonic()
        return Call(next(self._ids), method, dict(params or {}), request_id=request_id, deadline_ms=wait_ms, now=now)

    def check_patience(self, call: Call) -> None:
        """Raise when the call should be given up: its time is over, or there is nobody to wait for."""
        contact = self._contact
        if contact.present:
            if call.late(time.monotonic()):
                raise call.overdue()
        elif not (self._answered or contact.returning) or call.late(time.monotonic()):
            raise no_daemon(f"process {contact.connection.pid} is gone")

    def outdated(self, answer: Ok | Refusal, sent: int) -> bool:
        """Whether a new daemon refused the token of the one before it."""
        if not isinstance(answer, Refusal) or answer.error.code != "unauthorized":
            return False
        self._contact.look()
        return self._contact.version != sent or not self._contact.present
