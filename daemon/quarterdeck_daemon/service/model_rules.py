"""`[asking]` of quarterdeck.toml, and what the core is told of models: their settings, their hosts, their prices."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated

import msgspec

from ..core.commands import ConfigureModels
from ..core.durations import duration_us
from ..core.entities import Mode, ModelSpec
from ..core.prices import PriceTable, parse_prices, price_of
from .model_settings import Models, ModelSetting, Routes

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Time = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,9}(ms|s|m|h|d|w))+$")]


class Asking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far models take part, and how long their answers are used again."""

    mode: Mode = "creative"
    answers: Count = 10_000
    answers_for: Time = "30d"


@functools.cache
def shipped_prices() -> PriceTable:
    """The price table that comes with the package."""
    return parse_prices(files("quarterdeck_daemon.models").joinpath("prices.toml").read_text("utf-8"))


def models_command(asking: Asking, specs: Mapping[str, ModelSpec], models: Models, routes: Routes) -> ConfigureModels:
    """What the core is told. specs: what there is, by name, as its host and its settings say."""
    return ConfigureModels(
        specs=tuple(_priced(specs[name], setting) for name, setting in models.items()),
        routes=dict(routes),
        prices=shipped_prices().currency,
        mode=asking.mode,
        answers_max=asking.answers,
        answers_us=duration_us(asking.answers_for),
    )


def _priced(spec: ModelSpec, setting: ModelSetting) -> ModelSpec:
    """A service whose settings name no price has that of the table, if it is there."""
    if not spec.remote or spec.price_in or spec.price_out:
        return spec
    price = price_of(shipped_prices(), setting.model)
    if price is None:
        return spec
    return msgspec.structs.replace(spec, price_in=price.price_in, price_out=price.price_out)
