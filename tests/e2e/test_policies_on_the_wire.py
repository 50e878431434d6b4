"""Policies as the operator meets them: a real house, a lead's reply, rules tried on the past, a permission, a level."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quarterdeck_daemon.service.presets import preset_text
from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Plain, Quarters, approvals, lead_mail, running, settle, small_house

# One house for all of the file, and each test goes on from the one before.
pytestmark = pytest.mark.xdist_group("policies_on_the_wire")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    with running(small_house(tmp_path_factory.mktemp("policies"))) as quarters:
        quarters.lay_mail("lead.eml", lead_mail(1))
        with quarters.client() as client:
            settle(client)
        yield quarters


def call(house: Quarters, method: str, params: Plain) -> Plain:
    with house.client() as client:
        return client.call(method, params).result


def test_a_verdict_names_its_guards_and_an_explanation_what_its_terms_stood_for(house: Quarters) -> None:
    with house.client() as client:
        (waiting,) = approvals(client)
    policy = waiting["policy"]
    assert isinstance(policy, dict)
    assert {"R2", "R3", "R7"} <= set(policy["guards"])
    assert (waiting["confidence"], waiting["basis"]) == (None, "not enough data (0 of 10 decisions)")
    told = call(house, "policy.explain", {"id": str(waiting["id"])})
    spoke, tried = told["spoke"], told["tried"]
    assert isinstance(spoke, list)
    assert isinstance(tried, list)
    assert [one["number"] for one in spoke] == policy["guards"]
    assert told["rule"] == tried[-1]["rule"]
    assert tried[-1]["outcome"] == "matched"


def test_other_rules_are_tried_on_the_past_and_nothing_is_done(house: Quarters) -> None:
    before = call(house, "system.hello", {})["seq"]
    deny = '[[rule]]\nid = "no"\nmatch = "mail.*"\nverdict = "deny"\n'
    found = call(house, "policy.test", {"text": deny})
    assert found["counts"] == {"same": 0, "allowed": 0, "asked": 0, "denied": 1}
    assert call(house, "policy.test", {"preset": "autonomous"})["counts"] == {
        "same": 1,
        "allowed": 0,
        "asked": 0,
        "denied": 0,
    }
    slips = call(house, "policy.test", {"text": deny + 'when = "recipient == 1"\n'})["slips"]
    assert slips == ["rule no: there is no term 'recipient'; did you mean recipients?"]
    assert call(house, "system.hello", {})["seq"] == before


@pytest.mark.parametrize("params", [{}, {"text": "[[rule]"}, {"text": preset_text("balanced"), "since": "nonsense"}])
def test_a_test_of_nothing_or_of_nonsense_is_refused(house: Quarters, params: Plain) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        call(house, "policy.test", params)
    assert refused.value.code in ("bad_value", "schema")


def test_a_permission_is_given_listed_and_revoked(house: Quarters) -> None:
    params: Plain = {
        "agent": "outreach",
        "action": "mail.send",
        "to": ["known"],
        "until": "2999-01-01T00:00:00Z",
        "max": 2,
    }
    with pytest.raises(QuarterdeckError) as refused:
        call(house, "policy.grant", params)
    assert refused.value.code == "out_of_range"
    soon = str(call(house, "approval.list", {})["items"][0]["expires_at"])  # type: ignore[index]  # In a week.
    id = str(call(house, "policy.grant", {**params, "until": soon})["id"])
    items = call(house, "policy.grants", {})["items"]
    assert isinstance(items, list)
    assert [(one["id"], one["left"], one["status"]) for one in items] == [(id, 2, "active")]
    assert call(house, "policy.revoke", {"id": id})["status"] == "revoked"
    assert call(house, "policy.grants", {})["items"] == []
    with pytest.raises(QuarterdeckError, match="no agent 'outrech'"):
        call(house, "policy.grant", {**params, "agent": "outrech", "until": soon})


def test_a_level_is_set_shown_and_refused_for_money(house: Quarters) -> None:
    set_to: Plain = {"agent": "outreach", "action": "mail.send", "level": "suggest"}
    assert call(house, "agent.set_autonomy", set_to)["was"] == ""
    items = call(house, "agent.autonomy", {"agent": "outreach"})["items"]
    assert isinstance(items, list)
    assert [(one["id"], one["level"], one["widens"]) for one in items] == [("outreach/mail.send", "suggest", True)]
    with pytest.raises(QuarterdeckError) as refused:
        call(house, "agent.set_autonomy", {"agent": "outreach", "action": "practice.pay", "level": "autonomous"})
    assert refused.value.code == "policy_denied"


def test_only_the_operators_token_gives_permissions_and_levels() -> None:
    from quarterdeck_protocol.messages import METHODS

    for method in ("policy.grant", "policy.revoke", "agent.set_autonomy"):
        assert METHODS[method].role == "operator"
        assert METHODS[method].changes
