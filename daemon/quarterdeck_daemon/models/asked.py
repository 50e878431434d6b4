"""What every backend checks before it begins: a request that it cannot keep is refused, never half done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

import jsonschema_rs
import msgspec

from ..core.orders import ModelRequest
from .api import ModelFailure

TEXT_CHARS_MAX = 4_000_000  # Of prompt and system together.
SCHEMA_BYTES_MAX = 65_536
CHOICES_MAX = 256
CHOICE_CHARS_MAX = 256
STOPS_MAX = 16
STOP_CHARS_MAX = 256

Validator = Callable[[object], str]
"""Says what is wrong with a value under the schema; "" when nothing is."""


def check_request(request: ModelRequest) -> None:
    """Raises ModelFailure `contract`: bad_request."""
    for wrong in (
        (not request.prompt.strip(), "the prompt is empty"),
        (len(request.prompt) + len(request.system) > TEXT_CHARS_MAX, f"more than {TEXT_CHARS_MAX:,} characters"),
        (request.tokens_max < 1, "tokens_max is less than 1"),
        (not 0 <= request.temperature <= 2, "the temperature is not between 0 and 2"),
        (bool(request.schema) and bool(request.choices), "both a schema and choices"),
        (len(request.choices) > CHOICES_MAX, f"more than {CHOICES_MAX} choices"),
        (len(set(request.choices)) < len(request.choices), "a choice stands there twice"),
        (any(not 0 < len(one) <= CHOICE_CHARS_MAX for one in request.choices), "a choice that is empty or too long"),
        (len(request.stop) > STOPS_MAX, f"more than {STOPS_MAX} stop texts"),
        (any(not 0 < len(one) <= STOP_CHARS_MAX for one in request.stop), "a stop text that is empty or too long"),
    ):
        if wrong[0]:
            raise ModelFailure("contract", "bad_request", f"the request cannot be asked: {wrong[1]}")


def check_room(tokens_in: int, tokens_max: int, context_tokens: int) -> None:
    """Raises ModelFailure `contract`: too_long."""
    if tokens_in + tokens_max > context_tokens:
        raise ModelFailure(
            "contract", "too_long",
            f"{tokens_in:,} tokens and an answer of {tokens_max:,} do not fit into {context_tokens:,}",
            "Ask with less context, or a model with more room.",
        )  # fmt: skip


def validator_of(schema: dict[str, object]) -> Validator:
    """Nothing outside the schema is ever looked up. Raises ModelFailure `contract`: bad_schema."""
    try:
        if len(msgspec.json.encode(schema)) > SCHEMA_BYTES_MAX:
            raise ModelFailure("contract", "bad_schema", f"the schema is larger than {SCHEMA_BYTES_MAX} bytes")
        made = jsonschema_rs.validator_for(schema, retriever=_no_look_up)
    except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
        raise ModelFailure("contract", "bad_schema", f"that is no JSON Schema: {str(error)[:300]}") from error

    def wrong(value: object) -> str:
        first = next(iter(made.iter_errors(value)), None)
        return "" if first is None else f"{first.message[:300]} at /{'/'.join(map(str, first.instance_path))}"

    return wrong


def _no_look_up(uri: str) -> Never:
    raise ValueError(f"{uri} is not looked up")
