"""Extractive summaries: the sentences that matter, word for word, the same every time."""

from __future__ import annotations

import os
import random
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.summary import extract, sentences_of

NOTES = (
    "Call with Ines of Northwind. She was in a good mood. The weather in Hamburg is fine.",
    "Northwind wants the onboarding redesign by 1 March 2027. Ines sends the brief on Friday. We talked about football.",
    "Mail of Northwind: the budget for the onboarding redesign is EUR 8,500 net. Payment within 30 days.",
    "Ines asks whether the onboarding redesign may start in January. I said yes.",
    "Lunch was good. Northwind confirms EUR 8,500 and the date of 1 March 2027.",
)


def test_a_summary_has_what_the_notes_share_and_the_figures_in_the_words_of_the_notes() -> None:
    chosen = extract(NOTES, chars_max=180)
    text = " ".join(one.text for one in chosen)
    assert "8,500" in text
    assert "1 March 2027" in text
    assert "weather" not in text
    assert sum(len(one.text) + 1 for one in chosen) <= 181
    for one in chosen:
        assert NOTES[one.source][one.span[0] : one.span[1]] == one.text


def test_what_is_said_again_is_not_taken_again() -> None:
    chosen = extract(["The rent is EUR 900 from May."] * 5 + ["Heating is not included in it."], chars_max=500)
    assert [one.text for one in chosen] == ["The rent is EUR 900 from May.", "Heating is not included in it."]


def test_abbreviations_and_days_end_no_sentence() -> None:
    text = "Dr. Meier comes on 3. May at 9. Bring the forms, e.g. the blue one. Thank you very much!"
    assert [one.text for one in sentences_of(text)] == [
        "Dr. Meier comes on 3. May at 9. Bring the forms, e.g. the blue one.", "Thank you very much!",
    ]  # fmt: skip


def test_lists_and_lines_are_sentences_too() -> None:
    text = "Agenda\n- first thing to do\n- second thing to do\n\nThat is all for today"
    assert [one.text for one in sentences_of(text)] == [
        "first thing to do", "second thing to do", "That is all for today",
    ]  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=200), max_size=8), st.integers(0, 400))
def test_every_sentence_stands_where_it_says_and_all_fit_in_the_budget(texts: list[str], chars_max: int) -> None:
    chosen = extract(texts, chars_max=chars_max)
    assert all(texts[one.source][one.span[0] : one.span[1]] == one.text for one in chosen)
    assert sum(len(one.text) + 1 for one in chosen) <= chars_max or not chosen
    assert [(one.source, one.span) for one in chosen] == sorted((one.source, one.span) for one in chosen)


def test_it_is_the_same_whatever_the_seed_of_hashes() -> None:
    """Sums over sets of words must not depend on their order."""
    chance = random.Random(3)
    words = ["invoice", "budget", "northwind", "ines", "march", "8500", "offer", "contract", "friday", "design"]
    texts = [". ".join(" ".join(chance.choices(words, k=7)) for _ in range(6)) for _ in range(12)]
    code = (
        "import sys; from quarterdeck_daemon.core.summary import extract\n"
        f"print([(s.source, s.span) for s in extract({texts!r}, chars_max=400)])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed in ("0", "1", "77")
    }  # fmt: skip
    assert len(told) == 1
