"""The policy: what the guards say, what the operator's rules say, and that the stricter word stands."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.policy import BULK_TARGETS, PolicyFile, Question, explain, judge, parse_policy
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

USUAL_US = 8_000_000
AGENT = Labels(integrity="agent")
SECRET = Labels(sensitivity="secret")


def question(
    name: str = "mail.send", *targets: str, labels: Labels = OPERATOR, known: tuple[str, ...] = (), args: Plain | None = None
) -> Question:  # fmt: skip
    connector, _, verb = name.partition(".")
    return Question(
        connector=connector, verb=verb, args=args or {}, targets=targets or ("a@x.test",), labels=labels,
        agent="composer", confidence=0.9, known=known,
    )  # fmt: skip


def rule(verdict: str, *, id: str = "mine", match: str = "mail.send", when: str = "", hold: str = "") -> str:
    condition = f'when = """{when}"""\n' if when else ""
    held = f'hold = "{hold}"\n' if hold else ""
    return f'[[rule]]\nid = "{id}"\nmatch = "{match}"\nverdict = "{verdict}"\n{condition}{held}'


def said(asked: Question, *files: str) -> tuple[str, str]:
    """(verdict, rule) under these policy files."""
    verdict = judge(asked, [(f"p{n}", parse_policy(text)) for n, text in enumerate(files)], hold_us=USUAL_US)
    return verdict.verdict, verdict.rule


ALLOW = rule("allow", match="*")
MANY = tuple(f"a{n}@x.test" for n in range(BULK_TARGETS + 1))

# What is asked, and the guard's word under a rule that allows everything.
GUARDS = [
    (question("bank.pay"), "deny", "R0"),
    (question("mail.delete"), "deny", "R0"),
    (question("Mail.send"), "deny", "R0"),
    (question(labels=SECRET), "deny", "R1"),
    (question("files.write", "a.md", labels=SECRET), "deny", "R1"),
    (question(labels=Labels(integrity="external", sensitivity="secret")), "deny", "R1"),
    (question(labels=EXTERNAL), "ask", "R2"),
    (question("mail.send", "A@x.test", labels=EXTERNAL, known=("b@x.test",)), "ask", "R2"),
    (question("mail.send", "A@x.test", labels=EXTERNAL, known=("a@x.test",)), "ask", "R3"),
    (question("mail.send", "a@x.test, b@x.test", labels=EXTERNAL, known=("a@x.test", "b@x.test")), "ask", "R2"),
    (question("mail.send", "a@x.test ", labels=EXTERNAL, known=("a@x.test",)), "ask", "R2"),
    (question("mail.send", "Ａ@x.test", labels=EXTERNAL, known=("a@x.test",)), "ask", "R2"),
    (question("mail.send", *MANY), "ask", "R5"),
    (question("mail.send", *MANY, labels=AGENT), "ask", "R5"),
    (question("mail.send", *MANY[1:]), "allow", "mine"),
    (question(), "allow", "mine"),
    (question(labels=AGENT), "allow", "mine"),
    (question("files.write", "a.md"), "allow", "mine"),
    (question("files.write", "a.md", labels=EXTERNAL), "ask", "R2"),
]


@pytest.mark.parametrize(("asked", "verdict", "by"), GUARDS)
def test_no_rule_of_the_operator_loosens_a_guard(asked: Question, verdict: str, by: str) -> None:
    assert said(asked, ALLOW) == (verdict, by)


@pytest.mark.parametrize(("asked", "verdict", "by"), GUARDS)
def test_deny_beats_allow_and_ask_from_either_side(asked: Question, verdict: str, by: str) -> None:
    assert said(asked, rule("deny", match="*"))[0] == "deny"
    assert said(asked, rule("ask", match="*"))[0] == ("deny" if verdict == "deny" else "ask")


def test_without_a_rule_the_operator_is_asked_about_all_but_what_stays_inside() -> None:
    assert said(question()) == ("ask", "default")
    assert said(question("files.write", "a.md")) == ("allow", "R9")
    assert said(question("files.write", "a.md", labels=EXTERNAL)) == ("ask", "R2")
    assert said(question("files.write", "a.md"), rule("deny", match="files.*")) == ("deny", "mine")


def test_the_first_match_wins_over_all_files_in_order() -> None:
    files = (
        rule("ask", id="1", match="files.*"),
        rule("deny", id="2") + rule("allow", id="3"),
        rule("allow", id="4"),
    )
    assert said(question(), *files) == ("deny", "2")
    assert said(question(), *reversed(files)) == ("allow", "4")


@pytest.mark.parametrize(
    ("match", "fits"),
    [("mail.send", True), ("mail.*", True), ("*.send", True), ("*", True), ("m?il.send", True), ("[lm]ail.send", True),
     ("MAIL.SEND", False), ("mail", False), ("mail.send ", False), ("mail.sen", False), ("", False)],
)  # fmt: skip
def test_a_match_is_for_the_whole_name_and_may_hold_wildcards(match: str, fits: bool) -> None:
    assert (said(question(), rule("allow", match=match))[0] == "allow") is fits


@pytest.mark.parametrize(
    "when",
    ["args.missing == 1", "args.to[0] == 'x'", "1 / size(args) == 1", "confidence", "'true'", "no_such()", "nobody",
     "targets[7] == 'x'", "args.to > 7", "labels.rank == 2"],
)  # fmt: skip
@pytest.mark.parametrize("verdict", ["allow", "deny"])
def test_a_condition_without_an_answer_asks_and_says_which_rule(when: str, verdict: str) -> None:
    """Not even a rule that denies may be passed over, nor one that would allow be reached behind it."""
    text = rule(verdict, id="unclear", when=when) + rule("allow", id="behind")
    assert said(question(), text) == ("ask", "unclear")


def test_a_condition_sees_what_is_asked() -> None:
    when = (
        "action.name == 'mail.send' && action.connector == 'mail' && action.verb == 'send' && size(targets) == 1 && "
        "labels.integrity == 'operator' && labels.sensitivity != 'secret' && size(labels.sources) == 0 && "
        "agent == 'composer' && confidence > 0.8 && size(known) == 0 && args.n == 1"
    )
    assert said(question(args={"n": 1}), rule("allow", when=when)) == ("allow", "mine")


def test_the_hold_is_the_rules_or_the_usual_one_and_none_for_what_stays_inside() -> None:
    def hold(asked: Question, text: str) -> int:
        return judge(asked, [("p", parse_policy(text))], hold_us=USUAL_US).hold_us

    assert hold(question(), rule("allow", hold="2m")) == 120_000_000
    assert hold(question(), rule("allow")) == USUAL_US
    assert hold(question("files.write", "a"), rule("allow", match="*", hold="2m")) == 0


def test_risk_is_the_higher_of_rule_and_guard() -> None:
    files: list[tuple[str, PolicyFile]] = [("p", parse_policy(rule("allow")))]
    assert judge(question("mail.send", *MANY), files, hold_us=0).risk == "high"
    assert judge(question(), files, hold_us=0).risk == "medium"


def test_an_explanation_names_every_rule_that_was_tried() -> None:
    text = (
        rule("deny", id="1", match="files.*") + rule("deny", id="2", when="confidence < 0.1") + rule("allow", id="3")
    )
    told = explain(question(), [("p", parse_policy(text + rule("deny", id="4")))], hold_us=0)
    tried = told["tried"]
    assert isinstance(tried, list)
    assert [(one["rule"], one["outcome"]) for one in tried] == [
        ("1", "not matched"), ("2", "not matched"), ("3", "matched"),
    ]  # fmt: skip
    assert told["verdict"] == "allow"


def test_a_rule_without_an_answer_does_not_hide_a_later_deny() -> None:
    typo = rule("allow", id="1", when="nosuch.thing == 1")
    verdict = judge(question(), [("p", parse_policy(typo + rule("deny", id="2")))], hold_us=0)
    assert (verdict.verdict, verdict.rule) == ("deny", "2")


def test_a_rule_without_an_answer_asks_whatever_a_later_one_allows() -> None:
    told = explain(
        question(), [("p", parse_policy(rule("deny", id="1", when="nobody") + rule("allow", id="2")))], hold_us=0
    )
    tried = told["tried"]
    assert isinstance(tried, list)
    assert (told["verdict"], told["rule"], [one["rule"] for one in tried]) == ("ask", "1", ["1", "2"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[rule]", "line 1"),
        ('[[rule]]\nid = "a"\nmatch = "*"\nverdict = "maybe"', "verdict"),
        ('[[rule]]\nid = "a"\nverdict = "ask"', "match"),
        ('[[rule]]\nid = "a"\nmatch = "*"\nverdict = "ask"\nbogus = 1', "bogus"),
        ("[[rules]]\n", "rules"),
        (rule("ask", when="a &&"), "a &&"),
        (rule("ask", hold="soon"), "not a length of time"),
        (rule("ask", hold="9" * 400 + "w"), "not a length of time"),
        (rule("ask") * 1_001, "1000"),
        ("a = " + "[" * 20_000, ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_policy_that_cannot_be_read_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        parse_policy(text)
    assert refused.value.code == "schema"
    assert reason in refused.value.message
