"""What a call of a model costs: prices are data, money is whole minor units and rounded up.

A price is of a million tokens. A model of the settings may state its own; for other services there is the table `[[prices]]` of the
settings. None comes with the package: a list price of last year would look like knowledge. Without a price money is not
counted; calls, tokens and minutes are capped all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from .entities import ModelSpec

PER = 1_000_000
MINOR_MAX = 1 << 40
Minor = Annotated[int, msgspec.Meta(ge=0, le=MINOR_MAX)]


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a million tokens, in minor units. match: how the service's name of the model begins; the longest counts.

    as_of: the day on which it was looked up; for whoever reads the settings.
    """

    match: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    price_in: Minor
    price_out: Minor
    as_of: Annotated[str, msgspec.Meta(pattern=r"^(|[0-9]{4}-[0-9]{2}-[0-9]{2})$")] = ""


def price_of(table: Iterable[Price], model: str) -> Price | None:
    """The price of what the service calls by this name, None when the table does not have it."""
    found = [one for one in table if model.startswith(one.match)]
    return max(found, key=lambda one: len(one.match), default=None)


def money_of(spec: ModelSpec, tokens_in: int, tokens_out: int) -> int:
    """Return the price of so many tokens in minor units, rounded up."""
    return -(-(tokens_in * spec.price_in + tokens_out * spec.price_out) // PER)
