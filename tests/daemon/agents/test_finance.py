"""Finance counts what facts say: open, overdue, per client and currency, and whether payments fit."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.entities import Plain

from .reading import studio_facts
from .trial import trial


def fact(kind: str, key: str, **value: object) -> Plain:
    return {"id": f"{kind}/{key}", "key": key, "value": dict(value), "version": 1}


def euros(minor: int, currency: str = "EUR") -> Plain:
    return {"minor": minor, "currency": currency}


def invoice(key: str, minor: int, due: str = "2026-12-04", currency: str = "EUR", **more: object) -> Plain:
    return fact("invoice", key, **{"client": "acme", "amount": euros(minor, currency), "due": due, **more})


def found(*invoices: Plain, what: str = "open", client: str = "", **facts: object) -> Plain:
    given: Plain = {"what": what, **dict.fromkeys(("client",) if client else (), client)}
    clients = [fact("client", "acme", name="Acme Ltd", contacts=["invoices@acme.test"], language="en")]
    return trial("finance", given, {"invoices": list(invoices), "clients": clients, **facts}).output


def rows(output: Plain, name: str) -> list[Plain]:
    value = output[name]
    assert isinstance(value, list)
    return value


def test_the_practice_company_has_one_open_invoice_and_none_overdue() -> None:
    facts: Plain = {kind: list(rows) for kind, rows in studio_facts().items()}
    output = trial("finance", {}, {"invoices": facts["invoice"], "clients": facts["client"]}).output
    assert [row["invoice"] for row in rows(output, "open")] == ["SL-2026-039"]
    assert (output["as_of"], output["overdue"]) == ("2026-11-21", [])
    assert str(output["answer"]).splitlines() == [
        "One invoice is open on 2026-11-21, EUR 3,900; none of them overdue.",
        "SL-2026-039  Pellow & Finch Ltd  EUR 3,900  due 2026-12-04 [1]",
    ]
    assert [one["id"] for one in rows(output, "sources")] == ["fact:invoice/SL-2026-039"]


@pytest.mark.parametrize(
    ("due", "late"), [("2026-11-20", 1), ("2026-11-21", 0), ("2026-11-22", 0), ("2026-10-21", 31)]
)
def test_overdue_begins_on_the_day_after_it_is_due(due: str, late: int) -> None:
    output = found(invoice("1", 100, due))
    assert [row["days_late"] for row in rows(output, "open")] == [late]
    assert len(rows(output, "overdue")) == (late > 0)


def test_sums_of_two_currencies_are_never_added() -> None:
    output = found(invoice("1", 100), invoice("2", 250, "2026-11-01"), invoice("3", 700, currency="GBP"))
    assert [(row["currency"], row["open_minor"], row["overdue_minor"]) for row in rows(output, "totals")] == [
        ("EUR", 350, 250),
        ("GBP", 700, 0),
    ]
    assert "EUR 3.50 and GBP 7" in str(output["answer"])


def test_what_is_not_ours_to_ask_for_does_not_count() -> None:
    output = found(
        invoice("1", 100, paid="2026-11-01"),
        invoice("2", 100, status="paid"),
        invoice("3", 100, status="void"),
        invoice("4", 100, direction="in"),
        invoice("5", 100, type="credit note"),
    )
    assert output["open"] == []


def test_one_clients_invoices_are_told_alone() -> None:
    output = found(invoice("1", 100), invoice("2", 200, client="other"), client="acme")
    assert [row["invoice"] for row in rows(output, "open")] == ["1"]
    assert "of Acme Ltd" in str(output["answer"])


def test_an_amount_that_nobody_told_is_said_and_not_guessed() -> None:
    output = found(invoice("1", 100), fact("invoice", "2", client="acme"))
    assert output["unreadable"] == ["2"]
    assert "Of 2 no amount is known." in str(output["answer"])


def test_a_due_day_that_is_not_told_follows_from_the_terms() -> None:
    one = fact("invoice", "1", client="acme", amount=euros(100), issued="2026-11-01")
    assert rows(found(one), "open")[0]["due"] == "2026-11-15"
    policy = fact("policy", "payment", payment_days=30)
    assert rows(found(one, policies=[policy]), "open")[0]["due"] == "2026-12-01"


def test_a_reminder_is_in_the_clients_language_and_says_no_more_than_the_facts() -> None:
    one = invoice("R-7", 304640, "2026-11-14")
    (mild,) = rows(found(one), "reminders")
    assert (mild["to"], mild["subject"], mild["days_late"]) == ("invoices@acme.test", "Reminder: invoice R-7", 7)
    assert "invoice R-7 of EUR 3,046.40 was due on 14 November 2026" in str(mild["body"])


def test_it_is_german_for_a_german_client_and_nobody_is_written_to_whom_we_do_not_know() -> None:
    one = invoice("R-7", 304640, "2026-11-14")
    german = fact("client", "acme", name="Acme", language="de")
    assert trial("finance", {}, {"invoices": [one], "clients": [german]}).output["unreachable"] == ["R-7"]
    contact = fact("contact", "ruth", name="Ruth Okafor", client="acme", email="ruth@acme.test")
    (said,) = rows(
        trial("finance", {}, {"invoices": [one], "clients": [german], "contacts": [contact]}).output, "reminders"
    )
    assert said["to"] == "ruth"
    assert str(said["body"]).startswith("Guten Tag Ruth Okafor,")
    assert "Rechnung R-7 über 3.046,40\u00a0€ war am 14.11.2026 fällig" in str(said["body"])


def test_a_late_reminder_is_firmer() -> None:
    (firm,) = rows(found(invoice("1", 100, "2026-10-01")), "reminders")
    (mild,) = rows(found(invoice("1", 100, "2026-11-19")), "reminders")
    assert "51 days late" in str(firm["body"])
    assert "slipped through" in str(mild["body"])


def test_it_proposes_nothing_itself() -> None:
    assert trial("finance", {}, {"invoices": [invoice("1", 100, "2026-01-01")]}).actions == ()


def paid(key: str, minor: int, of: str = "", currency: str = "EUR", **more: object) -> Plain:
    return fact(
        "payment",
        key,
        **({"amount": euros(minor, currency), "invoice": of} if of else {"amount": euros(minor, currency)}),
        **more,
    )


def test_payments_are_held_against_invoices() -> None:
    output = found(
        invoice("A-2026-1", 100, paid="2026-11-03"),
        invoice("A-2026-2", 200),
        invoice("A-2026-3", 300, paid="2026-11-05"),
        invoice("A-2026-4", 400),
        invoice("A-2026-5", 500, paid="2026-11-01"),
        payments=[
            paid("p1", 100, "A-2026-1", date="2026-11-03"),
            paid("p2", 150, reference="for A 2026 2, thanks"),
            paid("p3", 300, "A-2026-3", date="2026-11-07"),
            paid("p4", 400, "A-2026-4", "USD"),
            paid("p5", 50),
        ],
        what="reconciliation",
    )
    assert output["reconciliation"] == {
        "matched": [{"invoice": "A-2026-1", "payments": ["p1"]}],
        "differing": [
            {"invoice": "A-2026-2", "payments": ["p2"], "differs": ["EUR 0.50 less than asked"]},
            {"invoice": "A-2026-3", "payments": ["p3"], "differs": ["the invoice says paid on 2026-11-05, the payment 2026-11-07"]},
            {"invoice": "A-2026-4", "payments": ["p4"], "differs": ["paid in USD, asked in EUR"]},
        ],
        "unproved": ["A-2026-5"],
        "leftover": [{"payment": "p5", "amount": "EUR 0.50", "could_be": ["A-2026-2"]}],
    }  # fmt: skip
    assert {row["invoice"]: row["minor"] for row in rows(output, "open")} == {"A-2026-2": 50, "A-2026-4": 400}


def test_a_payment_that_could_name_two_invoices_names_none() -> None:
    output = found(
        invoice("12", 100), invoice("123", 100), payments=[paid("p1", 100, reference="no 123")], what="reconciliation"
    )
    assert "payment p1 (EUR 1): of no invoice, could be 12, 123" in str(output["answer"])
