"""What processes answer, what the clock says, and what the core needs of both."""

from __future__ import annotations

import msgspec

from ..entities import Plain
from ..orders import Outcome
from .base import Command


class DocumentAnswered(Command, frozen=True, kw_only=True):
    document: str
    outcome: Outcome


class StepAnswered(Command, frozen=True, kw_only=True):
    run: str
    step: str
    attempt: int
    outcome: Outcome
    via: str = ""  # The remote executor that did it: its word is a stranger's. "": our own worker.
    replies: int = 0  # How many replies of models it was given.


class RecallAnswered(Command, frozen=True, kw_only=True):
    """What the index found for the `recall` reads of a step: read name -> hits."""

    run: str
    step: str
    hits: dict[str, list[Plain]]


class EffectStarted(Command, frozen=True, kw_only=True):
    action: str


class EffectAnswered(Command, frozen=True, kw_only=True):
    action: str
    outcome: Outcome


class Wake(Command, frozen=True, kw_only=True):
    """The time that an entity waited for has come."""

    entity: str  # "run:r1" or "action:a1".
    due_us: int  # The moment that was waited for; the waiting itself is measured without the wall clock.


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What the rim must do for an entity now. `key` makes the same need the same after a restart.

    parse     document         step    run, step, attempt      recall  run, step
    effect    action           reconcile  action               wake    entity, at_us
    ask       model_call, attempt
    """

    kind: str
    key: str
    entity: str
    step: str = ""
    attempt: int = 0
    at_us: int = 0
    replies: int = 0  # Of a step: how many replies of models it is given.
