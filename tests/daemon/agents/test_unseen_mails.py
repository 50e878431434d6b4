"""How well the rules do on mails they were not written for."""

from __future__ import annotations

import pytest

from .reading import Read, mail_bytes, read
from .unseen_mails import LEADS, OTHERS, Unseen

AGREEMENT_MIN = 0.9  # Of the kinds of what is no lead; to call a friend "unclear" harms nobody.


def judged(one: Unseen) -> Read:
    return read(mail_bytes(one.body, From=one.sender, Subject=one.subject, **one.headers))


@pytest.mark.parametrize("one", LEADS, ids=lambda one: one.name)
def test_a_lead_is_found_with_its_writer_and_money(one: Unseen) -> None:
    seen = judged(one)
    amount = seen.lead["amount"]
    found = (amount["minor_units"], amount["currency"]) if isinstance(amount, dict) else None
    assert (seen.judged["kind"], seen.judged["qualified"]) == ("lead", True)
    assert (seen.lead["person"], seen.lead["email"], found) == (one.person, one.email, one.amount)


def test_nothing_else_is_taken_for_a_lead() -> None:
    kinds = {one.name: judged(one).judged for one in OTHERS}
    assert [name for name, output in kinds.items() if output["kind"] == "lead" or output["qualified"]] == []
    agreed = sum(kinds[one.name]["kind"] == one.kind for one in OTHERS)
    assert agreed / len(OTHERS) >= AGREEMENT_MIN


def test_every_judgement_names_its_rule_and_where_it_looked() -> None:
    for one in (*LEADS, *OTHERS):
        reasons = judged(one).judged["reasons"]
        assert isinstance(reasons, list)
        assert all(reason["rule"] and reason["text"] and reason["source"] for reason in reasons)
