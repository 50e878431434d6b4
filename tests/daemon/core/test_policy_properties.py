"""What holds for every question, whatever the rules, permissions and levels are."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core import policy, rulebook
from quarterdeck_daemon.core.entities import Verdict
from quarterdeck_daemon.core.expressions import Unanswerable
from quarterdeck_daemon.core.guards import STRICTNESS, findings
from quarterdeck_daemon.core.policy import judge
from quarterdeck_daemon.core.rules import PolicyFile, Rule
from quarterdeck_daemon.core.verbs import VERBS
from quarterdeck_daemon.core.vocabulary import TERMS, Question
from quarterdeck_daemon.service.presets import PRESETS, preset_text
from quarterdeck_protocol.labels import INTEGRITY_ORDER, SENSITIVITY_ORDER, Labels

from .policy_worlds import CONDITIONS, NONSENSE, TRUSTING, arguments, questions, rules

MANY = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SOME = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
ANY_RULES = rules((*CONDITIONS, *TRUSTING, *NONSENSE))
ALLOWS_ALL = PolicyFile(rule=(Rule(id="all", pattern="*", verdict="allow"),))


def verdict(asked: Question, *files: PolicyFile) -> Verdict:
    return judge(asked, [(f"p{n}", one) for n, one in enumerate(files)], hold_us=8_000_000)


def strict(asked: Question, *files: PolicyFile) -> int:
    return STRICTNESS[verdict(asked, *files).verdict]


def worse(labels: Labels) -> Iterator[Labels]:
    """These labels and all that are more tainted or more secret."""
    for integrity, rank in INTEGRITY_ORDER.items():
        for sensitivity, secrecy in SENSITIVITY_ORDER.items():
            if rank <= INTEGRITY_ORDER[labels.integrity] and secrecy >= SENSITIVITY_ORDER[labels.sensitivity]:
                yield msgspec.convert(
                    {"integrity": integrity, "sensitivity": sensitivity, "sources": labels.sources}, Labels
                )


# --- monotonicity ---------------------------------------------------------------------------------


def check_monotone(asked: Question, file: PolicyFile) -> None:
    before = strict(asked, file)
    for labels in worse(asked.labels):
        assert strict(msgspec.structs.replace(asked, labels=labels), file) >= before, labels
    for context in worse(asked.read):
        assert strict(msgspec.structs.replace(asked, context=context), file) >= before, context


@MANY
@given(questions(), ANY_RULES)
def test_more_taint_or_secrecy_never_loosens_whatever_the_rules_say_about_labels(
    asked: Question, file: PolicyFile
) -> None:
    check_monotone(asked, file)


def test_the_twin_whose_rules_are_asked_about_the_labels_alone_is_loosened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "_otherwise", lambda chapter, reading: iter(()))
    rule = Rule(id="secrecy", pattern="*", verdict="allow", when="labels.sensitivity == 'private'")
    asked = Question(
        connector="mail", verb="send", args={}, targets=("boss@x.test",), labels=Labels(sensitivity="public"),
        agent="x", confidence=None, known=(),
    )  # fmt: skip
    with pytest.raises(AssertionError):
        check_monotone(asked, PolicyFile(rule=(rule,)))


# --- the flip test --------------------------------------------------------------------------------


def allowed(asked: Question, file: PolicyFile) -> bool:
    return verdict(asked, file).verdict == "allow"


OUTSIDE = questions().map(lambda asked: msgspec.structs.replace(asked, labels=Labels(integrity="external")))


@MANY
@given(OUTSIDE, ANY_RULES)
def test_what_text_from_outside_shaped_and_sends_somewhere_is_never_done_unasked(
    asked: Question, file: PolicyFile
) -> None:
    assert not (allowed(asked, file) and asked.targets)
    assert not (allowed(asked, ALLOWS_ALL) and asked.targets)


@SOME
@given(OUTSIDE, ANY_RULES, arguments)
def test_an_allow_about_outside_text_does_not_depend_on_it(
    asked: Question, file: PolicyFile, other: dict[str, object]
) -> None:
    """Without a target nothing is named; then the same is allowed whatever the text says."""
    one = msgspec.structs.replace(asked, targets=(), new=())
    two = msgspec.structs.replace(one, args=other)
    assert allowed(one, file) == allowed(two, file)


def test_the_twin_that_lets_outside_words_decide_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "_shaped", lambda found, looked, asked: found)
    rule = Rule(id="go", pattern="*", verdict="allow", when="has(args.body) && args.body == 'go'")
    ask = Rule(id="rest", pattern="*", verdict="ask")
    one = Question(
        connector="files", verb="write", args={"body": "go"}, targets=(), labels=Labels(integrity="external"), agent="x",
        confidence=None, known=(),
    )  # fmt: skip
    file = PolicyFile(rule=(rule, ask))
    assert allowed(one, file)
    assert not allowed(msgspec.structs.replace(one, args={"body": "no"}), file)


# --- nonsense -------------------------------------------------------------------------------------


@MANY
@given(questions(), rules(NONSENSE))
def test_conditions_without_an_answer_never_allow(asked: Question, file: PolicyFile) -> None:
    """Only a rule without a condition could, and these have none."""
    fitting = [rule for rule in file.rule if rule.when]
    found = verdict(asked, PolicyFile(rule=tuple(fitting)))
    matched = [rule for rule in fitting if found.rule == rule.id and found.verdict == "allow"]
    assert matched == []


@MANY
@given(questions(), st.text(max_size=40).map(lambda text: text.replace("\x00", "")))
def test_any_text_as_a_condition_either_is_refused_or_never_raises(asked: Question, text: str) -> None:
    rule = Rule(id="fuzz", pattern="*", verdict="allow", when=text)
    try:
        found = verdict(asked, PolicyFile(rule=(rule,)))
    except Unanswerable:
        return  # Refused when it is compiled, as parse_policy refuses the file.
    assert found.verdict in STRICTNESS


# --- guards ---------------------------------------------------------------------------------------


@MANY
@given(questions(), ANY_RULES)
def test_no_rule_grant_or_level_loosens_a_guard(asked: Question, file: PolicyFile) -> None:
    against = findings(asked, file.sink)
    strictest = max((STRICTNESS[one.word] for one in against), default=0)
    for rule_set in (file, ALLOWS_ALL, PolicyFile(rule=(*ALLOWS_ALL.rule, *file.rule), sink=file.sink)):
        found = verdict(asked, PolicyFile(rule=rule_set.rule, sink=file.sink))
        assert STRICTNESS[found.verdict] >= strictest
        assert set(found.guards) == {one.number for one in against}


@MANY
@given(questions(), ANY_RULES)
def test_a_permission_or_a_level_never_turns_a_no_into_a_yes(asked: Question, file: PolicyFile) -> None:
    bare = msgspec.structs.replace(asked, grants=(), level="")
    before, after = verdict(bare, file), verdict(asked, file)
    if before.verdict == "deny":
        assert after.verdict == "deny"
    if before.verdict == "ask" and after.verdict == "allow":
        assert not before.guards
        assert after.grant or after.level in policy.WIDENING


@MANY
@given(questions(), ANY_RULES)
def test_money_secrets_and_deletion_never_widen(asked: Question, file: PolicyFile) -> None:
    verb = VERBS.get(asked.name)
    assume(verb is not None and (verb.spends or verb.touches or asked.labels.sensitivity == "secret"))
    assert verdict(asked, file).verdict != "allow"
    assert verdict(asked, ALLOWS_ALL).verdict != "allow"
    assert not policy.may_widen(asked)


def test_what_the_verb_table_calls_money_is_asked_about_under_every_preset_and_level() -> None:
    from quarterdeck_daemon.core.rules import parse_policy

    for preset in PRESETS:
        for level in ("", *policy.LEVELS):
            asked = Question(
                connector="practice", verb="pay", args={"to": "boss@x.test", "amount": 1, "currency": "EUR"},
                targets=("boss@x.test",), labels=Labels(), agent="x", confidence=1.0, known=("boss@x.test",), level=level,
            )  # fmt: skip
            found = verdict(asked, parse_policy(preset_text(preset)), ALLOWS_ALL)
            assert found.verdict == ("deny" if level == "observe" else "ask")


# --- asking at once -------------------------------------------------------------------------------


@MANY
@given(questions(), ANY_RULES)
def test_rules_asked_at_once_and_one_by_one_say_the_same(asked: Question, file: PolicyFile) -> None:
    """Many conditions at once, and only what they look at, against one by one with everything."""
    one = verdict(asked, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rulebook, "_any_of", lambda entries: None)
        patch.setattr(rulebook, "fields_of", lambda conditions: {name: frozenset() for name in TERMS})
        two = verdict(asked, msgspec.structs.replace(file))  # Another object, so another book.
    # Why there was no answer may be worded otherwise; all that follows from it is the same.
    assert msgspec.structs.replace(one, reasons=()) == msgspec.structs.replace(two, reasons=())
