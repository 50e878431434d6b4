"""What a language model promises. Every backend keeps it, and passes tests/daemon/models/contract.py.

A backend lives in a process of its own (service/model_host.py): it may crash, hang or be killed at any moment. It is
called from one thread at a time, unless `at_once` says that it can do with more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from quarterdeck_daemon.core.orders import Failure, FailureClass, ModelReply, ModelRequest

Sink = Callable[[str], None]
"""Takes the next piece of text, whole characters only."""
Cancelled = Callable[[], bool]
"""Asked between tokens; True ends the answer with what there is."""


class ModelFailure(Exception):
    """The model could not answer; carries the failure that is recorded."""

    def __init__(self, failure: FailureClass, code: str, message: str, hint: str = "", wait_ms: int = 0) -> None:
        super().__init__(message)
        self.failure = Failure(failure=failure, code=code, message=message, hint=hint, wait_ms=wait_ms)


class Backend(Protocol):
    """One model, loaded or reachable.

    Same request, same `id`: same answer, when the temperature is 0 or the backend draws by the seed.
    """

    @property
    def id(self) -> str:
        """Name and content: `tiny-1f0c2b…`. Answers of two ids are never taken for each other's."""
        ...

    @property
    def context_tokens(self) -> int:
        """Room for prompt and answer together."""
        ...

    @property
    def remote(self) -> bool:
        """Whether prompts leave this machine; then nothing secret may be given to it."""
        ...

    @property
    def at_once(self) -> int:
        """How many requests it takes at the same time."""
        ...

    def answer(self, request: ModelRequest, sink: Sink, cancelled: Cancelled) -> ModelReply:
        """Answer, telling the text to `sink` as it comes. With a schema, `value` is valid under it.

        Raises ModelFailure: `contract` (too_long, bad_schema, bad_request), `transient` (busy, unreachable, with
        wait_ms when it was told), `permanent` (unauthorized, refused), `timeout`.
        """
        ...

    def close(self) -> None: ...
