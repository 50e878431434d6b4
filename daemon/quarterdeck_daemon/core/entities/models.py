"""Language models as the kernel sees them: which there are, what they were asked, and what that cost."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import OPERATOR, Labels, Sensitivity

from .base import Entity, Plain

Mode = Literal["deterministic", "exploratory", "creative"]
CallStatus = Literal["queued", "asked", "answered", "refused", "failed", "cancelled"]


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of quarterdeck.toml.

    tier       1: small and near, 2: larger or elsewhere      purposes  for which alone it is used; none: for any
    price_in, price_out  of a million tokens, in minor units      call_s  longest time of one call
    id         name and content, as far as that is known before it answers; an answer tells it anyway
    sensitivity  the highest that it is shown; what is secret never goes to a remote one, whatever is said here
    """

    name: str
    backend: str
    tier: int = 1
    remote: bool = False
    context_tokens: int = 2_048
    price_in: int = 0
    price_out: int = 0
    purposes: tuple[str, ...] = ()
    call_s: int = 60
    ready: bool = True
    problem: str = ""  # Why it is not ready.
    id: str = ""
    sensitivity: Sensitivity = "secret"


class Models(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Which models there are and who answers what. Id `workspace`.

    routes       purpose -> name of a model, or `tier:1`, or `none`      mode  of runs for which nothing else is said
    answers_max, answers_us  how many answers are used again, and for how long
    """

    kind: ClassVar[str] = "models"
    specs: tuple[ModelSpec, ...] = ()
    routes: dict[str, str] = {}
    prices: str = ""  # Currency of all prices.
    mode: Mode = "creative"
    answers_max: int = 10_000
    answers_us: int = 30 * 86_400_000_000


class ModelIdentity(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Which model answered last under a name of the settings. Its id is that name."""

    kind: ClassVar[str] = "model_identity"
    model: str  # Name and content, as the answer told.


class ModelCall(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """One question to a model and what came of it. Id `c12`. Question and answer are in the events."""

    kind: ClassVar[str] = "model_call"
    purpose: str
    key: str  # Hash of model, request and parameters: the same key is never computed twice.
    model: str  # Name in the settings; "" when nobody was asked.
    status: CallStatus
    at_us: int
    run: str = ""
    step: str = ""
    agent: str = ""
    why: str = ""  # Why this model: the rule of the router.
    alternatives: tuple[str, ...] = ()
    labels: Labels = OPERATOR
    tokens_in: int = 0
    tokens_out: int = 0
    ms: float = 0.0
    money: int = 0
    reused: str = ""  # The call whose answer this is.
    saved: Plain = {}  # What was not spent because of that: {"tokens", "ms", "money"}.
    error: Plain = {}
    namespaces: tuple[str, ...] = ("default",)  # Of its run.
    asked_seq: int = 0  # The event that holds the request.
    over_seq: int = 0  # The event that ended it; of one that was answered it holds the reply.
    request_hash: str = ""  # Of what was asked, without labels and worth.
    most_in: int = 0  # Tokens that the question may be, and the answer.
    most_out: int = 0
    value_minor: int = 0
    again: int = 0  # Answers to this question before that were too weak.
    repeatable: bool = True  # Whether the same request gives the same answer.
    tried: tuple[str, ...] = ()  # Models that failed at it.
    tries: int = 0
    queued: str = ""  # Its place in the line of a limit.
    behind: str = ""  # The call under way that asks the very same.
    followed: tuple[str, ...] = ()  # Calls that wait for its answer.
    ended_us: int | None = None
    only: str = ""  # The model that alone may answer: it is being tried.
    tries_out: str = ""  # The call whose question it is asked again.

    @property
    def live(self) -> bool:
        return self.status in ("queued", "asked")


class ModelDay(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What one model did on one day, in UTC. Id `2026-11-21/small`. saved_: what known answers did not cost again."""

    kind: ClassVar[str] = "model_day"
    calls: int = 0  # That were answered by computing.
    reused: int = 0
    failed: int = 0
    tokens: int = 0
    ms: float = 0.0
    money: int = 0
    saved_tokens: int = 0
    saved_ms: float = 0.0
    saved_money: int = 0


class KnownAnswer(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Where the answer to a request lies, or will lie. Its id is the key of the call; it is forgotten with that call."""

    kind: ClassVar[str] = "known_answer"
    call: str
    run: str = ""
    number: int = 0  # Of the answer among all; 0 while it is under way.
    at_us: int = 0
