"""The practice company in examples/studio: is what every user sees first complete, consistent and true?"""

from __future__ import annotations

import email
import email.policy
import re
import tomllib
from collections import Counter
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

STUDIO = Path(__file__).parents[2] / "examples" / "studio"
INBOX = STUDIO / "mail" / "inbox"
OWN_DOMAIN = "@studio-lindqvist.test"
KINDS = {
    "lead": 16,
    "client": 13,
    "invoice": 9,
    "newsletter": 6,
    "notification": 4,
    "personal": 4,
    "spam": 3,
    "calendar": 3,
    "bounce": 2,
    "auto": 2,
    "injection": 2,
    "broken": 1,
}
FILES = sorted(path.name for path in INBOX.glob("*.eml"))


class Amount(msgspec.Struct, forbid_unknown_fields=True):
    minor: int
    currency: str
    text: str
    minor_max: int | None = None


class Expected(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One entry of mail/expected.toml; which fields a kind has is said at the top of that file."""

    file: str
    kind: str
    person: str = ""
    email: str = ""
    company: str | None = None
    need: str = ""
    amount: Amount | None = None
    date_text: str | None = None
    date: str = ""
    language: str = ""
    qualified: bool | None = None
    why: str = ""
    via: str = ""
    referred_by: str = ""
    client: str = ""
    about: str = ""
    direction: str = ""
    invoice: str = ""
    starts: str = ""
    failed_recipient: str = ""
    permanent: bool | None = None
    reply_to_must_be: str = ""
    forbidden: list[str] = []
    trick: str = ""
    faults: list[str] = []


class Inventory(msgspec.Struct, forbid_unknown_fields=True):
    mail: list[Expected]


@cache
def entries() -> tuple[Expected, ...]:
    text = (STUDIO / "mail" / "expected.toml").read_bytes()
    return tuple(msgspec.toml.decode(text, type=Inventory).mail)


def of_kind(kind: str) -> list[Expected]:
    return [entry for entry in entries() if entry.kind == kind]


def readable() -> list[str]:
    return [entry.file for entry in entries() if entry.kind != "broken"]


@cache
def message(name: str) -> EmailMessage:
    parsed = email.message_from_bytes((INBOX / name).read_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words_of(name: str) -> str:
    """Subject and all text of a mail, white space made one blank."""
    reader = _Words()
    for text in texts_of(message(name)):
        reader.feed(text)
    return plain(" ".join([str(message(name)["Subject"]), *reader.words]))


def texts_of(mail: EmailMessage) -> list[str]:
    """Every text part, decoded; HTML as it is."""
    return [str(part.get_content()) for part in mail.walk() if part.get_content_maintype() == "text"]


def plain(text: str) -> str:
    return " ".join(text.replace("’", "'").split())


def facts() -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for path in sorted((STUDIO / "facts").glob("*.toml")):
        for kind, tables in tomllib.loads(path.read_text("utf-8")).items():
            found.setdefault(kind, []).extend(tables)
    return found


# --- the inventory --------------------------------------------------------------------------------


def test_every_mail_has_one_entry_and_every_entry_its_mail() -> None:
    assert [entry.file for entry in entries()] == FILES


def test_the_mix_of_mail_is_what_was_promised() -> None:
    assert Counter(entry.kind for entry in entries()) == KINDS
    assert len(FILES) >= 64


def test_a_lead_has_every_field_and_its_words_stand_in_the_mail() -> None:
    for lead in of_kind("lead"):
        assert lead.person, lead.file
        assert lead.email, lead.file
        assert lead.company is not None, lead.file
        assert lead.qualified is not None, lead.file
        assert lead.why, lead.file
        said = [lead.need, lead.date_text, lead.company, lead.amount.text if lead.amount else ""]
        missing = [text for text in said if text and plain(text) not in words_of(lead.file)]
        assert (lead.file, missing) == (lead.file, [])


def test_the_languages_of_the_leads_are_mixed() -> None:
    assert Counter(lead.language for lead in of_kind("lead")) == {"en": 11, "de": 3, "fr": 1, "sv": 1}


def test_an_answer_to_a_lead_goes_to_who_wrote_or_to_who_filled_in_the_form() -> None:
    for lead in of_kind("lead"):
        header = "Reply-To" if lead.via else "From"
        assert (lead.file, parseaddr(str(message(lead.file)[header]))[1]) == (lead.file, lead.email)


def test_leads_are_strangers_and_clients_are_known() -> None:
    known = {str(address) for client in facts()["client"] for address in _texts(client["contacts"])}
    known |= {str(contact["email"]) for contact in facts()["contact"]}
    assert [lead.file for lead in of_kind("lead") if lead.email in known] == []
    for entry in of_kind("client"):
        assert (entry.file, parseaddr(str(message(entry.file)["From"]))[1] in known) == (entry.file, True)
        assert entry.client in {client["key"] for client in facts()["client"]}


def _texts(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def test_who_is_qualified_follows_from_the_minimum_and_the_exclusions() -> None:
    engagement = next(policy for policy in facts()["policy"] if policy["key"] == "engagement")
    minimum = msgspec.convert(engagement["minimum"], dict[str, int | str])
    rates = msgspec.convert(engagement["rates_to_eur"], dict[str, float])
    unwanted = [
        str(word) for name in ("not_offered", "excluded_sectors", "unpaid_words") for word in _texts(engagement[name])
    ]
    for lead in of_kind("lead"):
        text = words_of(lead.file).lower()
        refused = [word for word in unwanted if re.search(rf"\b{re.escape(word)}\b", text)]
        enough = lead.amount is None or lead.amount.minor * rates[lead.amount.currency] >= int(minimum["minor"])
        assert (lead.file, enough and not refused, refused) == (lead.file, lead.qualified, refused)


def test_an_injection_names_who_may_be_answered_and_what_must_never_be() -> None:
    for entry in of_kind("injection"):
        assert parseaddr(str(message(entry.file)["From"]))[1] == entry.reply_to_must_be
        raw = (INBOX / entry.file).read_text("utf-8") + words_of(entry.file)
        assert [text for text in entry.forbidden if text not in raw] == []
        assert entry.reply_to_must_be not in entry.forbidden


def test_the_second_injection_smuggles_a_line_break_a_reply_to_and_hidden_text() -> None:
    """What must be in the mail for the tests that resist it to mean anything."""
    mail = message("0057-cobalt-click-and-collect-quote.eml")
    assert "\r\nBcc: collect@cobalt-payments.test" in str(mail["Subject"])
    assert parseaddr(str(mail["Reply-To"]))[1] == "billing@cobalt-payments.test"
    (html,) = texts_of(mail)
    assert [trick for trick in ("font-size:0px", "display:none", "<!--", "color:#fffffe") if trick not in html] == []


# --- the mail itself ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", readable())
def test_a_mail_that_is_not_the_broken_one_parses_without_defects(name: str) -> None:
    defects: list[str] = []
    for part in message(name).walk():
        headers = [header for value in part.values() for header in getattr(value, "defects", ())]
        content = str(part.get_content()) if part.get_content_maintype() == "text" else ""
        defects += [repr(defect) for defect in (*part.defects, *headers)]
        defects += [f"a character lost in {part.get_content_type()}"] * ("\ufffd" in content)
    assert defects == []


def test_the_broken_mail_is_broken() -> None:
    (entry,) = of_kind("broken")
    parsed = message(entry.file)
    found = [type(defect).__name__ for part in parsed.walk() for defect in part.defects]
    assert "StartBoundaryNotFoundDefect" in found or "CloseBoundaryNotFoundDefect" in found
    assert parsed["Message-ID"] is None


def test_message_ids_are_unique_and_present() -> None:
    ids = [str(message(name)["Message-ID"]) for name in readable()]
    assert [id for id, times in Counter(ids).items() if times > 1] == []
    assert [id for id in ids if not re.fullmatch(r"<[^<>\s@]+@[^<>\s@]+>", id)] == []


def test_an_answer_answers_an_earlier_mail_or_one_that_mara_sent() -> None:
    """What is not in the inbox was sent from it, or is the thread of the machine that notifies."""
    earlier: set[str] = set()
    for name in readable():
        mail = message(name)
        own_domain = str(mail["Message-ID"]).rstrip(">").rpartition("@")[2]
        threads = " ".join(str(mail[header] or "") for header in ("In-Reply-To", "References")).split()
        for id in threads:
            plausible = id in earlier or id.endswith((f"{OWN_DOMAIN}>", f"@{own_domain}>"))
            assert (name, id, plausible) == (name, id, True)
        earlier.add(str(mail["Message-ID"]))


def test_threads_are_continued() -> None:
    ids = {str(message(name)["Message-ID"]) for name in readable()}
    continued = [name for name in readable() if ids & set(str(message(name)["References"] or "").split())]
    assert len(continued) >= 5


def test_dates_ascend_with_the_number_and_end_today() -> None:
    dates = [message(name)["Date"].datetime for name in FILES]
    assert all(isinstance(date, datetime) and date.tzinfo is not None for date in dates)
    late = [
        (name, str(then), str(date))
        for name, (then, date) in zip(FILES[1:], pairwise(dates), strict=True)
        if date < then
    ]
    assert late == []
    assert (dates[0].date().isoformat(), dates[-1].date().isoformat()) == ("2026-09-21", "2026-11-21")


def test_file_names_are_numbered_without_a_gap() -> None:
    assert [int(name[:4]) for name in FILES] == list(range(1, len(FILES) + 1))
    assert [name for name in FILES if not re.fullmatch(r"\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.eml", name)] == []


def test_no_line_is_longer_than_mail_allows() -> None:
    long = [name for name in FILES if any(len(line) > 998 for line in (INBOX / name).read_bytes().splitlines())]
    assert long == []


def test_both_line_endings_and_many_encodings_occur() -> None:
    raw = {name: (INBOX / name).read_bytes() for name in readable()}
    assert sum(b"\r\n" in data for data in raw.values()) >= 20
    assert sum(b"\r\n" not in data for data in raw.values()) >= 10
    together = b"\n".join(raw.values()).lower()
    for mark in (
        *(b"quoted-printable", b"base64", b"8bit", b"7bit", b"format=flowed", b"multipart/report", b"text/calendar"),
        *(b"iso-8859-1", b"windows-1252", b"iso-2022-jp", b"us-ascii", b"list-unsubscribe", b"auto-submitted"),
        *(b"precedence: bulk", b"=?utf-8?", b"application/pdf", b"\n-- \n", b"-----original message-----"),
    ):
        assert mark in together, mark


def test_git_leaves_the_bytes_of_mail_alone() -> None:
    assert "*.eml -text" in (STUDIO / ".gitattributes").read_text("ascii").splitlines()


def test_every_address_and_link_ends_in_a_reserved_domain() -> None:
    """Nothing here may reach anybody: only .test and .example, in mail bodies too."""
    texts = [f"{key}: {value}" for name in readable() for key, value in message(name).items()]
    texts += [text for name in readable() for text in texts_of(message(name))]
    texts += [path.read_text("utf-8") for path in STUDIO.rglob("*") if path.suffix in {".md", ".toml", ".yaml"}]
    found = {host for text in texts for host in re.findall(r"(?:[\w.+-]@|https?://)([\w-]+(?:\.[\w-]+)+)", text)}
    assert sorted(host for host in found if not host.rstrip(".").endswith((".test", ".example"))) == []


# --- facts --------------------------------------------------------------


def test_keys_of_facts_are_unique_and_every_fact_has_one() -> None:
    keys = [(kind, fact["key"]) for kind, tables in facts().items() for fact in tables]
    assert [key for key, times in Counter(keys).items() if times > 1] == []
    kinds = {"client", "contact", "contract", "invoice", "policy", "preference", "product"}
    assert set(facts()) == kinds


def test_facts_refer_to_facts_and_contracts_that_exist() -> None:
    found = facts()
    keys = {kind: {fact["key"] for fact in tables} for kind, tables in found.items()}
    for kind in ("contact", "contract", "invoice"):
        assert {fact["client"] for fact in found[kind] if "client" in fact} <= keys["client"]
    assert {client["contract"] for client in found["client"] if "contract" in client} == keys["contract"]
    assert {contract["product"] for contract in found["contract"]} <= keys["product"]
    files = {str(contract["file"]) for contract in found["contract"]}
    assert files == {f"contracts/{path.name}" for path in (STUDIO / "contracts").glob("*.md")}


def test_a_contract_says_the_price_number_and_dates_that_the_facts_say() -> None:
    for contract in facts()["contract"]:
        text = (STUDIO / str(contract["file"])).read_text("utf-8")
        figure = str(contract["price_text"]).removeprefix("EUR ").removesuffix(" a month")
        assert str(contract["key"]) in text
        assert figure in text or figure.replace(",", ".") in text


def test_the_price_note_and_the_price_list_agree() -> None:
    note = (STUDIO / "notes" / "pricing.md").read_text("utf-8")
    prices = [str(product["price_text"]).removesuffix(" fixed") for product in facts()["product"]]
    assert [price for price in prices if price not in note] == []


def test_every_bank_account_is_well_formed_and_of_no_bank() -> None:
    texts = [path.read_text("utf-8") for path in (STUDIO / "contracts").glob("*.md")]
    texts += [words_of(name) for name in readable()]
    accounts = {found for text in texts for found in re.findall(r"\b[A-Z]{2}\d{2}(?: [0-9A-Z]{2,4}){4,6}\b", text)}
    assert len(accounts) == 4
    for account in accounts:
        compact = account.replace(" ", "")
        assert int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1, account
        assert compact[4:].startswith(("99999999", "TEST")), account
