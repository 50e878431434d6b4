"""Other rules, asked about the past: what each would have done, differences first, by what was known then."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import PutFact
from quarterdeck_daemon.core.entities import Action
from quarterdeck_daemon.core.questions import asked_then, policies
from quarterdeck_daemon.core.retrial import Retried, retry
from quarterdeck_daemon.core.rules import PolicyFile, parse_policy
from quarterdeck_protocol.labels import EXTERNAL

from .trust_bench import ASK, Trust


def tried(trust: Trust, text: str) -> list[Retried]:
    return retry(trust.store, list(trust.store.scan(Action)), [("file", parse_policy(text))], hold_us=8_000_000)


def test_the_rules_of_then_say_what_they_said_and_nothing_is_done() -> None:
    trust = Trust()
    trust.send(trust.approve())
    trust.reject()
    head = trust.store.head
    found = retry(trust.store, list(trust.store.scan(Action)), policies(trust.store), hold_us=8_000_000)
    assert [(one.change, one.now.verdict) for one in found] == [("same", "ask"), ("same", "ask")]
    assert trust.store.head == head


def test_what_you_refused_or_changed_and_would_now_be_allowed_comes_first() -> None:
    trust = Trust()
    trust.send(trust.approve())
    rejected, edited = trust.reject(), trust.send(trust.approve(edits={"body": "better"}))
    outside = trust.propose(labels=EXTERNAL)
    found = tried(trust, ASK.replace('"ask"', '"allow"'))
    assert [(one.action.id, one.change, one.against) for one in found[:2]] == [
        (rejected.id, "allowed", True), (edited.id, "allowed", True),
    ]  # fmt: skip
    assert [one.change for one in found] == ["allowed", "allowed", "allowed", "same"]
    assert found[-1].action.id == outside.id, "the guards of today are asked as well"


def test_the_past_is_judged_by_what_was_known_then() -> None:
    trust = Trust()
    trust.propose(to="new@x.test")
    trust.do(PutFact(fact_kind="contact", key="new", value={"email": "new@x.test"}))
    trust.propose(to="new@x.test")
    text = '[[rule]]\nid = "k"\nmatch = "*"\nverdict = "deny"\nwhen = "recipients.unknown == 0"\n' + ASK
    assert [(one.action.id, one.change) for one in tried(trust, text)] == [("a2", "denied"), ("a1", "same")]


def test_an_action_is_asked_about_as_it_was_proposed_not_as_it_was_edited() -> None:
    trust = Trust()
    edited = trust.approve(edits={"body": "better"})
    assert asked_then(edited, trust.store).args["body"] == "b"


def test_an_action_of_an_older_log_is_judged_by_what_is_known_now() -> None:
    import msgspec

    trust = Trust()
    old = msgspec.structs.replace(trust.propose(), seen={})
    assert list(asked_then(old, trust.store).known) == ["boss@x.test"]
    (found,) = retry(trust.store, [old], [("none", PolicyFile())], hold_us=0)
    assert (found.change, found.now.rule) == ("same", "default")
