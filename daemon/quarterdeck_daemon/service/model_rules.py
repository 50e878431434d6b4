"""`[asking]` and `[[prices]]` of quarterdeck.toml, and what the core is told of models: settings, hosts, prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from ..core.commands import ConfigureModels
from ..core.durations import duration_us
from ..core.entities import Mode, ModelSpec
from ..core.prices import Price, price_of
from .model_settings import Models, ModelSetting, Routes

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
Time = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,9}(ms|s|m|h|d|w))+$")]


class Asking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far models take part, how long their answers are used again, and in which currency all prices are."""

    mode: Mode = "creative"
    answers: Count = 10_000
    answers_for: Time = "30d"
    currency: Currency = "EUR"


Prices = tuple[Price, ...]


def models_command(
    asking: Asking, prices: Prices, specs: Mapping[str, ModelSpec], models: Models, routes: Routes
) -> ConfigureModels:
    """What the core is told. specs: what there is, by name, as its host and its settings say."""
    return ConfigureModels(
        specs=tuple(_priced(specs[name], setting, prices) for name, setting in models.items()),
        routes=dict(routes),
        prices=asking.currency,
        mode=asking.mode,
        answers_max=asking.answers,
        answers_us=duration_us(asking.answers_for),
    )


def _priced(spec: ModelSpec, setting: ModelSetting, prices: Prices) -> ModelSpec:
    """A service whose settings name no price has that of the table, if it is there."""
    if not spec.remote or spec.price_in or spec.price_out:
        return spec
    price = price_of(prices, setting.model)
    if price is None:
        return spec
    return msgspec.structs.replace(spec, price_in=price.price_in, price_out=price.price_out)
