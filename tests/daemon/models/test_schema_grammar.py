"""Whatever a model would like to write: what is written keeps to the schema, and what keeps to it can be written."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.models.numerals import Number, number
from quarterdeck_daemon.models.schema_grammar import FORMATS, LENGTH_MAX, BadSchema, compile_schema

from .schemas import SCHEMAS, WORDS, Schema, masks_of, written


def check(schema: Schema, text: bytes) -> None:
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(json.loads(text.decode()))


def written_or_impossible(schema: Schema, seed: int, *, stops: float = 0.3, steps: int = 400) -> bytes:
    """b"" for a schema that nothing satisfies, the only reason why one of these may be refused."""
    try:
        return written(schema, seed, stops=stops, steps=steps)
    except BadSchema as refused:
        if "nothing finite" in str(refused):
            return b""
        raise


@settings(max_examples=300, deadline=None)
@given(schema=SCHEMAS, seed=st.integers(0, 9_999))
def test_what_is_written_by_blind_choice_is_json_and_keeps_to_the_schema(schema: Schema, seed: int) -> None:
    text = written_or_impossible(schema, seed)
    if text:
        check(schema, text)


@settings(max_examples=100, deadline=None)
@given(schema=SCHEMAS, seed=st.integers(0, 9_999), steps=st.integers(0, 30))
def test_a_text_can_be_ended_at_any_place_in_the_tokens_foreseen(schema: Schema, seed: int, steps: int) -> None:
    text = written_or_impossible(schema, seed, stops=0.0, steps=steps)
    if text:
        check(schema, text)


@settings(max_examples=60, deadline=None)
@given(schema=SCHEMAS, seed=st.integers(0, 9_999), steps=st.integers(0, 12))
def test_a_mask_says_of_each_token_what_following_its_bytes_says(schema: Schema, seed: int, steps: int) -> None:
    try:
        acceptor, masks = masks_of(schema)
    except BadSchema:
        return
    draw, state = random.Random(seed), acceptor.start
    for _ in range(steps):
        if acceptor.must_end(state):
            break
        token = draw.choice([at for at, allowed in enumerate(masks.mask(state)) if allowed])
        state = acceptor.advance(state, WORDS.pieces[token] or b"")
    one_by_one = [bool(piece) and acceptor.advance(state, piece or b"") != 0 for piece in WORDS.pieces]
    assert list(masks.mask(state)) == one_by_one


def allowed(schema: Schema, text: str) -> bool:
    acceptor, _ = masks_of(schema)
    return acceptor.may_end(acceptor.advance(acceptor.start, text.encode()))


PERSON: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name"],
}


NAMED_VARIANTS: Schema = {
    "oneOf": [
        {"type": "object", "properties": {"k": {"const": one}, one: {"type": "integer"}}, "required": ["k", one]}
        for one in "ab"
    ]
}
OTHERS: Schema = {"properties": {"xy": {"type": "null"}}, "additionalProperties": {"type": "integer"}}
NESTED: Schema = {"$ref": "#/$defs/list", "$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/list"}}}}


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        (
            PERSON,
            ['{"name":"Ana"}', '{"name": "日本語é😀", "age": 120}', '{"name":"\\"\\\\\\n","age":7}'],
            [
                '{"age":7}',
                '{"name":"Ana","age":121}',
                '{"name":"Ana","age":07}',
                '{"name":"toolong"}',
                '{"name":"Ana",}',
            ],
        ),
        (PERSON, [], ['{"name":"a\nb"}', '{"name":"\\ud800"}', '{"name":"a"', '{"age":1,"name":"a"}']),
        (
            {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
            ["[true]", "[true, false]"],
            ["[]", "[true,true,true]", "[true true]"],
        ),
        (
            {"type": "number", "minimum": -1.5, "exclusiveMaximum": 2},
            ["-1.5", "0", "1.999999", "-0.5"],
            ["-1.6", "2", "2.0", "-0", "00", ".5", "1."],
        ),
        ({"enum": ["a", "b", 1, None]}, ['"a"', "1", "null"], ['"c"', "11", '"a']),
        ({"type": "string", "enum": ["a", 1]}, ['"a"'], ["1"]),
        ({"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}, ['"AB-12"'], ['"ab-12"', '"AB-"', '"AB-1x"']),
        ({"type": "string", "pattern": "b"}, ['"abc"', '"b"', '"é\\"b"'], ['"ac"']),
        (
            {"type": "string", "format": "date"},
            ['"2024-02-29"', '"2026-11-30"'],
            ['"2026-02-29"', '"2026-11-31"', '"2026-1-1"'],
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            ['{"x":1,"yy":2}', "{}"],
            ['{"x":"1"}', '{"x"}'],
        ),
        (OTHERS, ['{"xy":null,"x":1}', '{"x":1,"xyz":2}', '{"":3}'], ['{"xy":1}', '{"\\u0078y":1}']),
        ({"anyOf": [{"type": "null"}, PERSON]}, ["null", '{"name":""}'], ["nul", "{}"]),
        (NAMED_VARIANTS, ['{"k":"a","a":1}', '{"k":"b","b":2}'], ['{"k":"a","b":1}']),
        (NESTED, ["[]", "[[],[[]]]"], ["[[]", "[1]"]),
        ({"type": ["string", "null"]}, ['""', "null"], ["1"]),
    ],
)
def test_what_keeps_to_a_schema_may_be_written_and_nothing_else(
    schema: Schema, right: list[str], wrong: list[str]
) -> None:
    assert [text for text in right if not allowed(schema, text)] == []
    assert [text for text in wrong if allowed(schema, text)] == []


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"not": {"type": "null"}}, "not at /"),
        ({"type": "object", "properties": {"a": {"if": {}, "then": {}}}}, "if, then at /properties/a"),
        ({"allOf": [{"type": "null"}]}, "allOf at /"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "prefixItems": []}, "prefixItems"),
        ({"type": "number", "multipleOf": 2}, "multipleOf"),
        ({"type": "object", "minProperties": 1}, "minProperties"),
        ({"type": "string", "format": "ipv4"}, "format 'ipv4'"),
        ({"type": "string", "pattern": "(?=a)b"}, "looks ahead"),
        ({"type": "string", "pattern": "a\\b"}, "has \\b"),
        ({"type": "string", "pattern": "a{2,5000}"}, "1000 are the most"),
        ({"type": "string", "pattern": "a+?"}, "sign of repetition behind another"),
        ({"type": "string", "pattern": "a", "maxLength": 3}, "beside a pattern"),
        ({"type": "string", "minLength": LENGTH_MAX + 1}, "minLength above"),
        ({"$ref": "https://example.test/x.json"}, "$ref to"),
        ({"$ref": "#/$defs/none"}, "$ref to"),
        ({"$ref": "#/$defs/a", "type": "object", "$defs": {"a": {}}}, "$ref beside type"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "may both match"),
        ({"oneOf": [PERSON, PERSON]}, "may both match"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "nothing finite"),
        ({"type": "date"}, "type ['date']"),
        ({"$ref": "#"}, "nothing finite"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "nothing finite"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "nothing finite"),
    ],
)  # fmt: skip
def test_what_a_schema_asks_that_cannot_be_kept_is_named(schema: Schema, named: str) -> None:
    with pytest.raises(BadSchema) as caught:
        compile_schema(schema)
    assert named in str(caught.value)


def test_a_field_that_may_be_missing_does_not_make_a_schema_endless() -> None:
    compile_schema({"type": "object", "properties": {"next": {"$ref": "#"}}})


@settings(max_examples=200, deadline=None)
@given(
    low=st.none() | st.decimals(-300, 300, places=1),
    width=st.none() | st.decimals(0, 200, places=1),
    whole=st.booleans(),
    data=st.data(),
)
def test_a_number_begun_can_be_ended_between_its_limits(
    low: Decimal | None, width: Decimal | None, whole: bool, data: st.DataObject
) -> None:
    high = None if width is None else (low or 0) + width
    one = number(low, high, whole=whole)
    text = ""
    while one is not None:
        end = one.end()
        assert end is not None
        value = Decimal(text + end.decode())
        assert low is None or low <= value
        assert high is None or value <= high
        assert one.complete == (end == b"")
        ways = list(one.steps())
        if not ways:
            break
        byte, one = data.draw(st.sampled_from(ways))
        text += chr(byte)


def test_every_whole_number_between_the_limits_and_no_other_can_be_written() -> None:
    found: set[int] = set()

    def follow(one: Number, text: str) -> None:
        if one.complete:
            found.add(int(text))
        for byte, after in one.steps():
            follow(after, text + chr(byte))

    start = number(Decimal(-13), Decimal(117), whole=True)
    assert start is not None
    follow(start, "")
    assert found == set(range(-13, 118))


def test_states_numbered_anew_in_the_middle_change_nothing() -> None:
    acceptor, masks = masks_of(PERSON)
    state = acceptor.advance(acceptor.start, b'{"name":"A')
    before, need = masks.mask(state).copy(), masks.need(state)
    state = acceptor.forget(state)
    masks.forget()
    assert (masks.mask(state) == before).all()
    assert masks.need(state) == need
    assert acceptor.may_end(acceptor.advance(state, b'na"}'))


def test_a_text_is_spelled_with_the_fewest_tokens() -> None:
    assert [WORDS.pieces[token] for token in WORDS.spell(b'{"name":"')] == [b'{"', b"name", b'":"']
    assert WORDS.spell("日é".encode()) == [WORDS.pieces.index("日".encode()), WORDS.pieces.index("é".encode())]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_writes_what_a_strict_reader_takes(name: str) -> None:
    schema: Schema = {"type": "string", "format": name}
    for seed in range(30):
        check(schema, written(schema, seed))


def test_without_the_mask_the_same_choice_writes_no_json() -> None:
    """The twin: tokens by chance, nothing that holds them."""
    draw = random.Random(1)
    text = b"".join(draw.choice(WORDS.pieces) or b"" for _ in range(40))
    with pytest.raises((ValueError, UnicodeDecodeError)):
        json.loads(text.decode())
