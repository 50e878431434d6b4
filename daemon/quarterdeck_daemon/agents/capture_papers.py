"""Invoices and contracts: their number, sum and day of payment."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Finding

from .dates import Moment, dates_in
from .money import Amount, amounts_in
from .sightings import Sighting

PAPERS_MAX = 5
NEAR_CHARS = 600  # How far from its number the sum and the dates of an invoice stand.
CUE_CHARS = 60
_NUMBER = r"\s*(?:no|nr|number|nummer|num[ée]ro|n[°º]|#)?\s*[.:#]?\s*(?P<number>(?=[\w./-]*\d)[A-Z0-9][\w./-]{2,24}[A-Za-z0-9])"
_INVOICE = re.compile(rf"\b(?:invoice|rechnung(?:s-?(?:nummer|nr))?|facture|faktura|factura){_NUMBER}", re.IGNORECASE)
_CONTRACT = re.compile(
    rf"\b(?:contract|agreement|vertrag(?:s-?(?:nummer|nr))?|contrat|avtal|contrato){_NUMBER}", re.IGNORECASE
)
_TOTAL = re.compile(
    r"total|amount due|balance|to pay|gesamt\w*|rechnungsbetrag|zu zahlen|endbetrag|brutto|[àa] payer|montant|net [àa] payer"
    r"|att betala|summa|importe|a pagar",
    re.IGNORECASE,
)
_PRICE = re.compile(
    r"fee|price|honorar|verg[üu]tung|preis|prix|honoraires|arvode|pris|precio|honorarios|total", re.IGNORECASE
)


def invoices(seen: Sighting) -> Iterator[Finding]:
    for match in list(_INVOICE.finditer(seen.text))[:PAPERS_MAX]:
        span = match.span("number")
        around = (max(0, span[0] - NEAR_CHARS), min(len(seen.text), span[1] + NEAR_CHARS))
        value: Plain = {"number": match["number"]}
        spans = {"number": span}
        amount = _sum(seen, around, _TOTAL)
        if amount is not None:
            value["amount"], spans["amount"] = _money(amount), amount.span
        due = next((one for one in _moments(seen, around) if one.role == "deadline" and one.day), None)
        if due is not None:
            value["due"], spans["due"] = due.day, due.span
        if len(value) > 1:
            beside = (*seen.sender, *seen.names_near(*span))
            yield _numbered(seen.finding("invoice", match["number"], value, spans, beside=beside), match["number"])


def contracts(seen: Sighting) -> Iterator[Finding]:
    for match in list(_CONTRACT.finditer(seen.text))[:PAPERS_MAX]:
        span = match.span("number")
        value: Plain = {}
        spans = {"number": span}
        whole = (0, len(seen.text))
        amount = _sum(seen, whole, _PRICE)
        if amount is not None:
            value["price"], spans["price"] = _money(amount), amount.span
        if value:
            beside = (*seen.sender, *seen.names_near(*span))
            yield _numbered(seen.finding("contract", match["number"], value, spans, beside=beside), match["number"])


def _numbered(finding: Finding, number: str) -> Finding:
    """A paper goes by its number as it is written, so that it meets the record of the same number."""
    return Finding(
        fact_kind=finding.fact_kind,
        key=number.strip("./-"),
        value=finding.value,
        evidence=finding.evidence,
        beside=finding.beside,
    )


def _sum(seen: Sighting, span: tuple[int, int], cue: re.Pattern[str]) -> Amount | None:
    """The sum that a word calls the whole; else the only one."""
    amounts = [
        amount for amount in amounts_in(seen.text, language=seen.language)
        if span[0] <= amount.span[0] < span[1] and not amount.per and amount.minor_units == amount.minor_units_max
    ]  # fmt: skip
    named = [one for one in amounts if cue.search(seen.text, max(0, one.span[0] - CUE_CHARS), one.span[0])]
    chosen = named or amounts
    sums = {(one.minor_units, one.currency) for one in chosen}
    return chosen[-1] if named else chosen[0] if len(sums) == 1 else None


def _money(amount: Amount) -> Plain:
    return {"minor": amount.minor_units, "currency": amount.currency}


def _moments(seen: Sighting, span: tuple[int, int]) -> list[Moment]:
    found = dates_in(seen.text, language=seen.language, now=seen.now)
    return [one for one in found if span[0] <= one.span[0] < span[1]]
