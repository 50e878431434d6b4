"""How an agent asks a model, and stays a function of what it is given.

How    An agent is run from its first line at each turn of an attempt. What it asked in earlier turns has been answered and
       comes with the step, in the order of asking; the first question beyond those ends the turn. The kernel records the
       question, has it answered, records the answer, and runs the agent again. So a replay needs no model.
Needs  for which purposes a model answers must not change within an attempt; the kernel fixes it when the step starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Final

import msgspec

from quarterdeck_daemon.core.model_state import question_hash
from quarterdeck_daemon.core.orders import ModelReply, ModelRequest, RunStep, StepAsks, StepDone

from .contract import AgentFailure

ASKS_MAX: Final = 16  # Of one attempt.

_asked: ContextVar[list[int]] = ContextVar("asked")


class _Asks(BaseException):
    """Not an Exception: an agent that catches what goes wrong must not catch this."""

    def __init__(self, requests: tuple[ModelRequest, ...]) -> None:
        super().__init__()
        self.requests = requests


def ask(step: RunStep, request: ModelRequest) -> ModelReply:
    """The answer of a model; `refused` says why there is none, and the agent does without."""
    return ask_all(step, [request])[0]


def ask_all(step: RunStep, requests: Sequence[ModelRequest]) -> list[ModelReply]:
    """Answers to questions that do not depend on each other, asked together."""
    answerable = [request for request in requests if request.purpose in step.purposes]
    begin = _asked.get()[0]
    end = begin + len(answerable)
    if end > ASKS_MAX:
        raise AgentFailure("contract", "too_many_asks", f"a step asks models at most {ASKS_MAX} times")
    _check_the_same(step, answerable, begin)
    if end > len(step.replies):
        raise _Asks(tuple(answerable[max(0, len(step.replies) - begin) :]))
    _asked.get()[0] = end
    told = iter(step.replies[begin:end])
    return [next(told) if request.purpose in step.purposes else _nobody(request) for request in requests]


def ask_better(
    step: RunStep, request: ModelRequest, weak: Callable[[ModelReply], bool], times: int = 1
) -> ModelReply:
    """Ask; while the answer is too weak, ask a larger model, up to `times`. Returns the last answer that there was."""
    reply = ask(step, request)
    for again in range(1, times + 1):
        if reply.refused or not weak(reply):
            break
        better = ask(step, msgspec.structs.replace(request, again=again))
        if better.refused:
            break
        reply = better
    return reply


def best_score(reply: ModelReply) -> float:
    """How likely the best of the choices is; 0 for an answer to a question without any."""
    return max(reply.scores.values(), default=0.0)


def _check_the_same(step: RunStep, requests: Sequence[ModelRequest], begin: int) -> None:
    """What was answered must be what is asked now, else the answers would be taken for others."""
    for number, (request, asked) in enumerate(zip(requests, step.asked[begin:], strict=False), start=begin + 1):
        if asked != question_hash(request):
            said = f"question {number} differs from the one that was asked with the same input"
            hint = "An agent has no clock, chance or memory of its own."
            raise AgentFailure("contract", "not_repeatable", said, hint)


def _nobody(request: ModelRequest) -> ModelReply:
    return ModelReply(refused=f"no model answers for the purpose {request.purpose}")


def turn(step: RunStep, run: Callable[[RunStep], StepDone]) -> StepDone | StepAsks:
    """Run the agent for one turn: to its end, or to its next question."""
    kept = _asked.set([0])
    try:
        return run(step)
    except _Asks as asks:
        return StepAsks(requests=asks.requests)
    finally:
        _asked.reset(kept)
