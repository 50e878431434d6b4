"""Commands about language models."""

from __future__ import annotations

from ..entities import Mode, ModelSpec
from ..orders import ModelRequest, Outcome
from .base import Command


class ConfigureModels(Command, frozen=True, kw_only=True):
    """What the settings say about models; see core/entities/models.py, `Models`."""

    specs: tuple[ModelSpec, ...] = ()
    routes: dict[str, str] = {}
    prices: str = ""
    mode: Mode = "creative"
    answers_max: int = 10_000
    answers_us: int = 30 * 86_400_000_000


class AskModelNow(Command, frozen=True, kw_only=True):
    """Somebody asks a model outside of any run. Its reply names the call; the answer comes by an event."""

    request: ModelRequest


class TryModel(Command, frozen=True, kw_only=True):
    """One model is asked again what was asked before, to see how well it does: nothing comes of the answer.

    request: the question of `call`, as the log has it.  model: who alone may answer.
    """

    call: str
    request: ModelRequest
    model: str


class ModelAnswered(Command, frozen=True, kw_only=True):
    """What became of the try of a call that was given to `model`."""

    call: str
    attempt: int
    outcome: Outcome


class CancelCall(Command, frozen=True, kw_only=True):
    """Nobody waits for this answer any more."""

    call: str
    reason: str = ""
