"""An edit that no connector would take is refused when it is made, and approves nothing."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import Choice, DecideApprovals
from quarterdeck_daemon.core.entities import Action
from quarterdeck_daemon.core.verbs import argument_fault

from .test_lead_story import approve, bench_with_proposal


@pytest.mark.parametrize(
    "edits",
    [
        {"to": []},
        {"to": ["not an address"]},
        {"to": ["@"]},
        {"subject": "Hello\r\nBcc: thief@elsewhere.test"},
        {"body": "text\x00"},
    ],
    ids=str,
)
def test_an_edit_that_could_never_be_sent_is_refused(edits: dict[str, object]) -> None:
    bench, action = bench_with_proposal()
    error = approve(bench, action, **edits)["error"]
    after = bench.store.get(Action, action.id)
    assert isinstance(error, dict)
    assert after is not None
    assert (error["code"], after.status) == ("bad_value", "proposed")


def test_a_snooze_beyond_the_expiry_is_refused() -> None:
    bench, action = bench_with_proposal()
    assert action.expires_us is not None
    item = Choice(id=action.id, shown_hash=action.shown_hash)
    decided = bench.do(DecideApprovals(items=(item,), decision="snooze", until_us=action.expires_us + 1))["items"]
    assert isinstance(decided, list)
    assert decided[0]["error"]["code"] == "out_of_range"


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        ({"amount": 700}, ""),
        ({"amount": "700"}, "'amount' is '700'; it is a whole number of minor units, 31250 for 312.50"),
        ({"amount": True}, "'amount' is True; it is a whole number of minor units, 31250 for 312.50"),
        ({"amount": 0}, "'amount' is 0; it is a whole number of minor units, 31250 for 312.50"),
        ({}, "it names no 'amount'"),
    ],
)
def test_an_amount_that_is_none_is_told_to_whoever_proposes_it(args: dict[str, object], fault: str) -> None:
    """No rule about amounts would see it, and the operator would not be asked to type it; the connector refuses it last."""
    assert argument_fault("practice.pay", {"to": "acme", "currency": "EUR", **args}) == fault
