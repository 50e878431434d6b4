"""Routing: which model answers a question, as a function of what is asked and what is there.

    purpose    the table of routes names a model, a tier (`tier:2`) or `none`; without an entry it is tier 1
    worth      a question that is worth ten times a larger model's price is answered by that, if no model is named
    again      each answer that the asker found too weak asks one tier higher; never the same tier again
    label      what is secret goes to no remote model; each model has a highest sensitivity that it is shown
    budget     a model whose limits are used up is passed over while another one has room, else the call waits
    readiness  what is not ready, has failed at this question, or whose breaker is open, is passed over

When the wanted tier has nobody, lower tiers are asked, then higher ones that cost nothing or that the worth covers.
Every model that was passed over is told with its reason. A model is a convenience: without one the asker goes on by
rules and templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.labels import OPERATOR, SENSITIVITY_ORDER, Labels

from .entities import Models, ModelSpec
from .prices import money_of

PURPOSES = ("classify", "draft", "extract", "judge", "plan", "route", "summarise")
WORTH_TIMES = 10
UPWARDS = 1_000  # Ranks tiers above the wanted one after all below it.
NOBODY = "no model is set up"
Reason = Callable[[ModelSpec], str]
"""Why not this model now; "" when nothing is against it."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a question asks of the router. tokens_in, tokens_out: at most.  tried: models that failed at it."""

    purpose: str
    labels: Labels = OPERATOR
    value_minor: int = 0
    again: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tried: tuple[str, ...] = ()
    only: str = ""  # The model that is tried out: no rule and no purpose says otherwise.


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """model: None when nobody may answer; then `why` says so.  waits: it has no room now, and nobody else has."""

    model: ModelSpec | None
    why: str
    alternatives: tuple[str, ...] = ()
    waits: bool = False


def route(models: Models, wanted: Wanted, closed: Reason, no_room: Reason) -> Route:
    """Choose. closed: why a model is given no work at all now.  no_room: why its limits have no room for this."""
    if wanted.only:
        return _tried_out(models, wanted, closed, no_room)
    rule = models.routes.get(wanted.purpose, "")
    if rule == "none":
        return Route(model=None, why=f"the routes name no model for {wanted.purpose}")
    if not models.specs:
        return Route(model=None, why=NOBODY)
    tier, why = _wanted_tier(models, wanted, rule)
    passed: list[str] = []
    full: list[ModelSpec] = []
    order = _in_order(models.specs, wanted, tier, rule)
    for place, spec in enumerate(order):
        reason = _unfit(spec, wanted, tier) or closed(spec)
        if not reason and not (reason := no_room(spec)):
            others = tuple(one.name for one in order[place + 1 :])
            return Route(model=spec, why="; ".join((why, *passed)), alternatives=(*passed, *others))
        if not _unfit(spec, wanted, tier) and not closed(spec):
            full.append(spec)
        passed.append(f"{spec.name} {reason}")
    if full:
        return Route(model=full[0], why="; ".join((why, *passed)), alternatives=tuple(passed), waits=True)
    return Route(model=None, why="; ".join(passed), alternatives=tuple(passed))


def _tried_out(models: Models, wanted: Wanted, closed: Reason, no_room: Reason) -> Route:
    spec = next((one for one in models.specs if one.name == wanted.only), None)
    if spec is None:
        return Route(model=None, why=f"there is no model {wanted.only}")
    any_purpose = msgspec.structs.replace(spec, purposes=())
    reason = _unfit(any_purpose, msgspec.structs.replace(wanted, again=0), spec.tier) or closed(spec)
    if reason:
        return Route(model=None, why=f"{spec.name} {reason}")
    return Route(model=spec, why=f"{spec.name} is tried out", waits=bool(no_room(spec)))


def withheld(spec: ModelSpec, labels: Labels) -> str:
    """Why the model is not shown what has these labels; "" when it is."""
    if labels.sensitivity == "secret" and spec.remote:
        return "is not on this machine, and this is secret"
    if SENSITIVITY_ORDER[labels.sensitivity] > SENSITIVITY_ORDER[spec.sensitivity]:
        return f"is shown nothing that is {labels.sensitivity}"
    return ""


def open_purposes(models: Models, labels: Labels, closed: Reason) -> tuple[str, ...]:
    """For which purposes somebody would answer now, whatever the limits say: at those it waits."""
    named = dict.fromkeys((*PURPOSES, *models.routes, *(one for spec in models.specs for one in spec.purposes)))
    return tuple(
        purpose
        for purpose in sorted(named)
        if route(models, Wanted(purpose=purpose, labels=labels), closed, lambda spec: "").model is not None
    )


def _wanted_tier(models: Models, wanted: Wanted, rule: str) -> tuple[int, str]:
    """The tier to ask first, and which rule says so."""
    named = next((spec for spec in models.specs if spec.name == rule), None)
    tier = named.tier if named is not None else int(rule.partition(":")[2]) if rule.startswith("tier:") else 1
    why = f"the routes say {rule} for {wanted.purpose}" if rule else f"{wanted.purpose} is work of tier {tier}"
    if wanted.again:
        return tier + wanted.again, f"an answer of tier {tier + wanted.again - 1} was too weak"
    worth = [spec.tier for spec in models.specs if spec.tier > tier and _is_worth(spec, wanted)]
    if worth and named is None:
        return max(worth), f"an answer is worth {wanted.value_minor}, so tier {max(worth)}"
    return tier, why


def _in_order(specs: Iterable[ModelSpec], wanted: Wanted, tier: int, rule: str) -> list[ModelSpec]:
    """The named one, the wanted tier, lower tiers, higher tiers; among equals the near and the cheap ones first."""

    def rank(spec: ModelSpec) -> tuple[object, ...]:
        away = tier - spec.tier if spec.tier <= tier else UPWARDS + spec.tier
        named = spec.name == rule and not wanted.again
        return (not named, away, spec.remote, spec.price_in + spec.price_out, spec.name)

    return sorted(specs, key=rank)


def _is_worth(spec: ModelSpec, wanted: Wanted) -> bool:
    """Whether an answer is worth many times what it costs there."""
    price = money_of(spec, wanted.tokens_in, wanted.tokens_out)
    return wanted.value_minor > 0 and wanted.value_minor >= WORTH_TIMES * price


def _unfit(spec: ModelSpec, wanted: Wanted, tier: int) -> str:
    """Why this model is not for this question at all."""
    if reason := withheld(spec, wanted.labels):
        return reason
    if not spec.ready:
        return f"is not ready: {spec.problem}" if spec.problem else "is not ready"
    if spec.purposes and wanted.purpose not in spec.purposes:
        return f"is not for {wanted.purpose}"
    if wanted.tokens_in + wanted.tokens_out > spec.context_tokens:
        return f"has room for {spec.context_tokens:,} tokens only"
    if spec.name in wanted.tried:
        return "has failed at this"
    return _too_small_or_dear(spec, wanted, tier)


def _too_small_or_dear(spec: ModelSpec, wanted: Wanted, tier: int) -> str:
    if wanted.again and spec.tier < tier:
        return f"is of tier {spec.tier}"
    if spec.tier > tier and (spec.price_in or spec.price_out) and not _is_worth(spec, wanted):
        return "costs more than this is worth"
    return ""
