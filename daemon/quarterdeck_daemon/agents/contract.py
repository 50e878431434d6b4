"""What does the work of an agent: a name, and a function from a step to its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Failure, FailureClass, RunStep, StepDone


class AgentFailure(Exception):
    """The agent could not do its work; carries the failure that is recorded."""

    def __init__(self, failure: FailureClass, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.failure = Failure(failure=failure, code=code, message=message, hint=hint)


@dataclass(frozen=True)
class Agent:
    """What does the work of an agent; its contract is in its file, and the kernel enforces it."""

    name: str
    run: Callable[[RunStep], StepDone]


def plain_map(value: object) -> Plain:
    """A map with text keys, or an empty one."""
    return {str(name): item for name, item in value.items()} if isinstance(value, dict) else {}
