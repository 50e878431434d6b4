"""The forms that known fields of facts have: pure checks of one text each, with what to say when it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from .moments import is_moment

# ISO 4217, those in use.
CURRENCIES = frozenset(
    re.findall(
        "[A-Z]{3}",
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
        "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG "
        "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA "
        "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD "
        "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX "
        "USD UYU UZS VED VES VND VUV WST XAF XCD XCG XDR XOF XPF YER ZAR ZMW ZWG",
    )
)
# Length of an IBAN by country, where people we know have accounts; others are 15 to 34 characters.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 20, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26,
    "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25,
    "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}  # fmt: skip
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_MAILBOX = re.compile(r"[^\s@<>\"(),;:\[\]]{1,64}@[^\s@<>\"(),;:\[\]]{1,255}")
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_DECIMAL = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,12})?")
_PHONE_SIGNS = re.compile(r"[\s()./+–-]|ext\.?", re.IGNORECASE)


class Form(NamedTuple):
    """check: whether the text has the form; says: what it should be; hint: how to write it."""

    check: Callable[[str], bool]
    says: str
    hint: str


def compact(text: str) -> str:
    """An account number without what people put between its groups, in capitals."""
    return re.sub(r"[\s.\-\u00a0\u202f]", "", text).upper()


def is_iban(text: str) -> bool:
    """Whether the text is an IBAN: letters, length and check digits."""
    bare = compact(text)
    if not _IBAN.fullmatch(bare) or len(bare) != IBAN_LENGTHS.get(bare[:2], len(bare)):
        return False
    digits = "".join(str(int(char, 36)) for char in bare[4:] + bare[:4])
    return int(digits) % 97 == 1


def is_mailbox(text: str) -> bool:
    return _MAILBOX.fullmatch(text.strip()) is not None


def is_phone(text: str) -> bool:
    digits = _PHONE_SIGNS.sub("", text)
    return digits.isdecimal() and 3 <= len(digits) <= 20


FORMS: dict[str, Form] = {
    "moment": Form(is_moment, "a date or time", "Write 2026-11-20 or 2026-11-20T14:05:12Z."),
    "mailbox": Form(is_mailbox, "an e-mail address", "Write it like ines@northwind.test."),
    "iban": Form(is_iban, "an IBAN whose check digits are right", "Compare it digit by digit with where it is from."),
    "bic": Form(lambda text: _BIC.fullmatch(compact(text)) is not None, "a BIC", "It has 8 or 11 characters."),
    "currency": Form(lambda text: text in CURRENCIES, "a currency code", "Three capitals, like EUR or USD."),
    "decimal": Form(lambda text: _DECIMAL.fullmatch(text) is not None, "an amount", 'Like 1200.5 or "1200.50".'),
    "phone": Form(is_phone, "a telephone number", "Like +49 30 1234567."),
}
