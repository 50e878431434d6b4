"""Language models as the kernel sees them: which there are, what they were asked, and what that cost."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import OPERATOR, Labels

from .base import Entity, Plain


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of quarterdeck.toml.

    tier       1: small and near, 2: larger or elsewhere      purposes  for which alone it is used; none: for any
    price_in, price_out  of a million tokens, in minor units      call_s  longest time of one call
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


class Models(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Which models there are and who answers what. Id `workspace`. routes: purpose -> name of a model, or `tier:1`, or `none`."""

    kind: ClassVar[str] = "models"
    specs: tuple[ModelSpec, ...] = ()
    routes: dict[str, str] = {}
    prices: str = ""  # Currency of all prices.


class ModelCall(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """One question to a model and what came of it. Id `c12`."""

    kind: ClassVar[str] = "model_call"
    purpose: str
    key: str  # Hash of model, request and parameters: the same key is never computed twice.
    model: str  # Name in the settings; "" when nobody was asked.
    status: Literal["asked", "answered", "refused", "failed", "cancelled"]
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

    @property
    def live(self) -> bool:
        return self.status == "asked"
