"""A person is recognised in the forms in which people write names, addresses and numbers, and nobody else is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_daemon.core.traces import Traces, contacts_in, probes_of

INES = Traces(("Ines Marlow", "ines@marlow.example.test", "+49 30 5550 133"))


@pytest.mark.parametrize(
    "text",
    [
        "Ines Marlow", "hi INES\nMARLOW!", "Marlow, Ines", "client/ines-marlow", "ines_marlow.eml", "Ines  Marlow's",
        "see Ines@Marlow.Example.test.", "<ines@marlow.example.test>", "tel +49305550133", "0049 30 5550-133", "(49) 30/5550 133",
    ],
)  # fmt: skip
def test_usual_forms_are_found(text: str) -> None:
    assert INES.in_text(text)


@pytest.mark.parametrize(
    "text",
    ["Ines", "Marlow", "Ines Marlowe", "Agnines Marlow", "xines@marlow.example.test", "ines@marlow.example.testing",
        "305550133", "1493055501334", ""],
)  # fmt: skip
def test_somebody_else_is_not(text: str) -> None:
    assert not INES.in_text(text)


def test_two_fields_of_one_record_make_a_name() -> None:
    assert INES.in_value({"first": "Ines", "last": "Marlow"})
    assert INES.in_value({"deep": [{"who": ["x", "Ines Marlow"]}]})
    assert INES.in_value({"Ines Marlow": 1})
    assert not INES.in_value({"first": "Ines", "n": 7, "blob": b"Ines Marlow"})


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_name_and_no_text_is_too_odd(name: str, text: str) -> None:
    traces = Traces((name,))
    assert isinstance(traces.in_text(text), bool)
    if traces and not set("@0123456789") & set(name):
        assert traces.in_text(f"… {' '.join(re.findall(WORD, name.casefold()))} …")


WORD = r"[^\W_]+"


def test_what_is_too_short_to_be_told_from_other_words_is_nothing_to_look_for() -> None:
    assert not Traces(("a", "", "  ", "!?"))


def test_contacts_are_addresses_and_numbers_not_other_words() -> None:
    value = {"email": "a@b.test", "phone": "+49 30 5550 133", "note": "call a@b.test at noon", "since": "2026"}
    assert list(contacts_in(value)) == ["a@b.test", "+49 30 5550 133"]


def test_probes_are_long_lines_of_the_texts() -> None:
    assert probes_of(("short", "one\na line that is long enough\n", "a line that is long enough")) == (
        "a line that is long enough",
    )
