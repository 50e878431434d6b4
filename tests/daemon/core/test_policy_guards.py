"""The guards R0 to R9, each by its number: when it speaks, what it says, and what keeps it quiet."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core import guards
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.guards import Sink, findings, fits, secret_in
from quarterdeck_daemon.core.policy import judge
from quarterdeck_daemon.core.rules import PolicyFile, Rule, parse_policy
from quarterdeck_daemon.core.verbs import VERBS, Touch, VerbRule
from quarterdeck_daemon.core.vocabulary import Question
from quarterdeck_protocol.labels import EXTERNAL, Labels

AGENT = Labels(integrity="agent")
PUBLIC = Labels(integrity="agent", sensitivity="public")
ALLOW = PolicyFile(rule=(Rule(id="all", pattern="*", verdict="allow"),))


def asking(name: str = "mail.send", *targets: str, labels: Labels = AGENT, **more: object) -> Question:
    connector, _, verb = name.partition(".")
    base = Question(
        connector=connector, verb=verb, args={}, targets=targets or ("a@x.test",), labels=labels, agent="composer",
        confidence=None, known=(),
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)


def spoken(asked: Question, *sinks: Sink) -> list[tuple[str, str]]:
    return [(one.number, one.word) for one in findings(asked, sinks)]


SAID: list[tuple[Question, list[tuple[str, str]]]] = [
    (asking(), []),
    (asking("bank.pay"), [("R0", "deny")]),
    (asking(obstacles=("Its budget is gone.",)), [("R0", "deny")]),
    (asking(stopped="fire"), [("R0", "ask")]),
    (asking("files.write", "a.md", stopped="fire"), []),
    (asking(labels=Labels(sensitivity="secret")), [("R1", "deny"), ("R4", "ask")]),
    (asking(args={"body": "-----BEGIN RSA PRIVATE KEY-----"}), [("R1", "deny")]),
    (asking(labels=EXTERNAL), [("R2", "ask"), ("R3", "ask"), ("R7", "ask")]),
    (asking(labels=EXTERNAL, known=("a@x.test",)), [("R3", "ask"), ("R7", "ask")]),
    (asking("files.write", "a.md", labels=EXTERNAL), [("R2", "ask")]),
    (asking("files.write", "a.md", labels=EXTERNAL, known=("a.md",)), [("R2", "ask")]),
    (asking("mail.send", *[f"a{n}@x.test" for n in range(6)]), [("R5", "ask")]),
    (asking("practice.pay"), [("R5", "ask")]),
    (asking("files.write", "policies/mine.toml"), [("R5", "ask")]),
    (asking("memory.keep", args={"kind": "rule"}), [("R0", "deny")]),
    (asking(context=EXTERNAL), [("R7", "ask")]),
    (asking("files.write", "a.md", context=EXTERNAL), []),
    (asking(labels=PUBLIC, context=Labels(integrity="external", sensitivity="public")), []),
]


@pytest.mark.parametrize(("asked", "said"), SAID)
def test_each_guard_speaks_when_it_should_and_not_otherwise(asked: Question, said: list[tuple[str, str]]) -> None:
    assert spoken(asked) == said


@pytest.mark.parametrize(("asked", "said"), SAID)
def test_no_rule_loosens_what_a_guard_says(asked: Question, said: list[tuple[str, str]]) -> None:
    verdict = judge(asked, [("p", ALLOW)], hold_us=0)
    assert verdict.verdict == (said[0][1] if said else "allow")
    assert verdict.guards == tuple(number for number, _ in said)


def test_r2_wants_a_typed_yes_to_pay_someone_that_text_from_outside_named() -> None:
    verdict = judge(asking("practice.pay", labels=EXTERNAL), [("p", ALLOW)], hold_us=0)
    assert (verdict.verdict, verdict.typed, verdict.alone, verdict.risk) == ("ask", True, True, "high")
    assert not judge(asking("practice.pay"), [("p", ALLOW)], hold_us=0).typed


def test_r4_asks_once_for_each_sink_and_class_and_never_takes_a_yes_for_secrets() -> None:
    newsletter = Sink(pattern="mail.*", to="*@news.test", receives="public")
    asked = asking("mail.send", "list@news.test")
    assert spoken(asked, newsletter) == [("R4", "ask")]
    assert judge(asked, [("p", PolicyFile(rule=ALLOW.rule, sink=(newsletter,)))], hold_us=0).sinks == (
        "mail.send to *@news.test",
    )
    agreed = msgspec.structs.replace(asked, consents=("mail.send to *@news.test:private",))
    assert spoken(agreed, newsletter) == []
    assert spoken(msgspec.structs.replace(agreed, labels=Labels(sensitivity="secret")), newsletter)[0] == (
        "R1",
        "deny",
    )
    assert spoken(asking("mail.send", "a@x.test"), newsletter) == []


def test_r4_the_operator_can_narrow_a_sink_but_not_widen_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERBS, "mail.send", msgspec.structs.replace(VERBS["mail.send"], receives="public"))
    assert spoken(asking(), Sink(pattern="*", receives="private")) == [("R4", "ask")]


@pytest.mark.parametrize("touch", ["money", "secrets", "deletion", "execution", "steering"])
def test_r5_asks_about_whatever_no_standing_permission_covers(touch: Touch, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = VerbRule(effect_class="A", outward=True, reversible=True, target_args=("to",), touches=(touch,))
    monkeypatch.setitem(VERBS, "x.y", verb)
    verdict = judge(asking("x.y"), [("p", ALLOW)], hold_us=0)
    assert (verdict.verdict, verdict.rule, verdict.risk, verdict.alone) == ("ask", "R5", "high", True)
    assert not guards.widens("x.y")


STEERING = [
    "policies/a.toml", "./policies/a.toml", "policies//a.toml", "Policies/a.toml", "POLICIES/a.toml", "notes/../policies/a.toml",
    "/etc/passwd", "~/x", "notes\\..\\policies", "ｐolicies/a.toml", "policies./a.toml", "policies /a.toml", ".quarterdeck/log",
    "notes/.git/hooks/x", "quarterdeck.toml", "kinds/x.json", "playbooks/x.yaml", "..", ".", "", "agents/x.md",
]  # fmt: skip


@pytest.mark.parametrize("path", STEERING)
def test_r5_sees_a_path_that_steers_however_it_is_spelled(path: str) -> None:
    asked = msgspec.structs.replace(asking("files.write"), targets=(path,))
    assert ("R5", "ask") in spoken(asked)


@pytest.mark.parametrize("path", ["notes/a.md", "drafts/policies/a.md", "policy.md", "a/b/c.txt"])
def test_r5_lets_other_paths_be(path: str) -> None:
    assert spoken(asking("files.write", path)) == []


def test_r6_keeps_a_rule_for_memory_that_the_operator_did_not_write_as_a_proposal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb = VerbRule(effect_class="A", outward=False, reversible=True, target_args=())
    monkeypatch.setitem(VERBS, "memory.keep", verb)
    for kind in guards.QUARANTINED:
        assert spoken(asking("memory.keep", args={"kind": kind})) == [("R6", "ask")]
        assert spoken(asking("memory.keep", args={"kind": kind}, labels=Labels())) == []
    assert spoken(asking("memory.keep", args={"kind": "note"})) == []


def test_r9_allows_what_stays_inside_unless_a_rule_says_otherwise() -> None:
    asked = asking("files.write", "notes/a.md")
    verdict = judge(asked, [], hold_us=5)
    assert (verdict.verdict, verdict.rule, verdict.hold_us) == ("allow", "R9", 0)
    mine = PolicyFile(rule=(Rule(id="mine", pattern="files.*", verdict="ask"),))
    assert judge(asked, [("p", mine)], hold_us=5).rule == "mine"


# --- patterns -------------------------------------------------------------------------------------

SPELLINGS = [
    "enemy@evil.test, a@x.test", "enemy@evil.test a@x.test", "<enemy@evil.test>a@x.test", '"a@x.test" <enemy@evil.test>',
    "enemy@evil.test;a@x.test", "a@x.test@evil.test", "enemy@evil.test\n@x.test", "a@x.test.evil.test", "a@xx.test", "@x.testa",
    "a@ｘ.test", "a@x.test ", " a@x.test", "enemy@evil.test\ta@x.test", "a(comment)@x.test", "a@x.tes", "a@X.TEST.evil.test",
]  # fmt: skip


@pytest.mark.parametrize("target", SPELLINGS)
def test_a_pattern_for_a_domain_fits_no_list_no_display_name_and_no_look_alike(target: str) -> None:
    assert not fits("*@x.test", target)


def test_a_pattern_fits_addresses_and_paths_as_people_mean_it() -> None:
    assert fits("*@x.test", "A.b+tag@X.test")
    assert fits("a@x.test", "a@x.test")
    assert fits("drafts/*", "drafts/one.md")
    assert not fits("drafts/*", "policies/one.md")


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({"body": "key AKIAABCDEFGHIJKLMNOP end"}, "an access key"),
        ({"a": {"b": ["x", "ghp_" + "a" * 36]}}, "a token of GitHub"),
        ({"body": "xoxb-1234567890-abc"}, "a token of Slack"),
        ({"AGE-SECRET-KEY-1" + "Q" * 30: 1}, "an age key"),
        ({"body": "sk-" + "a1" * 20}, "an API key"),
        ({"body": "ask-me-anything, risk-free, sk-ip it"}, None),
        ({"body": "secret://mail/smtp"}, None),
        ({}, None),
    ],
)
def test_r1_knows_secrets_by_their_shape(args: Plain, found: str | None) -> None:
    assert secret_in(args) == found


def test_a_file_that_cannot_be_read_makes_everything_ask_and_hides_no_denial() -> None:
    from quarterdeck_daemon.core.rules import unreadable

    broken = ("policies/broken.toml", unreadable("policies/broken.toml", "it cannot be read"))
    denies = parse_policy('[[rule]]\nid = "no"\nmatch = "mail.*"\nverdict = "deny"\n')
    verdict = judge(asking(level="autonomous"), [broken, ("p", ALLOW)], hold_us=0)
    assert (verdict.verdict, verdict.rule, verdict.reasons) == ("ask", "unreadable", ("it cannot be read",))
    assert judge(asking(), [broken, ("p", denies)], hold_us=0).verdict == "deny"
