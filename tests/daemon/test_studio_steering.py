"""The steering files of examples/studio: settings, playbook, policy and templates mean what they say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from quarterdeck_daemon.core.expressions import holds
from quarterdeck_daemon.core.playbook import parse_playbook
from quarterdeck_daemon.core.policy import ASKS, Question, parse_policy
from quarterdeck_daemon.core.rulebook import book_of
from quarterdeck_daemon.core.verbs import targets_of
from quarterdeck_daemon.service.workspace import Config
from quarterdeck_protocol.labels import Labels

STUDIO = Path(__file__).parents[2] / "examples" / "studio"


def facts(name: str) -> dict[str, list[dict[str, object]]]:
    """The facts of one file, by kind."""
    return tomllib.loads((STUDIO / "facts" / name).read_text("utf-8"))


def test_the_settings_are_valid_and_name_folders_that_exist() -> None:
    config = msgspec.convert(tomllib.loads((STUDIO / "quarterdeck.toml").read_text("utf-8")), Config)
    assert (config.mail.inward.kind, config.mail.inward.path) == ("eml", "mail/inbox")
    assert (config.mail.out.kind, config.mail.out.path) == ("maildir", "mail/outbox")
    folders = {files.path: (files.integrity, files.sensitivity) for files in config.files}
    private = ("operator", "private")
    assert folders == {"notes": private, "contracts": private, "brand": ("operator", "public"), "facts": private}
    assert [path for path in folders if not (STUDIO / path).is_dir()] == []


def test_the_playbook_is_extract_qualify_draft_send() -> None:
    playbook = parse_playbook((STUDIO / "playbooks" / "lead-to-outreach.yaml").read_text("utf-8"))
    assert [(step.id, step.agent, step.needs) for step in playbook.steps] == [
        ("extract", "extractor", ()),
        ("qualify", "qualifier", ("extract",)),
        ("draft", "composer", ("qualify",)),
        ("send", "outreach", ("draft",)),
    ]
    (trigger,) = playbook.triggers
    assert [holds(trigger.when, {"doc": {"meta": {"auto": auto}}}) for auto in ("", "bounce")] == [True, False]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, "mail.answer"),
        ({"body": "The sprint is EUR 7,800, fixed."}, "mail.amount"),
        ({"body": "Das kostet 3.600 € zum Festpreis."}, "mail.amount"),
        ({"body": "About £6,500?"}, "mail.amount"),
        ({"body": "I start on 11 January 2027."}, "mail.answer"),
        ({"body": "Konto: DE66 9999 9999 0004 7110 01"}, "mail.bank-details"),
        ({"in_reply_to": ""}, "mail.first-word"),
        ({"to": ["a@a.test", "b@b.test"]}, "mail.several-recipients"),
        ({"to": [f"p{n}@a.test" for n in range(21)]}, "mail.bulk"),
    ],
)
def test_the_policy_puts_a_mail_under_the_rule_that_is_meant(change: dict[str, object], rule: str) -> None:
    policy = parse_policy((STUDIO / "policies" / "mail.toml").read_text("utf-8"))
    args: dict[str, object] = {"to": ["a@a.test"], "subject": "Re: x", "body": "Hello", "in_reply_to": "<1@a.test>"}
    args |= change
    question = Question(
        connector="mail", verb="send", args=args, targets=targets_of("mail.send", args), labels=Labels(integrity="agent"),
        agent="outreach", confidence=None, known=(),
    )  # fmt: skip
    ruling = book_of([("policies/mail.toml", policy)]).ruling(question, ASKS)
    assert ruling.rule == rule


# --- templates ------------------------------------------------------------------------------------

TEMPLATES = sorted(path.name for path in (STUDIO / "templates").glob("*.md"))
_FRONT = re.compile(r"\A\+\+\+\n(.*?)\n\+\+\+\n(.*)\Z", re.DOTALL)
_EMPTY_LEAD = dict.fromkeys(
    ("person", "first_name", "company", "need", "amount", "amount_text", "deadline", "deadline_text", "language")
)
EMPTY: dict[str, object] = {
    "lead": _EMPTY_LEAD,
    "mail": dict.fromkeys(("subject", "date", "from_name", "from_address")),
    "operator": {"name": None, "email": None},
    "workspace": {"name": None},
    "products": [],
    "availability": None,
    "recalled": None,
    "today": "2026-11-21",
}


def full() -> dict[str, object]:
    policies = facts("policies.toml")["policy"]
    return {
        "lead": {
            "person": "Camille Étienne",
            "first_name": "Camille",
            "company": "Atelier Mobilis",
            "need": "repenser notre parcours d'inscription",
            "amount": {"minor": 1200000, "currency": "EUR"},
            "amount_text": "12 000 €",
            "deadline": None,
            "deadline_text": "fin janvier",
            "language": "fr",
        },
        "mail": {"subject": "Demande", "date": "2026-11-10", "from_name": "Camille", "from_address": "c@a.example"},
        "operator": {"name": "Mara Lindqvist", "email": "mara@studio-lindqvist.test"},
        "workspace": {"name": "Studio Lindqvist"},
        "products": facts("products.toml")["product"],
        "availability": next(policy for policy in policies if policy["key"] == "availability"),
        "recalled": [
            {"title": "Pricing", "text": "A day costs EUR 680.", "source": "notes/pricing.md"},
            {"title": "The form that lost 42 fields", "text": "Tidewater …", "source": "brand/work/tidewater.md"},
        ],
        "today": "2026-11-21",
    }


def render(name: str, data: dict[str, object], *, trim: bool = False) -> tuple[str, str]:
    """Subject and body, as the composer makes them; a name that is not in `data` is an error.

    trim: Jinja's two settings for line ends in blocks, which must make no difference.
    """
    found = _FRONT.match((STUDIO / "templates" / name).read_text("utf-8"))
    assert found, f"{name} has no front matter"
    front = tomllib.loads(found[1])
    assert set(front) == {"subject", "purpose"}
    environment = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=trim, lstrip_blocks=trim)
    subject, body = (environment.from_string(text).render(data) for text in (front["subject"], found[2]))
    return subject, body


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "full"])
def test_a_template_reads_well_with_everything_and_with_nothing(name: str, empty: bool) -> None:
    data = EMPTY if empty else full()
    subject, body = render(name, data)
    assert render(name, data, trim=True) == (subject, body)
    assert "\n" not in subject
    assert subject.strip() == subject
    assert body.strip()
    for flaw in ("None", "{{", "{%", "\n\n\n", "  ", " ,", " .", "()", "“”", " \n"):
        assert flaw not in subject + body, f"{flaw!r} in\n{body}"


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.startswith("reply-to-lead")])
def test_a_price_is_named_only_to_those_who_named_money(name: str) -> None:
    """And what only we may read, such as the day rate in a note, is in no letter at all."""
    data = full()
    with_money = render(name, data)[1]
    silent = msgspec.convert(data["lead"], dict[str, object]) | {"amount": None, "amount_text": ""}
    without = render(name, data | {"lead": silent})[1]
    assert re.search(r"14.400", with_money)
    assert not re.search(r"14.400|€|EUR", without)
    assert "680" not in with_money + without
    assert "The form that lost 42 fields" in with_money


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.startswith("reply-to-lead")])
def test_only_who_wrote_in_an_earlier_month_is_asked_to_forgive_the_wait(name: str) -> None:
    dates = ("2026-09-23T10:47:12+01:00", "2026-11-10T09:36:05+01:00", "")
    mails = [{"subject": "Demande", "date": date} for date in dates]
    late, prompt, unknown = (render(name, full() | {"mail": mail})[1] for mail in mails)
    assert prompt == unknown
    assert len(late) > len(prompt)


def test_the_need_of_every_lead_that_fits_finds_a_product() -> None:
    """The first keyword in the need decides, in the order of the keys, as in the templates."""
    inventory = tomllib.loads((STUDIO / "mail" / "expected.toml").read_text("utf-8"))["mail"]
    products = sorted(facts("products.toml")["product"], key=lambda product: str(product["key"]))
    named = {
        entry["file"][:4]: next(
            str(product["key"])
            for product in products
            if any(word in entry["need"].lower() for word in msgspec.convert(product["keywords"], list[str]))
        )
        for entry in inventory
        if entry.get("qualified")
    }
    sprints = dict.fromkeys(("0012", "0019", "0035", "0048", "0050", "0058", "0065"), "product-sprint")
    journeys = dict.fromkeys(("0003", "0039", "0042"), "journey-redesign")
    assert named == sprints | journeys | {"0052": "design-audit", "0060": "retainer"}


def test_the_templates_are_the_promised_ones() -> None:
    assert TEMPLATES == ["correction.md", "reply-to-lead.de.md", "reply-to-lead.fr.md", "reply-to-lead.md"]
