"""Sums and dates: exact where they are certain, left out where they are not."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.agents.dates import dates_in, deadline_of
from quarterdeck_daemon.agents.money import amounts_in, bare_amount, budget_of

NOW = datetime(2026, 10, 5)


@pytest.mark.parametrize(
    ("text", "language", "low", "high", "currency"),
    [
        ("EUR 8-10k", "en", 800000, 1000000, "EUR"),
        ("5.000 €", "de", 500000, 500000, "EUR"),
        ("£6,500", "en", 650000, 650000, "GBP"),
        ("12\u202f000\u00a0€", "fr", 1200000, 1200000, "EUR"),
        ("80\u00a0000\u00a0kr", "sv", 8000000, 8000000, "SEK"),
        ("€6,000 - €7,500", "en", 600000, 750000, "EUR"),
        ("between 8 and 10 thousand euros", "en", 800000, 1000000, "EUR"),
        ("EUR 3.5k", "en", 350000, 350000, "EUR"),
        ("CHF 12'000", "de", 1200000, 1200000, "CHF"),
        ("1.234,56 EUR", "de", 123456, 123456, "EUR"),
        ("USD 1,500.50", "en", 150050, 150050, "USD"),
        ("15 Tsd. Euro", "de", 1500000, 1500000, "EUR"),
        ("$12,000 and 3 apps", "en", 1200000, 1200000, "USD"),
        ("JPY 500,000", "en", 500000, 500000, "JPY"),
    ],
)
def test_a_sum_is_read_in_minor_units(text: str, language: str, low: int, high: int, currency: str) -> None:
    (amount,) = amounts_in(text, language=language)
    assert (amount.minor_units, amount.minor_units_max, amount.currency) == (low, high, currency)
    assert text[slice(*amount.span)] == amount.text


@pytest.mark.parametrize("text", ["12k", "80 000 kr", "400 schools", "EUR", "in 2026", "version 1.2.3", "€", "kr 5"])
def test_what_is_ambiguous_is_no_sum(text: str) -> None:
    assert amounts_in(text, language="en") == []


def test_the_budget_is_told_from_other_sums() -> None:
    text = (
        "We turned over £30m last year. Designers cost us $90 per hour. Our budget is up to £12k. The prize was £500."
    )
    budget = budget_of(amounts_in(text, language="en"))
    assert budget is not None
    assert budget.text == "£12k"
    assert bare_amount("we have 12k for it") == "12k"


@pytest.mark.parametrize(
    ("text", "language", "day", "exact", "role"),
    [
        ("by 4 December", "en", "2026-12-04", True, "deadline"),
        ("bis zum 15.01.2027", "de", "2027-01-15", True, "deadline"),
        ("March 3, 2027", "en", "2027-03-03", True, ""),
        ("by mid January", "en", "2027-01-15", False, "deadline"),
        ("fin janvier", "fr", "2027-01-31", False, ""),
        ("start in February", "en", "2027-02-28", False, "start"),
        ("senast den 15 mars", "sv", "2027-03-15", True, "deadline"),
        ("antes del 15 de marzo", "es", "2027-03-15", True, "deadline"),
        ("before Christmas", "en", "", False, "deadline"),
        ("on 03/04/2027", "en", "", False, ""),
        ("on 14/03/2027", "en", "2027-03-14", True, ""),
    ],
)
def test_a_date_is_read_and_its_role_told(text: str, language: str, day: str, exact: bool, role: str) -> None:
    (moment,) = dates_in(text, language=language, now=NOW)
    assert (moment.day, moment.exact, moment.role) == (day, exact, role)


@pytest.mark.parametrize(
    "text",
    ["we may march on", "a rating of 1.9.", "in 2025-01-01", "on 31 February 2027", "24/7 or 50/50", "May I ask"],
)
def test_ordinary_words_and_past_days_are_no_dates(text: str) -> None:
    assert dates_in(text, language="en", now=NOW) == []


def test_a_deadline_outweighs_a_start_and_an_exact_day_a_season() -> None:
    moments = dates_in("We start in May, from next summer on, and open on 12 June 2027.", language="en", now=NOW)
    deadline = deadline_of(moments)
    assert deadline is not None
    assert deadline.text == "12 June 2027"


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="0123456789.,'k €$£EURkr-–/ \u00a0Mayprilbefo", max_size=200),
    st.sampled_from(["en", "de", "fr", "sv", "es"]),
)
def test_no_text_breaks_them(text: str, language: str) -> None:
    for amount in amounts_in(text, language=language):
        assert text[slice(*amount.span)] == amount.text
        assert 0 < amount.minor_units <= amount.minor_units_max
    for moment in dates_in(text, language=language, now=NOW):
        assert text[slice(*moment.span)].strip() == moment.text
