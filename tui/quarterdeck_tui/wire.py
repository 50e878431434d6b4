"""Calls to the daemon, each noted for the log: reads, and changes that happen once however often they are sent.

Owns     the one client of a connection, and the request ids of changes that got no answer.
Promises a change without an answer keeps its request id, so sending it again cannot do it twice.
Leaves   what is asked, and what the answer means.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

from quarterdeck_protocol.calls import Result
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .clock import Clock
from .views import LogLine

ANSWER_MS = 3_000
READ_ANSWER_MS = 2_000  # Silence is noticed sooner than a change is given up.
LOG_MAX = 500
UNANSWERED_MAX = 100
NO_ANSWER = frozenset(("unavailable", "deadline"))

Plain = dict[str, object]


class Client(Protocol):
    """What is used of the protocol's client."""

    async def call(
        self,
        method: str,
        params: Plain | None = None,
        *,
        request_id: str | None = None,
        deadline_ms: int = ANSWER_MS,
    ) -> Result: ...

    async def call_control(
        self, method: str, params: Plain | None = None, *, deadline_ms: int = ANSWER_MS
    ) -> Result: ...

    def events(self, after: int) -> AsyncIterator[Event]: ...

    async def close(self) -> None: ...


class Wire:
    """Open it, ask, change, close it; open it again after a loss."""

    def __init__(self, workspace: Path, clock: Clock, open_client: Callable[[Path], Client]) -> None:
        self.workspace = workspace
        self.log: deque[LogLine] = deque(maxlen=LOG_MAX)
        self._clock = clock
        self._open = open_client
        self._client: Client | None = None
        self._unanswered: dict[str, str] = {}

    def open(self) -> Client:
        """Connect anew; raises when the connection file cannot be read."""
        self._client = self._open(self.workspace)
        return self._client

    def another(self) -> Client:
        """A client of its own, for a call that must not wait behind others. The caller closes it."""
        return self._open(self.workspace)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, method: str, params: Plain, *, line: str = "", deadline_ms: int = READ_ANSWER_MS) -> Plain:
        """Return the result of a read. Those with a `line` stand in the log."""
        if self._client is None:
            raise QuarterdeckError("unavailable", "there is no connection to the daemon")
        answer = await self._client.call(method, params, deadline_ms=deadline_ms)
        if line:
            self.note(line, f"seq {answer.seq}")
        return answer.result

    async def read(
        self, method: str, params: Plain, *, line: str = "", deadline_ms: int = READ_ANSWER_MS
    ) -> Plain | QuarterdeckError:
        """`ask` for a screen: what went wrong is the answer."""
        try:
            return await self.ask(method, params, line=line, deadline_ms=deadline_ms)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return QuarterdeckError("unavailable", "the connection was lost before the answer came")
        except QuarterdeckError as error:
            return error

    async def change(
        self, line: str, method: str, params: Plain, *, deadline_ms: int = ANSWER_MS
    ) -> Plain | QuarterdeckError:
        """Send a change; what got no answer is sent under the same request id the next time."""
        asked = f"{method} {params!r}"
        request_id = self._unanswered.pop(asked, None) or uuid.uuid4().hex
        try:
            if self._client is None:
                raise QuarterdeckError("unavailable", "there is no connection to the daemon; nothing was sent")
            answer = await self._client.call(method, params, request_id=request_id, deadline_ms=deadline_ms)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            self._keep(asked, request_id)  # The client was closed under the call: the connection is lost.
            self.note(line, "no answer", failed=True)
            return QuarterdeckError("unavailable", "the connection was lost before the answer came")
        except QuarterdeckError as error:
            if error.code in NO_ANSWER:
                self._keep(asked, request_id)
            self.note(line, error.message, failed=True)
            return error
        self.note(line, f"seq {answer.seq}")
        return answer.result

    def note(self, text: str, outcome: str, *, failed: bool = False) -> None:
        self.log.append(LogLine(self._clock.now_us(), text, outcome, failed))

    def _keep(self, asked: str, request_id: str) -> None:
        self._unanswered[asked] = request_id
        while len(self._unanswered) > UNANSWERED_MAX:
            del self._unanswered[next(iter(self._unanswered))]
