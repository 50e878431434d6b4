"""What the command line says about a decision: how sure, with which lesson, what else; and records and lessons in lines."""

from __future__ import annotations

from quarterdeck_daemon.cli import lessons, proposal, records
from quarterdeck_daemon.cli.output import Printer
from quarterdeck_daemon.cli.plain import Plain

STANDING: Plain = {
    "decisions": 12,
    "unchanged": 9,
    "edited": 2,
    "rejected": 1,
    "says": "9 of 12 stood (75 %; 47 % to 91 %)",
}
NOTHING: Plain = {"decisions": 0, "says": "not enough data (0 of 10 decisions)"}
CARD: Plain = {
    "id": "a7",
    "summary": "Reply to Ana",
    "action": {"connector": "mail", "verb": "send", "args": {"body": "Hi"}, "targets": ["ana@x.test"]},
    "confidence": 0.92,
    "basis": "46 of the last 50 stood as proposed",
    "calibrated": {"says": "of 33 stated with 90 to 100 %, 31 stood (94 %; 80 % to 98 %)"},
    "made_with": ["memory:m12", "asset:template/reply"],
    "used": ["memory:m12", "fact:client/acme", "document:doc3"],
    "evidence": [{"claim": "the mail", "source": "document:doc3", "quote": "hello"}],
    "alternatives": [{"what": "the template reply.de", "id": "asset:template/reply.de", "why": "reply fits"}],
}


def card(**changed: object) -> list[str]:
    return list(proposal.whole(Printer(), CARD | changed))


def test_a_card_says_how_sure_with_which_lesson_what_was_read_and_what_else_there_was() -> None:
    said = "sure:    92 %: 46 of the last 50 stood as proposed; of 33 stated with 90 to 100 %, 31 stood (94 %; 80 % to 98 %)"
    for row in (said, "with:    lesson m12", "from:    template reply", "read:    fact:client/acme",
                "or:      the template reply.de (reply fits)"):  # fmt: skip
        assert f"  {row}" in card()


def test_a_card_without_enough_data_says_so_and_no_number() -> None:
    assert "  sure:    not enough data (3 of 10 decisions)" in card(
        confidence=None, calibrated={}, basis="not enough data (3 of 10 decisions)"
    )


def test_a_card_of_an_older_daemon_has_none_of_these_lines() -> None:
    new = ("calibrated", "made_with", "used", "alternatives", "basis", "confidence")
    bare = {name: value for name, value in CARD.items() if name not in new}
    rows = list(proposal.whole(Printer(), bare))
    assert not [row for row in rows if row.startswith(("  sure", "  with", "  from", "  read", "  or"))]


def test_a_record_is_told_in_counts_and_bins() -> None:
    item: Plain = {
        "agent": "outreach", "action": "mail.send", "confidence": 0.75, "basis": "9 of the last 12 stood as proposed",
        "standing": STANDING, "bins": [{"says": "not enough data about what was stated with 70 to 80 % (2 of 10 decisions)"}],
    }  # fmt: skip
    assert list(records.lines([item])) == [
        "outreach  mail.send",
        "  9 as is, 2 edited, 1 rejected: 9 of 12 stood (75 %; 47 % to 91 %)",
        "  states now: 75 %, 9 of the last 12 stood as proposed",
        "  not enough data about what was stated with 70 to 80 % (2 of 10 decisions)",
    ]


def test_the_worth_of_a_lesson_is_told_before_since_and_with_it() -> None:
    effect: Plain = {"scope": ["outreach/mail.send"], "before": STANDING, "since": NOTHING, "given": NOTHING}
    assert list(lessons.effect_lines(effect)) == [
        "  of outreach/mail.send",
        "  before:  9 as is, 2 edited, 1 rejected: 9 of 12 stood (75 %; 47 % to 91 %)",
        "  since:   nothing decided: not enough data (0 of 10 decisions)",
        "  with it: nothing decided: not enough data (0 of 10 decisions)",
    ]
