"""Standing permissions: given by the operator alone, used only for what they name, counted, and never revived."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core import grants
from quarterdeck_daemon.core.commands import AssetFile, GivePermission, LoadAssets, RevokePermission
from quarterdeck_daemon.core.entities import Asset, Grant
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.turn import Env
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL

from .core_bench import rebuilt
from .trust_bench import ASK, DAY, PLAYBOOK, SECOND, Trust


def grant_of(trust: Trust, id: str = "g1") -> Grant:
    found = trust.store.get(Grant, id)
    assert found is not None
    return found


def test_a_permission_lets_what_it_names_go_unasked_and_counts_it() -> None:
    trust = Trust()
    id = trust.give()
    action = trust.propose()
    assert (action.status, action.verdict.verdict, action.verdict.rule, action.verdict.grant) == (
        "held",
        "allow",
        "g1",
        id,
    )
    assert trust.send(action).status == "succeeded"
    assert (grant_of(trust).used, grant_of(trust).status) == (1, "active")
    assert rebuilt(trust.store).get(Grant, id) == grant_of(trust)
    assert [link.source for link in trust.store.links_to("grant:g1", "permitted_by")] == [f"action:{action.id}"]


def test_the_last_use_is_the_last_and_still_leaves() -> None:
    trust = Trust()
    trust.give(uses_max=1)
    first, second = trust.propose(), trust.propose()
    assert (first.status, second.status, grant_of(trust).status) == ("held", "proposed", "used_up")
    assert trust.send(first).status == "succeeded"


def test_a_day_has_its_own_limit() -> None:
    trust = Trust()
    trust.give(uses_max=3, per_day=1)
    assert [trust.propose().status for _ in range(2)] == ["held", "proposed"]
    trust.now_us += DAY
    assert trust.propose().status == "held"


@pytest.mark.parametrize(
    "change", [{"agent": "outreach"}, {"to": ("*@y.test",)}, {"to": ("boss",)}, {"action": "files.write"}]
)
def test_it_covers_nothing_but_what_it_names(change: dict[str, object]) -> None:
    trust = Trust()
    trust.give(**change)
    assert trust.propose().status == "proposed"


def test_every_target_must_fit() -> None:
    trust = Trust()
    trust.give(to=("*@x.test",))
    assert trust.propose(cc=["enemy@y.test"]).status == "proposed"
    assert trust.propose(cc=["other@x.test"]).status == "held"


def test_what_names_an_amount_needs_a_permission_that_says_up_to_which() -> None:
    trust = Trust()
    trust.give(uses_max=10)
    assert trust.propose(amount=100, currency="EUR").status == "proposed"
    trust.give(uses_max=10, amount_max=500)
    assert trust.propose(amount=100, currency="EUR").status == "held"
    assert trust.propose(amount=501, currency="EUR").status == "proposed"
    assert trust.propose(amount="100", currency="EUR").status == "proposed"
    assert trust.propose(amount=100.0, currency="EUR").status == "proposed"


def test_guards_denials_and_firm_rules_stand_above_it() -> None:
    trust = Trust()
    trust.give(uses_max=50)
    assert trust.propose(labels=EXTERNAL).status == "proposed"
    trust.load(ASK.replace('"ask"', '"deny"'))
    assert trust.propose().status == "denied"
    trust.load(ASK + "firm = true\n")
    assert trust.propose().status == "proposed"
    trust.load('[[rule]]\nid = "slip"\nmatch = "*"\nverdict = "allow"\nwhen = "nobody"\n')
    assert trust.propose().status == "proposed", "a rule without an answer asks, whatever was permitted"
    assert grant_of(trust).used == 0


# --- ends -----------------------------------------------------------------------------------------


def test_it_expires_by_an_event_and_a_clock_that_is_set_back_revives_nothing() -> None:
    trust = Trust()
    trust.give(expires_us=trust.now_us + 60 * SECOND)
    trust.pass_time(60 * SECOND)
    assert (grant_of(trust).status, trust.propose().status) == ("expired", "proposed")
    trust.now_us -= 3_600 * SECOND
    assert trust.propose().status == "proposed"


def test_it_is_over_at_its_end_even_before_anybody_woke_up() -> None:
    trust = Trust()
    trust.give(expires_us=trust.now_us + 60 * SECOND)
    trust.now_us += 60 * SECOND
    assert trust.propose().status == "proposed"


def test_a_clock_that_is_set_back_ends_what_is_in_force() -> None:
    trust = Trust()
    trust.give()
    env = Env(now_us=trust.now_us - 60 * SECOND, last_us=trust.now_us)
    trust.give(to=("nobody@x.test",))
    done = decide(trust.store, RevokePermission(id="g2"), env, head=trust.store.head.seq, actor="operator")
    trust.store.append([done.commit])
    assert (grant_of(trust).status, grant_of(trust).ended) == ("expired", "the clock was set back")


def test_what_it_allowed_does_not_leave_once_it_is_revoked() -> None:
    trust = Trust()
    trust.give()
    action = trust.propose()
    trust.do(RevokePermission(id="g1"))
    trust.pass_time(30 * SECOND)
    assert (trust.action(action.id).status, grant_of(trust).status) == ("withdrawn", "revoked")
    assert trust.do(RevokePermission(id="g1")) == {"id": "g1", "status": "revoked"}


def test_what_it_allowed_does_not_leave_after_its_end() -> None:
    trust = Trust()
    trust.give(expires_us=trust.now_us + 5 * SECOND)
    action = trust.propose()
    trust.pass_time(30 * SECOND)
    assert trust.action(action.id).status == "withdrawn"


def test_the_twin_that_does_not_look_at_the_end_lets_it_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    trust = Trust()
    trust.give(expires_us=trust.now_us + 5 * SECOND)
    action = trust.propose()
    monkeypatch.setattr(grants, "may_use", lambda grant, question: True)
    monkeypatch.setattr(grants, "grants_for", lambda *given, **named: (grant_of(trust),))
    monkeypatch.setattr("quarterdeck_daemon.core.questions.grants_for", lambda *given, **named: (grant_of(trust),))
    monkeypatch.setattr("quarterdeck_daemon.core.policy.may_use", lambda grant, question: True)
    trust.pass_time(30 * SECOND)
    assert trust.action(action.id).status == "intent"


def test_a_restart_asks_again_for_the_end_of_what_is_in_force() -> None:
    trust = Trust()
    trust.give()
    (need,) = [need for need in trust.needs("wake") if need.entity == "grant:g1"]
    assert need.at_us == grant_of(trust).expires_us


# --- who and what ---------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["agent:composer", "editor", "script", "kernel", "connector:mail"])
def test_only_the_operator_gives_and_takes(actor: str) -> None:
    trust = Trust()
    trust.give()
    for command in (RevokePermission(id="g1"), trust_command(trust)):
        with pytest.raises(QuarterdeckError) as refused:
            trust.do(command, actor=actor)
        assert refused.value.code == "forbidden"


def trust_command(trust: Trust) -> GivePermission:
    return GivePermission(
        agent="composer", action="mail.send", to=("known",), uses_max=1, expires_us=trust.now_us + DAY
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"action": "practice.pay"}, "policy_denied"),
        ({"action": "practice.refund"}, "policy_denied"),
        ({"action": "mail.*"}, "policy_denied"),
        ({"action": "bank.pay"}, "policy_denied"),
        ({"agent": "*"}, "bad_value"),
        ({"agent": ""}, "bad_value"),
        ({"to": ()}, "bad_value"),
        ({"to": ("",)}, "bad_value"),
        ({"uses_max": 0}, "out_of_range"),
        ({"uses_max": 1_001}, "out_of_range"),
        ({"per_day": -1}, "out_of_range"),
        ({"amount_max": -1}, "out_of_range"),
        ({"expires_us": 0}, "out_of_range"),
        ({"expires_us": 1 << 60}, "out_of_range"),
    ],
)
def test_a_permission_has_bounds(changed: dict[str, object], code: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        Trust().give(**changed)
    assert refused.value.code == code


def test_there_are_not_endlessly_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "GRANTS_MAX", 2)
    trust = Trust()
    trust.give()
    trust.give()
    with pytest.raises(QuarterdeckError, match="2 permissions"):
        trust.give()


def test_a_policy_file_that_cannot_be_read_makes_everything_ask_until_it_is_mended() -> None:
    """Also when it was never read before: a rule that nobody knows might have said no."""
    trust = Trust(ASK.replace('"ask"', '"allow"'))
    trust.give()
    files = (trust_file("mail", ASK.replace('"ask"', '"allow"')), trust_file("zz", "[[rule]\nbroken"))
    reply = trust.do(LoadAssets(files=(*files, PLAYBOOK_FILE)))
    refused = reply["refused"]
    assert isinstance(refused, list)
    assert [one["path"] for one in refused] == ["policies/zz.toml"]
    action = trust.propose()
    assert (action.status, action.verdict.rule, action.verdict.where) == (
        "proposed",
        "unreadable",
        "policies/zz.toml",
    )
    trust.do(LoadAssets(files=(files[0], PLAYBOOK_FILE)))
    assert trust.propose().status == "held"
    assert rebuilt(trust.store).get(Asset, "policy/zz") == trust.store.get(Asset, "policy/zz")


def trust_file(name: str, text: str) -> AssetFile:
    return AssetFile(asset_kind="policy", name=name, path=f"policies/{name}.toml", text=text, hash=text_hash(text))


PLAYBOOK_FILE = AssetFile(asset_kind="playbook", name="lead", path="p", text=PLAYBOOK, hash=text_hash(PLAYBOOK))


def test_a_preset_stands_behind_the_operators_own_files() -> None:
    trust = Trust()
    text = ASK.replace('"ask"', '"deny"').replace('"mine"', '"preset"')
    preset = AssetFile(asset_kind="preset", name="balanced", path="preset balanced", text=text, hash=text_hash(text))
    mine = trust_file("mail", ASK.replace('match = "*"', 'match = "mail.*"'))
    trust.do(LoadAssets(files=(preset, mine, PLAYBOOK_FILE)))
    assert trust.propose().verdict.rule == "mine"
    trust.do(LoadAssets(files=(preset, PLAYBOOK_FILE)))
    assert trust.propose().verdict.rule == "preset"
    trust.do(LoadAssets(files=(PLAYBOOK_FILE,)))
    assert trust.propose().verdict.rule == "default"
