"""Schemas by chance, and a writer that chooses among all that a mask allows."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from quarterdeck_daemon.models.acceptor import Acceptor
from quarterdeck_daemon.models.masks import Masks, Vocabulary
from quarterdeck_daemon.models.schema_grammar import FORMATS, compile_schema

from .tiny_gguf import vocabulary

Schema = dict[str, Any]
NAMES = st.sampled_from(["name", "kind", "amount", "a", "ab", "é日", 'q"t', "b\\s", ""])
PATTERNS = [
    "^[A-Z]{2}-\\d+$", "^a|b$", "x", "^(?:ab|cd){1,3}$", '^[^,"]+$', "^.{2,4}$", "^é?[ü-þ]*日$", "^\\w+\\s?\\.\\\\$", "^$", "a{2,}",
    "^(a*)*$", '^["\\n]+$',
]  # fmt: skip
CHOICES = st.one_of(st.integers(-99, 99), st.text(max_size=6), st.booleans(), st.none(), st.just({"a": [1]}))


def _limits(a: float, b: float, low: str, high: str, which: int) -> Schema:
    lower, upper = {low: min(a, b)}, {high: max(a, b) + 1}
    return (lower if which & 1 else {}) | (upper if which & 2 else {})


def _ranges() -> st.SearchStrategy[Schema]:
    limit = st.integers(-500, 500) | st.sampled_from([0.1, 0.25, -3.75, 1e-3, 99.999, 1e9, 12345678.9])
    low, high = st.sampled_from(["minimum", "exclusiveMinimum"]), st.sampled_from(["maximum", "exclusiveMaximum"])
    return st.builds(_limits, limit, limit, low, high, st.integers(0, 3))


def _text(low: int, more: int) -> Schema:
    return {"type": "string", "minLength": low, "maxLength": low + more}


def _leaf() -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.sampled_from([{"type": "null"}, {"type": "boolean"}, {}, {"type": ["string", "null"]}, {"$ref": "#/$defs/tree"}]),
        st.builds(_text, st.integers(0, 5), st.integers(0, 9)),
        st.sampled_from(PATTERNS).map(lambda one: {"type": "string", "pattern": one}),
        st.sampled_from(sorted(FORMATS)).map(lambda one: {"type": "string", "format": one}),
        st.builds(lambda kind, limits: {"type": kind, **limits}, st.sampled_from(["integer", "number"]), _ranges()),
        st.lists(CHOICES, min_size=1, max_size=5).map(lambda values: {"enum": values}),
        CHOICES.map(lambda value: {"const": value}),
    )  # fmt: skip


def _inner(children: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    def an_object(fields: dict[str, Schema], needed: list[str], others: Schema | bool | None) -> Schema:
        made: Schema = {"type": "object", "properties": fields, "required": [one for one in needed if one in fields]}
        return made if others is None else {**made, "additionalProperties": others}

    def an_array(items: Schema, low: int, more: int | None) -> Schema:
        made = {"type": "array", "items": items, "minItems": low}
        return made if more is None else {**made, "maxItems": low + more}

    return st.one_of(
        st.builds(
            an_object,
            st.dictionaries(NAMES, children, max_size=4),
            st.lists(NAMES, max_size=4, unique=True),
            st.none() | st.booleans() | children,
        ),
        st.builds(an_array, children, st.integers(0, 2), st.none() | st.integers(0, 3)),
        st.lists(children, min_size=1, max_size=3).map(lambda variants: {"anyOf": variants}),
    )


TREE: Schema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    "required": ["name"],
    "additionalProperties": False,
}
SCHEMAS = st.recursive(_leaf(), _inner, max_leaves=8).map(lambda one: {**one, "$defs": {"tree": TREE}})


def tiny_pieces() -> list[bytes | None]:
    def piece(token: str, kind: int) -> bytes | None:
        return bytes([int(token[3:5], 16)]) if kind == 6 else token.replace("▁", " ").encode() if kind == 1 else None

    return [piece(token, kind) for token, _, kind in vocabulary()]


WORDS = Vocabulary(tiny_pieces())


def masks_of(schema: Schema, words: Vocabulary = WORDS) -> tuple[Acceptor, Masks]:
    acceptor = Acceptor(*compile_schema(schema))
    return acceptor, Masks(words, acceptor)


def written(schema: Schema, seed: int, *, stops: float = 0.3, steps: int = 400) -> bytes:
    """A text by blind choice among the allowed tokens, ended the shortest way after `steps`.

    Asserts on the way that something is always allowed.
    """
    acceptor, masks = masks_of(schema)
    draw, state, text = random.Random(seed), acceptor.start, b""
    for _ in range(steps):
        if acceptor.must_end(state) or (acceptor.may_end(state) and draw.random() < stops):
            return text
        allowed = np.flatnonzero(masks.mask(state))
        assert len(allowed), f"nothing may follow {text!r}"
        piece = WORDS.pieces[int(draw.choice(allowed))]
        assert piece is not None
        state, text = acceptor.advance(state, piece), text + piece
        assert state, f"the mask allowed {piece!r}"
    ending = masks.ending(state)
    assert len(ending) == masks.need(state)
    return text + b"".join(WORDS.pieces[token] or b"" for token in ending)
