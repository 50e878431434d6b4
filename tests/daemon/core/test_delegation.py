"""A rule is drafted from one approval: as narrow as that, and never for what is always asked about."""

from __future__ import annotations

from quarterdeck_daemon.core.delegation import FILE, condition_of, next_number, question_for, refusals, rule_text
from quarterdeck_daemon.core.entities import Action
from quarterdeck_daemon.core.policy import judge
from quarterdeck_daemon.core.questions import Asker, policies, question_of
from quarterdeck_daemon.core.rules import Files, parse_policy
from quarterdeck_protocol.labels import EXTERNAL

from .approval_desk import RULES, Desk

DENIES = '\n[[rule]]\nid = "no-offers"\nmatch = "mail.send"\nverdict = "deny"\nwhen = \'args.subject == "Offer"\'\n'


def known_desk(policy: str = RULES) -> Desk:
    desk = Desk(policy)
    desk.put("client", "ana", name="Ana", email="ana@x.test")
    desk.send(desk.propose("ana@x.test"))
    return desk


def refused(desk: Desk, id: str) -> list[str]:
    action = desk.action(id)
    return refusals(desk.store, action, question_for(desk.store, action, desk.now_us), policies(desk.store))


def drafted(desk: Desk, id: str) -> Files:
    """The rules with the one that would be written before them."""
    action, files = desk.action(id), policies(desk.store)
    condition = condition_of(action, question_for(desk.store, action, desk.now_us), files, amount_max=None)
    return [(FILE, parse_policy(rule_text(action, condition, number=1, day="2026-11-21"))), *files]


def word(desk: Desk, files: Files, action: Action, **changed: object) -> str:
    args = {**action.args, **changed}
    asker = Asker(agent=action.agent, now_us=desk.now_us)
    return judge(question_of(desk.store, "mail", "send", args, action.labels, asker), files, hold_us=1).verdict


def test_its_like_is_let_go_and_nothing_wider() -> None:
    desk = known_desk()
    id = desk.propose("ana@x.test")
    assert refused(desk, id) == []
    files, action = drafted(desk, id), desk.action(id)
    assert word(desk, files, action) == "allow"
    assert word(desk, files, action, body="Another text.") == "allow"
    assert word(desk, files, action, to=["bo@x.test"]) == "ask"
    assert word(desk, files, action, to=["ana@x.test", "bo@x.test"]) == "ask"
    asker = Asker(agent="other", now_us=desk.now_us)
    asked = question_of(desk.store, "mail", "send", action.args, action.labels, asker)
    assert judge(asked, files, hold_us=1).verdict == "ask"
    tainted = question_of(desk.store, "mail", "send", action.args, EXTERNAL, Asker(agent="x", now_us=desk.now_us))
    assert judge(tainted, files, hold_us=1).verdict == "ask"


def test_a_rule_that_denies_stands_before_it() -> None:
    desk = known_desk(RULES.replace("[[rule]]", DENIES + "\n[[rule]]", 1))
    id = desk.propose("ana@x.test")
    assert refused(desk, id) == []
    files, action = drafted(desk, id), desk.action(id)
    assert (word(desk, files, action), word(desk, files, action, subject="Offer")) == ("allow", "deny")


def test_the_twin_without_the_other_rules_would_let_an_offer_out() -> None:
    """The file is read before others: an allow that knows nothing of them would hide their denials."""
    desk = known_desk(RULES.replace("[[rule]]", DENIES + "\n[[rule]]", 1))
    id = desk.propose("ana@x.test")
    action, files = desk.action(id), policies(desk.store)
    blind = condition_of(action, question_for(desk.store, action, desk.now_us), (), amount_max=None)
    rules = [(FILE, parse_policy(rule_text(action, blind, number=1, day="d"))), *files]
    assert word(desk, rules, action, subject="Offer") == "allow"


def test_an_amount_is_capped() -> None:
    desk = known_desk()
    id = desk.propose("ana@x.test", amount=5_000, currency="EUR")
    files, action = drafted(desk, id), desk.action(id)
    assert word(desk, files, action) == "allow"
    assert word(desk, files, action, amount=5_001) == "ask"
    assert word(desk, files, action, currency="USD") == "ask"


def test_what_is_always_asked_about_is_refused_with_why() -> None:
    desk = known_desk()
    desk.send(desk.propose_action("files.write", {"path": "policies/mail.toml", "text": "t"}))
    cases = {
        "money": desk.pay(),
        "post": desk.propose_action("practice.post", {"channel": "news", "text": "t"}),
        "steering": desk.propose_action("files.write", {"path": "policies/mail.toml", "text": "t"}),
        "outside": desk.propose("ana@x.test", labels=EXTERNAL),
    }
    found = {name: refused(desk, id) for name, id in cases.items()}
    for name in ("money", "post", "steering"):
        assert found[name][0].endswith("it is asked every time")
    assert "text from outside shaped it" in found["outside"]


def test_the_first_of_its_kind_and_a_high_risk_are_refused() -> None:
    desk = Desk()
    assert refused(desk, desk.propose()) == ["it is the first mail.send of x that you decide about"]
    risky = Desk(RULES.replace('"low"', '"high"'))
    risky.send(risky.propose())
    assert refused(risky, risky.propose()) == ["it is a high risk"]


def test_a_firm_rule_without_a_condition_leaves_nothing_to_delegate() -> None:
    desk = known_desk(RULES + "firm = true\n")
    assert refused(desk, desk.propose()) == ["your rule mail always decides about it"]


def test_odd_recipients_stay_words() -> None:
    desk = known_desk()
    id = desk.propose('ana"]||true@x.test')
    files, action = drafted(desk, id), desk.action(id)
    assert word(desk, files, action, to=["bo@x.test"]) == "ask"


def test_numbers_go_on() -> None:
    assert next_number(["delegated-1", "mine", "delegated-7", "delegated-x"]) == 8
