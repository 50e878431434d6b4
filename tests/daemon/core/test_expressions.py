"""Conditions: only `true` is true, and whatever has no answer says so in one way."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.expressions import (
    EXPRESSION_CHARS_MAX,
    REASON_CHARS_MAX,
    Unanswerable,
    holds,
    program,
    resolve,
)

VALUES: Plain = {"n": 0, "list": [], "text": "x", "yes": True, "map": {"a": 1}, "none": None}

WITHOUT_ANSWER = [
    "missing",
    "map.missing",
    "missing.field.of.it",
    "1 / n == 1",
    "1 % n == 1",
    "list[0] == 1",
    "map['b'] == 1",
    "n + text == text",
    "text > 1",
    "int(text) == 1",
    "9223372036854775807 + 1 > 0",
    "text.matches('(')",
    "no_such_function(n)",
    "none.field",
    "n.field",
    "duration('x') > duration('1s')",
    "((",
    "",
    "a b",
    "(" * 900 + "true" + ")" * 900,
    "[" * 900 + "]" * 900 + " == []",
    "true || " * 300,
    "true" + " " * EXPRESSION_CHARS_MAX,
]


@pytest.mark.parametrize("text", WITHOUT_ANSWER)
def test_what_has_no_answer_is_unanswerable_and_nothing_else(text: str) -> None:
    with pytest.raises(Unanswerable) as refused:
        holds(text, VALUES)
    assert 0 < len(str(refused.value)) <= REASON_CHARS_MAX


@pytest.mark.parametrize("text", ["n", "text", "1", "'true'", "list", "map", "none", "null", "1.0"])
def test_a_value_that_is_no_bool_is_never_taken_for_true(text: str) -> None:
    with pytest.raises(Unanswerable, match="true or false"):
        holds(text, VALUES)


def test_a_missing_name_counts_as_neither_true_nor_its_opposite() -> None:
    for text in ("missing", "!missing", "missing == missing", "missing != 1"):
        with pytest.raises(Unanswerable):
            holds(text, VALUES)


def test_conditions_answer_over_plain_values() -> None:
    answers = {
        "yes": True,
        "n == 0 && text == 'x'": True,
        "size(list) == 0": True,
        "has(map.a) && !has(map.b)": True,
        "text in ['x', 'y']": True,
        "none == null": True,
        "n > 0 || yes": True,
        "[1, 2].exists(v, v == 3)": False,
    }
    assert {text: holds(text, VALUES) for text in answers} == answers


def test_a_whole_reference_keeps_its_type_and_one_inside_text_becomes_text() -> None:
    template: Plain = {
        "whole": "${map}",
        "list": ["${n}", "plain", 7],
        "text": "n=${n}, none=${none}!",
        "two": "${n}${text}",
    }
    expected = {"whole": {"a": 1}, "list": [0, "plain", 7], "text": "n=0, none=!", "two": "0x"}
    assert resolve(template, VALUES) == expected


def test_an_answer_that_looks_like_a_reference_is_not_resolved_again() -> None:
    """Text from outside could name a value it should not see."""
    assert resolve("${text}", {"text": "${secret}", "secret": "s"}) == "${secret}"
    assert resolve("say ${text}", {"text": "${secret}", "secret": "s"}) == "say ${secret}"


def test_an_expression_is_compiled_once() -> None:
    assert program("1 + 1") is program("1 + 1")
