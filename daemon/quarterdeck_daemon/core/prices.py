"""What a call of a model costs: prices are data, money is whole minor units and rounded up.

A price is of a million tokens. A model of the settings may state its own; for others there is the table that comes with
the package (models/prices.toml), which says of which day it is. A price of nothing is no price list's business: calls,
tokens and minutes are capped all the same.
"""

from __future__ import annotations

import tomllib

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import ModelSpec

PER = 1_000_000


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"model": "match"}):
    """Of a million tokens, in minor units. match: how the remote model's own name begins; the longest counts."""

    model: str
    price_in: int
    price_out: int


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """currency of all of them, and the day on which they were looked up."""

    currency: str
    as_of: str
    price: tuple[Price, ...] = ()


def parse_prices(text: str) -> PriceTable:
    """Raises QuarterdeckError `schema`."""
    try:
        return msgspec.convert(tomllib.loads(text), PriceTable)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise QuarterdeckError("schema", f"the price table cannot be read: {error}") from error


def price_of(table: PriceTable, model: str) -> Price | None:
    """The price of the remote model of this name, None when the table does not have it."""
    found = [one for one in table.price if model.startswith(one.model)]
    return max(found, key=lambda one: len(one.model), default=None)


def money_of(spec: ModelSpec, tokens_in: int, tokens_out: int) -> int:
    """Return the price of so many tokens in minor units, rounded up."""
    return -(-(tokens_in * spec.price_in + tokens_out * spec.price_out) // PER)
