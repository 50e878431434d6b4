"""Invoices and payments as facts tell them: what is open on a day, what is overdue, and whether the two agree.

A fact says what it says: an invoice with `paid` is paid by its own word, a payment that names it proves it. What neither
tells is told as not known, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from quarterdeck_daemon.core.entities import Plain

from .fact_words import amount_in
from .money import shown
from .seen import Fact

PAYMENT_DAYS: Final = 14  # When neither invoice, contract, client nor policy says it.
OVER: Final = frozenset(("void", "cancelled", "canceled", "draft", "written off"))
SLACK_DAYS: Final = 0  # A payment on another day than the invoice says is told.


@dataclass(frozen=True)
class Bill:
    """One invoice of ours. minor: what is asked; got: what payments brought; paid_on: by its own word."""

    fact: Fact
    client: str
    minor: int
    currency: str
    due: date | None
    paid_on: date | None
    settled: bool
    got: int
    payments: tuple[Fact, ...]

    @property
    def left(self) -> int:
        return 0 if self.settled else self.minor - self.got

    def overdue(self, today: date) -> bool:
        return self.left > 0 and self.due is not None and self.due < today

    def days_late(self, today: date) -> int:
        return max(0, (today - self.due).days) if self.due is not None and self.left > 0 else 0


def bills_of(facts: dict[str, list[Fact]], client: str = "") -> list[Bill]:
    """Our invoices with an amount, by their key; of one client when it is named."""
    paid = _payments_by_invoice(facts)
    found = [_bill(one, facts, paid.get(one.key, ())) for one in facts.get("invoice", []) if _ours(one)]
    return sorted((one for one in found if one and client in ("", one.client)), key=lambda one: one.fact.key)


def unreadable_of(facts: dict[str, list[Fact]]) -> list[Fact]:
    """Invoices of ours whose amount nobody told."""
    return [one for one in facts.get("invoice", []) if _ours(one) and _amount(one) is None]


def _ours(fact: Fact) -> bool:
    return fact.text("direction") != "in" and fact.text("status").lower() not in OVER


def _amount(fact: Fact) -> tuple[int, str] | None:
    usual = fact.text("currency") or "EUR"
    return next((found for name in ("total", "amount") if (found := amount_in(fact.value.get(name), usual))), None)


def _bill(fact: Fact, facts: dict[str, list[Fact]], payments: tuple[Fact, ...]) -> Bill | None:
    amount = _amount(fact)
    if amount is None:
        return None
    minor, currency = amount
    minor = -abs(minor) if fact.text("type") == "credit note" else minor
    got = sum(found[0] for one in payments if (found := _amount(one)) and found[1] == currency)
    paid_on = day_of(fact.value.get("paid"))
    settled = paid_on is not None or fact.text("status").lower() == "paid" or (bool(payments) and got >= minor)
    return Bill(fact, key_of(fact, "client"), minor, currency, _due(fact, facts), paid_on, settled, got, payments)


def _due(fact: Fact, facts: dict[str, list[Fact]]) -> date | None:
    due, issued = day_of(fact.value.get("due")), day_of(fact.value.get("issued"))
    if due is not None or issued is None:
        return due
    places = [(kind, key_of(fact, kind)) for kind in ("contract", "client")] + [("policy", "payment")]
    for kind, key in places:
        known = next((one for one in facts.get(kind, []) if one.key == key), None)
        days = known.value.get("payment_days") if known else None
        if isinstance(days, int):
            return issued + timedelta(days=days)
    return issued + timedelta(days=PAYMENT_DAYS)


def key_of(fact: Fact, name: str) -> str:
    """The key of the fact that a field refers to: `northwind` of `client/northwind`."""
    return fact.text(name).rpartition("/")[2]


def day_of(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


# --- do invoices and payments agree ---------------------------------------------------------------


def _payments_by_invoice(facts: dict[str, list[Fact]]) -> dict[str, tuple[Fact, ...]]:
    keys = [one.key for one in facts.get("invoice", [])]
    found: dict[str, tuple[Fact, ...]] = {}
    for payment in facts.get("payment", []):
        key = _invoice_of(payment, keys)
        if key and payment.text("direction") != "out":
            found[key] = (*found.get(key, ()), payment)
    return found


def _invoice_of(payment: Fact, keys: list[str]) -> str:
    """The invoice that a payment names: by its link, else by the number in its reference; "" for none."""
    named = key_of(payment, "invoice")
    if named in keys:
        return named
    said = re.sub(r"\W", "", payment.text("reference")).lower()
    inside = [key for key in keys if said and re.sub(r"\W", "", key).lower() in said]
    return inside[0] if len(inside) == 1 else ""


def reconciled(bills: list[Bill], facts: dict[str, list[Fact]]) -> Plain:
    """{matched, differing, unproved, leftover}: which payments prove which invoices, and what does not fit."""
    matched: list[Plain] = []
    differing: list[Plain] = []
    for one in bills:
        if one.payments:
            faults = _differences(one)
            row: Plain = {"invoice": one.fact.key, "payments": [payment.key for payment in one.payments]}
            (differing if faults else matched).append(row | ({"differs": faults} if faults else {}))
    used = {payment.id for one in bills for payment in one.payments}
    leftover = [one for one in facts.get("payment", []) if one.id not in used and one.text("direction") != "out"]
    return {
        "matched": matched,
        "differing": differing,
        "unproved": [one.fact.key for one in bills if one.settled and not one.payments],
        "leftover": [_left_over(one, bills) for one in leftover],
    }


def _differences(bill: Bill) -> list[str]:
    found: list[str] = []
    others = sorted({amount[1] for one in bill.payments if (amount := _amount(one)) and amount[1] != bill.currency})
    if others:
        found.append(f"paid in {', '.join(others)}, asked in {bill.currency}")
    elif bill.got != bill.minor:
        less = "less" if bill.got < bill.minor else "more"
        found.append(f"{shown(abs(bill.minor - bill.got), bill.currency)} {less} than asked")
    last = max((day for one in bill.payments if (day := day_of(one.value.get("date")))), default=None)
    if last and bill.paid_on and abs((last - bill.paid_on).days) > SLACK_DAYS:
        found.append(f"the invoice says paid on {bill.paid_on}, the payment {last}")
    return found


def _left_over(payment: Fact, bills: list[Bill]) -> Plain:
    """A payment without an invoice, and the open ones of exactly that amount."""
    amount = _amount(payment)
    could = [one.fact.key for one in bills if amount == (one.left, one.currency) and one.left > 0]
    return {"payment": payment.key, "amount": shown(*amount) if amount else "", "could_be": could}


def names_of(facts: dict[str, list[Fact]]) -> dict[str, str]:
    return {one.key: one.text("name") or one.key for one in facts.get("client", [])}
