"""Small pure parts: order, filters, times, replies, the lines of why."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from tests.tui.studio import APPROVALS, INES, NOW_US

from quarterdeck_tui import replies, why_text
from quarterdeck_tui.arrangement import Arrangement, rows, sorted_by_risk
from quarterdeck_tui.clock import due, span
from quarterdeck_tui.screens.reject import reason_of
from quarterdeck_tui.svg import without_web_fonts
from quarterdeck_tui.until import moment

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # A Saturday.


def test_known_rows_keep_their_place_and_new_ones_follow() -> None:
    first = Arrangement(ids=("a2", "a1"))
    views = [view for view in APPROVALS if view.id in ("a18", "a17")]
    after = Arrangement(ids=("a17",)).with_items(views)
    assert after == Arrangement(ids=("a17", "a18"), new=frozenset({"a18"}))
    assert first.with_items([]) == Arrangement(ids=(), new=frozenset())


def test_sorting_puts_risk_first_then_what_is_due() -> None:
    assert sorted_by_risk(APPROVALS).ids[:4] == ("a18", "a20", "a21", "a17")


@pytest.mark.parametrize(
    ("query", "found"),
    [("baretto", ["a20"]), ("risk:high", ["a18"]), ("agent:finance invoice", ["a18", "a20"]), ("to:kim", ["a23"])],
)
def test_every_word_of_a_filter_must_fit(query: str, found: list[str]) -> None:
    order = Arrangement(ids=tuple(view.id for view in APPROVALS))
    assert [view.id for view in rows(order, APPROVALS, "all", query)] == found


@pytest.mark.parametrize(
    ("words", "iso"),
    [
        ("1h", "2026-11-21T13:00:00+00:00"),
        ("3 days", "2026-11-24T12:00:00+00:00"),
        ("tomorrow", "2026-11-22T08:00:00+00:00"),
        ("monday", "2026-11-23T08:00:00+00:00"),
        ("saturday", "2026-11-28T08:00:00+00:00"),
        ("after lunch", "after lunch"),
    ],
)
def test_words_for_later(words: str, iso: str) -> None:
    assert moment(words, NOON) == iso


def test_spans_fit_four_cells() -> None:
    assert [span(seconds) for seconds in (4, 59, 60, 7_200, 86_400, 13 * 86_400, 20 * 86_400)] == [
        "4s", "59s", "1m", "2h", "1d", "13d", "2w",
    ]  # fmt: skip
    assert due(NOW_US - 1, NOW_US) == "late"


def test_digits_and_words_are_reasons() -> None:
    assert [reason_of(text) for text in ("3", " 7 ", "no discount", "")] == ["not now", "7", "no discount", ""]


def test_an_item_that_cannot_be_read_does_not_hide_the_others() -> None:
    good = {"id": "a1", "shown_hash": "h", "action": {"connector": "mail", "verb": "send"}, "risk": "low"}
    views, unreadable = replies.approvals({"items": [good, {"id": "a2"}, 7]})
    assert ([view.id for view in views], unreadable) == (["a1"], 2)


def test_an_item_without_a_risk_counts_as_high() -> None:
    views, _ = replies.approvals(
        {"items": [{"id": "a1", "shown_hash": "h", "action": {"connector": "x", "verb": "y"}}]}
    )
    assert views[0].risk == "high"


def test_verdicts_tell_the_end_of_the_hold_or_the_reason_of_a_refusal() -> None:
    held = {"id": "a1", "ok": True, "status": "held", "releases_at": "2026-11-24T08:00:08.000000Z"}
    refused = {"id": "a2", "ok": False, "error": "conflict", "message": "m", "hint": "h"}
    found = replies.verdicts({"items": [held, refused, {"ok": False}]})
    assert found[0].release_us == 1_795_507_208_000_000
    assert [(one.id, one.code) for one in found] == [("a1", ""), ("a2", "conflict"), ("", "internal")]


@pytest.mark.parametrize("rows_max", range(1, 16))
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_short_why_never_takes_more_room_than_it_has(rows_max: int, width: int) -> None:
    for view in APPROVALS:
        lines = why_text.compact(view, width, rows_max)
        assert len(lines) <= rows_max
        assert all(line.cell_length <= width for line in lines)


def test_eight_rows_at_80_columns_hold_reason_evidence_text_risk_and_undo() -> None:
    labels = [line.plain[:7].strip() for line in why_text.compact(INES, 80, 8)]
    assert [label for label in labels if label] == ["why", "seen", "mem", "to", "text", "risk", "undo"]


def test_money_shows_its_arguments_even_when_rows_are_short() -> None:
    assert any("312.50" in line.plain and "iban" in line.plain for line in why_text.compact(APPROVALS[0], 80, 7))


def test_an_exported_screen_loads_nothing() -> None:
    svg = '<style>@font-face { font-family: "X"; src: url("https://fonts.test/x.woff2"); }\n.a { }</style>'
    assert "https" not in without_web_fonts(svg)


def test_the_why_screen_says_how_sure_with_which_lesson_and_what_else_there_was() -> None:
    view = dataclasses.replace(
        INES,
        confidence=0.9,
        basis="45 of the last 50 stood as proposed",
        worth="of 20 stated with 90 to 100 %, 18 stood (90 %; 70 % to 97 %)",
        made_with=("memory:m12", "asset:template/reply"),
        others=("the template reply.de (reply fits)",),
    )
    told = "\n".join(line.plain for line in why_text.full(view, 120))
    for said in ("lesson m12", "confidence 0.90: 45 of the last 50", "of 20 stated with", "the template reply.de"):
        assert said in told
    assert "lesson m12" in "\n".join(line.plain for line in why_text.compact(view, 120, 20))
