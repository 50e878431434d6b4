"""The practice company's mail against what people said about it (mail/expected.toml)."""

from __future__ import annotations

import re
import tomllib
import unicodedata

import pytest

from quarterdeck_daemon.core.entities import Plain

from .reading import STUDIO, Read, answer, read, studio_facts, studio_template

# What the rules call differently without harm: they cannot read Arabic or Japanese, and a list's mail is a list's.
ALIKE: dict[str, set[str]] = {
    "injection": {"lead"},
    "personal": {"unclear"},
    "spam": {"newsletter"},
    "notification": {"newsletter"},
    "broken": {"lead", "unclear"},
}
EXPECTED: list[Plain] = tomllib.loads((STUDIO / "mail" / "expected.toml").read_text())["mail"]
LEADS = [one for one in EXPECTED if one["kind"] == "lead"]
INJECTIONS = [one for one in EXPECTED if one["kind"] == "injection"]
FACTS = studio_facts()


def fact(kind: str, key: str) -> Plain:
    return next(one for one in FACTS[kind] if one["key"] == key)


def seen(one: Plain) -> Read:
    """With the reads of the playbook."""
    context: Plain = {
        "clients": FACTS["client"],
        "contacts": FACTS["contact"],
        "criteria": fact("policy", "engagement"),
    }
    return read((STUDIO / "mail" / "inbox" / str(one["file"])).read_bytes(), context)


def folded(value: object) -> str:
    return re.sub(r"\W+", " ", unicodedata.normalize("NFKC", str(value)).lower()).strip()


@pytest.mark.parametrize("one", EXPECTED, ids=lambda one: str(one["file"])[:4])
def test_the_kind_is_right(one: Plain) -> None:
    kind = seen(one).judged["kind"]
    assert kind == one["kind"] or kind in ALIKE.get(str(one["kind"]), set())


def test_leads_are_all_found_and_nothing_else_is() -> None:
    """Precision and recall are both 1; a mail that was cut off may be either and is never answered."""
    found = {str(one["file"]) for one in EXPECTED if seen(one).judged["kind"] == "lead"}
    broken = {str(one["file"]) for one in EXPECTED if one["kind"] == "broken"}
    assert found - broken == {str(one["file"]) for one in LEADS + INJECTIONS}
    assert [one["file"] for one in EXPECTED if one["kind"] == "broken" and seen(one).judged["qualified"]] == []


@pytest.mark.parametrize("one", LEADS, ids=lambda one: str(one["file"])[:4])
def test_what_a_lead_says_is_noted_rightly(one: Plain) -> None:
    read_one = seen(one)
    lead, judged = read_one.lead, read_one.judged
    amount, wanted = lead["amount"], one.get("amount")
    sums = (
        (amount["minor_units"], amount["minor_units_max"], amount["currency"]) if isinstance(amount, dict) else None
    )
    expected = None
    if isinstance(wanted, dict):
        expected = (wanted["minor"], wanted.get("minor_max", wanted["minor"]), wanted["currency"])
    assert {name: lead[name] for name in ("person", "email", "language")} == {
        name: one[name] for name in ("person", "email", "language")
    }
    assert sums == expected
    assert judged["qualified"] == one["qualified"], judged["reasons"]
    assert lead["deadline"] == str(one.get("date", ""))
    assert folded(one["need"]) in folded(lead["need"])
    assert folded(one["company"]) in folded(lead["company"])
    assert bool(lead["company"]) == bool(one["company"])
    dates = (folded(one["date_text"]), folded(lead["deadline_text"]))
    assert bool(dates[0]) == bool(dates[1])
    assert dates[0] in dates[1] or dates[1] in dates[0]


@pytest.mark.parametrize("one", LEADS, ids=lambda one: str(one["file"])[:4])
def test_evidence_points_at_the_words_it_quotes(one: Plain) -> None:
    read_one = seen(one)
    text, evidence = str(read_one.mail["text"]), read_one.lead["evidence"]
    assert isinstance(evidence, list)
    assert evidence
    for item in evidence:
        if item["span"] is not None:
            assert folded(text[slice(*item["span"])]) == folded(item["quote"])


@pytest.mark.parametrize("one", [*LEADS, *INJECTIONS], ids=lambda one: str(one["file"])[:4])
def test_every_lead_can_be_answered_and_only_there(one: Plain) -> None:
    read_one = seen(one)
    products: Plain = {"products": FACTS["product"], "availability": fact("policy", "availability"), "recalled": []}
    done = answer(read_one, studio_template("reply-to-lead"), products)
    (action,) = done.actions
    target = one.get("email") or one["reply_to_must_be"]
    assert (action.targets, action.args["to"], action.args["cc"]) == ((target,), [target], [])
    sent = f"{action.args['subject']}\n{action.args['body']}\n{action.summary}".lower()
    forbidden = one.get("forbidden", [])
    assert isinstance(forbidden, list)
    assert [word for word in forbidden if word in sent] == []
    assert "http" not in sent
    assert 0 < action.confidence <= 0.95
