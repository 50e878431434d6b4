"""The vocabulary of conditions: every term has its value, is described, and is missing when nothing is known."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.entities import Plain, Tally
from quarterdeck_daemon.core.expressions import Scope, program
from quarterdeck_daemon.core.looking import fields_of, narrowed
from quarterdeck_daemon.core.policy import explain, judge
from quarterdeck_daemon.core.rules import PolicyFile, Rule, parse_policy, slips_in
from quarterdeck_daemon.core.vocabulary import TERMS, Question, amount_of, cents_of
from quarterdeck_daemon.service.presets import PRESETS, preset_text
from quarterdeck_protocol.labels import EXTERNAL, Labels

DOCS = Path(__file__).parents[3] / "docs" / "policies.md"
MONDAY_US = 1_763_964_300_000_000  # 2025-11-24T06:05Z
ASKED = Question(
    connector="mail", verb="send", args={"to": ["a@x.test"], "amount": 1250, "currency": "EUR"},
    targets=("a@x.test", "B@y.test"), labels=Labels(integrity="agent", sources=("doc1",)), agent="composer", confidence=0.9,
    known=("a@x.test",), context=EXTERNAL, now_us=MONDAY_US, offset_s=3_600, cost=12, run="r1", playbook="lead", priority="batch",
    tally=Tally(unchanged=7, edited=1, streak=3), level="suggest", new=("B@y.test",), first=True,
)  # fmt: skip

TRUE = [
    "action.name == 'mail.send' && action.connector == 'mail' && action.verb == 'send' && action.outward && !action.reversible",
    "action['class'] == 'B' && size(action.touches) == 0",
    "agent == 'composer'", "args.amount == 1250", "amount.value == 1250 && amount.currency == 'EUR'", "size(targets) == 2",
    "recipients.count == 2 && recipients.known == 1 && recipients.unknown == 1 && recipients.new == 1",
    "recipients.domains == ['x.test', 'y.test']", "known == ['a@x.test']",
    "labels.integrity != 'operator' && context.integrity == 'external'", "confidence > 0.8",
    "track.decisions == 8 && track.unchanged == 7 && track.edited == 1 && track.rejected == 0 && track.streak == 3",
    "novelty.kind && novelty.recipient", "autonomy == 'suggest'", "cost == 12",
    "time.hour == 7 && time.minute == 5 && time.weekday == 1 && time.day == 'mon' && time.date == '2025-11-24'",
    "run.id == 'r1' && run.playbook == 'lead' && run.priority == 'batch'",
]  # fmt: skip


@pytest.mark.parametrize("condition", TRUE)
def test_a_condition_sees_every_term(condition: str) -> None:
    assert program(condition).answer_in(Scope(ASKED.values())) is True


def test_every_term_is_seen_above_and_described_in_the_documentation() -> None:
    assert {name for condition in TRUE for name in program(condition).names} >= TERMS.keys()
    text = DOCS.read_text("utf-8")
    for name, term in TERMS.items():
        assert f"| `{name}` | {term.type} | {term.meaning}" in text


@pytest.mark.parametrize("condition", ["confidence > 0.1", "amount.value > 1", "time.hour > 1"])
def test_a_term_that_nothing_is_known_about_is_missing_and_asks(condition: str) -> None:
    asked = msgspec.structs.replace(ASKED, confidence=None, args={}, now_us=0)
    file = PolicyFile(rule=(Rule(id="r", pattern="*", verdict="allow", when=condition),))
    assert judge(asked, [("p", file)], hold_us=0).verdict == "ask"


@pytest.mark.parametrize(
    "args",
    [
        {"amount": "1,000.00", "currency": "EUR"}, {"amount": 10.0, "currency": "EUR"}, {"amount": True, "currency": "EUR"},
        {"amount": -1, "currency": "EUR"}, {"amount": 1 << 60, "currency": "EUR"}, {"amount": 1}, {"amount": 1, "currency": "eur"},
        {"amount": 1, "currency": "€"}, {"amount": 1, "currency": 978}, {},
    ],
)  # fmt: skip
def test_an_amount_is_an_integer_in_minor_units_with_its_currency_or_none(args: Plain) -> None:
    assert amount_of("mail.send", args) is None
    assert amount_of("mail.send", {"amount": 5, "currency": "EUR"}) == (5, "EUR")
    assert amount_of("bank.pay", {"amount": 5, "currency": "EUR"}) is None


def test_money_as_text_becomes_minor_units() -> None:
    assert [cents_of(text) for text in ("0", "12.5", "12.55", "3", "x", "-1", "")] == [0, 1250, 1255, 300, 0, 0, 0]


def test_a_slip_in_a_condition_is_named_with_the_nearest_term() -> None:
    rule = Rule(id="r", pattern="*", verdict="ask", when="recipient.count > 1 && targets.all(t, t != 'x')")
    assert slips_in(rule) == ["there is no term 'recipient'; did you mean recipients?"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_read_have_no_slips_and_never_lack_a_term_without_a_record(preset: str) -> None:
    file = parse_policy(preset_text(preset))
    assert [slip for rule in file.rule for slip in slips_in(rule)] == []
    bare = msgspec.structs.replace(
        ASKED, confidence=None, tally=Tally(), level="", args={"to": ["a@x.test"]}, targets=("a@x.test",)
    )
    assert judge(bare, [("p", file)], hold_us=0).rule in [rule.id for rule in file.rule]
    assert "has no" not in str(explain(bare, [("p", file)], hold_us=0)["tried"])


def test_an_explanation_shows_what_the_terms_stood_for() -> None:
    file = PolicyFile(
        rule=(
            Rule(
                id="r", pattern="*", verdict="ask", when="recipients.count > 5 || confidence > 0.95 || args.nope == 1"
            ),
        )
    )
    told = explain(ASKED, [("p", file)], hold_us=0)["tried"]
    assert isinstance(told, list)
    assert told[0]["terms"] == {"recipients.count": 2, "confidence": 0.9, "args.nope": "missing"}


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        ("recipients.count > 1", {"recipients": {"count"}}),
        ("args.subject == 'a' && has(args.body)", {"args": {"subject", "body"}}),
        ("'amount' in args && args.amount > 1", {"args": set()}),
        ("args['to'] == []", {"args": set()}),
        ("size(args) > 1 || args.to == []", {"args": set()}),
        ("args . to == []", {"args": set()}),
        ("args.subject == 'it\\'s args.body'", {"args": set()}),
        ("args.subject.matches('args.body')", {"args": {"subject"}}),
        ("targets.all(t, t in known)", {"targets": set(), "known": set()}),
    ],
)
def test_only_fields_that_a_condition_surely_names_are_handed_over(
    condition: str, fields: dict[str, set[str]]
) -> None:
    """An empty set stands for all of it: in doubt, nothing is left out."""
    found = fields_of([program(condition)])
    assert found == {name: frozenset(wanted) for name, wanted in fields.items()}
    values: Plain = {name: {"subject": "x"} for name in found}
    assert narrowed(values, found).keys() == found.keys()
