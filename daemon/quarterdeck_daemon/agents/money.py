"""Sums of money in a text, as whole minor units with an ISO currency. What is ambiguous is left out.

Own grammar for where a sum begins and ends (ranges, "8-10k", "5.000 €", "80 000 kr"); the price-parser library
reads the number, since it knows which of comma and point is the decimal one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from price_parser.parser import parse_number

from .words import BUDGET, NOT_BUDGET, PER_MONTH, PER_SMALL, compiled

AMOUNTS_MAX = 20
MINOR_UNITS_MAX = 10**12
NEAR_CHARS = 70  # How far from a sum its meaning is looked for.
ZERO_DECIMALS = frozenset({"JPY", "KRW", "ISK", "HUF", "CLP"})

_SPACE = "[ \u00a0\u202f\u2009]"
_NUMBER = rf"\d{{1,3}}(?:(?:{_SPACE}|[.,'’])\d{{3}})+(?:[.,]\d{{1,2}})?(?!\d)|\d{{1,9}}(?:[.,]\d{{1,2}})?(?![\d])"
_SCALE = r"k|K|tsd\.?|Tsd\.?|tausend|thousand|grand|mille|tusen|tkr|mio\.?|Mio\.?|million(?:en)?|m(?=\b)"
_CURRENCY = (
    r"US\$|A\$|C\$|AU\$|CA\$|\$|€|£|zł|EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CAD|AUD|JPY|CZK|ISK|HUF"
    r"|[Ee]uros?|[Dd]ollars?|[Pp]ounds?(?: sterling)?|Pfund|Franken|kronor|kroner|kr(?![a-z])"
)
_RANGE = rf"{_SPACE}?(?:-|–|—|\bto\b|\bbis\b|\bà\b|\btill\b|\boch\b|\band\b|\bund\b|\bet\b|\ba\b|\by\b){_SPACE}?"
_PREFIXED = re.compile(
    rf"(?<![\w.])(?P<cur>{_CURRENCY}){_SPACE}?(?P<low>{_NUMBER})(?:{_SPACE}?(?P<lscale>{_SCALE})\b)?"
    rf"(?:{_RANGE}(?:{_CURRENCY})?{_SPACE}?(?P<high>{_NUMBER})(?:{_SPACE}?(?P<hscale>{_SCALE})\b)?)?"
)
_SUFFIXED = re.compile(
    rf"(?<![\w.,])(?P<low>{_NUMBER})(?:{_SPACE}?(?P<lscale>{_SCALE}))?(?:{_SPACE}?(?:{_CURRENCY}))?"
    rf"(?:{_RANGE}(?P<high>{_NUMBER})(?:{_SPACE}?(?P<hscale>{_SCALE}))?)?{_SPACE}?(?P<cur>{_CURRENCY})(?!\w)"
)
_BARE = re.compile(rf"(?<![\w.,])(?:{_NUMBER}){_SPACE}?(?:k|K|tsd\.?|Tsd\.?|grand)\b")

CODES: dict[str, str] = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "us$": "USD", "dollar": "USD", "dollars": "USD", "a$": "AUD",
    "au$": "AUD", "c$": "CAD", "ca$": "CAD", "£": "GBP", "pound": "GBP", "pounds": "GBP", "pound sterling": "GBP",
    "pounds sterling": "GBP", "pfund": "GBP", "franken": "CHF", "zł": "PLN", "kronor": "SEK",
}  # fmt: skip
CROWNS_BY_LANGUAGE = {"sv": "SEK", "da": "DKK", "no": "NOK", "nb": "NOK", "nn": "NOK"}
CROWNS_BY_COUNTRY = {"se": "SEK", "dk": "DKK", "no": "NOK"}
SCALES: dict[str, int] = {"k": 1_000, "tsd": 1_000, "tausend": 1_000, "thousand": 1_000, "grand": 1_000}
SCALES |= {"mille": 1_000, "tusen": 1_000, "mio": 10**6, "million": 10**6, "millionen": 10**6, "m": 10**6}


@dataclass(frozen=True)
class Amount:
    """minor_units: the sum, or the lower end of a range; minor_units_max: the upper end (the same without a range).

    per: "" for the whole, "month", or "other" (a rate, never a budget).
    """

    minor_units: int
    minor_units_max: int
    currency: str
    text: str
    span: tuple[int, int]
    per: str = ""
    weight: int = 0  # How much the words around it speak for a budget.


def amounts_in(text: str, *, language: str = "", country: str = "") -> list[Amount]:
    """All unambiguous sums in the order of the text; spans are characters of `text`.

    country: the last label of the writer's domain; it decides between the crowns.
    """
    matches = sorted(
        [*_PREFIXED.finditer(text), *_SUFFIXED.finditer(text)], key=lambda match: (match.start(), -match.end())
    )
    found: list[Amount] = []
    end = -1
    for match in matches:
        if match.start() < end or len(found) == AMOUNTS_MAX:
            continue
        amount = _amount(match, language, country)
        if amount is not None:
            found.append(_with_meaning(amount, text))
            end = match.end()
    return found


def budget_of(amounts: list[Amount]) -> Amount | None:
    """The sum that is most likely the budget; None when nothing speaks for any of several."""
    possible = [amount for amount in amounts if amount.per != "other" and amount.weight >= 0]
    if not possible:
        return None
    best = max(possible, key=lambda amount: amount.weight)
    return best if best.weight > 0 or len(possible) == 1 else None


def bare_amount(text: str) -> str:
    """A sum without a currency, such as "12k": worth quoting, too ambiguous to count."""
    match = _BARE.search(text)
    return match[0] if match else ""


def shown(minor_units: int, currency: str) -> str:
    """`EUR 8,000`, `EUR 23.80`: for people."""
    if currency in ZERO_DECIMALS:
        return f"{currency} {minor_units:,}"
    whole, rest = divmod(minor_units, 100)
    return f"{currency} {whole:,}" + (f".{rest:02d}" if rest else "")


def _amount(match: re.Match[str], language: str, country: str) -> Amount | None:
    currency = _currency(match["cur"], language, country)
    low_scale, high_scale = _scale(match["lscale"]), _scale(match["hscale"])
    if match["high"] and high_scale and not match["lscale"]:
        low_scale = high_scale  # "8-10k" is eight to ten thousand.
    low = _minor(match["low"], low_scale, currency)
    high = _minor(match["high"], high_scale, currency) if match["high"] else low
    if not currency or low is None:
        return None
    if high is None or high < low:  # "$12,000 and 3 apps" is no range.
        high = low
    return Amount(low, high, currency, match[0], match.span())


def _currency(written: str, language: str, country: str) -> str:
    name = written.lower().rstrip(".")
    if name in ("kr", "kroner"):
        return CROWNS_BY_LANGUAGE.get(language) or CROWNS_BY_COUNTRY.get(country, "")
    return CODES.get(name) or (written if re.fullmatch("[A-Z]{3}", written) else "")


def _scale(written: str | None) -> int:
    return SCALES.get((written or "").lower().rstrip("."), 0)


def _minor(number: str, scale: int, currency: str) -> int | None:
    plain = re.sub(rf"{_SPACE}|['’]", "", number)
    value = parse_number(plain)
    if value is None:
        return None
    minor = Decimal(value) * (scale or 1) * (1 if currency in ZERO_DECIMALS else 100)
    return int(minor) if minor == int(minor) and 0 < minor <= MINOR_UNITS_MAX else None


def _with_meaning(amount: Amount, text: str) -> Amount:
    begin, end = amount.span
    before, after = text[max(0, begin - NEAR_CHARS) : begin], text[end : end + NEAR_CHARS]
    before = re.split(r"[.!?]\s|\n\s*\n", before)[-1]
    after = re.split(r"[.!?]\s|\n\s*\n", after)[0]
    budget, other = compiled(rf"\b(?:{BUDGET})"), compiled(rf"\b(?:{NOT_BUDGET})\b")
    weight = 2 * len(budget.findall(before)[-3:]) + len(budget.findall(after)[:2])
    weight -= 4 * len(other.findall(before[-40:] + " | " + after[:30]))
    close = after[:24]
    per = "month" if compiled(PER_MONTH).search(close) else "other" if compiled(PER_SMALL).search(close) else ""
    return replace(amount, per=per, weight=weight)
