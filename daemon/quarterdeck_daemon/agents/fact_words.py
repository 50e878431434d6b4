"""What a fact says, in words that people read: its name, and each field as text, amounts as amounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .contract import plain_map
from .money import shown
from .seen import Fact

NAMES: Final = ("name", "title", "about", "number")  # The first that a fact has is what it is called.
SILENT: Final = frozenset(("keywords", "zone", "currency"))  # For programs, not for readers.
LANGUAGES: Final = frozenset(("de", "fr", "en"))  # Tables of words in another language.
DEPTH_MAX: Final = 3
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Said:
    """One field. kind: what its value is: day, money, mail or text."""

    field: str
    text: str
    kind: str


def called(fact: Fact) -> str:
    """`SL-2026-031`, `Ines Verhoeven`: its name, or its key when it has none or is a paper with a number."""
    if fact.kind in ("invoice", "contract", "payment"):
        return fact.key
    return next((fact.text(name) for name in NAMES if fact.text(name)), fact.key.replace("-", " "))


def titled(fact: Fact) -> str:
    return f"{fact.kind} {called(fact)}"


def said_by(fact: Fact) -> list[Said]:
    """Its fields, in their order; of an amount that is also there as text, the text."""
    found: list[Said] = []
    _add(found, "", fact.value, 0)
    spelled = {one.field for one in found}
    return [one for one in found if f"{one.field}_text" not in spelled]


def text_of(fact: Fact) -> str:
    return f"{titled(fact)} ({fact.key}): " + "; ".join(f"{label(one.field)} {one.text}" for one in said_by(fact))


def label(field: str) -> str:
    return field.removesuffix("_text").replace("_", " ")


def amount_in(value: object, currency: str = "EUR") -> tuple[int, str] | None:
    """(minor units, currency) of an amount as facts hold it: {minor, currency}, a number, decimal text."""
    plain = plain_map(value)
    minor = plain.get("minor")
    if isinstance(minor, int):
        return minor, str(plain.get("currency") or currency)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}(?:\.\d{1,2})?", value):
        return round(float(value) * 100), currency
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * 100), currency
    return None


def _add(found: list[Said], field: str, value: object, depth: int) -> None:
    if isinstance(value, dict):
        if isinstance(value.get("minor"), int):
            found.append(Said(field, shown(int(value["minor"]), str(value.get("currency") or "EUR")), "money"))
        elif depth < DEPTH_MAX and field.rpartition(" ")[2] not in LANGUAGES:
            for name, item in value.items():
                if name not in SILENT:
                    _add(found, f"{field} {name}".strip(), item, depth + 1)
    elif isinstance(value, list):
        words = [str(item) for item in value if isinstance(item, str | int | float)]
        if words:
            found.append(Said(field, ", ".join(words), "text"))
    elif isinstance(value, str | int | float) and str(value).strip():
        found.append(Said(field, str(value), _kind(field, str(value))))


def _kind(field: str, text: str) -> str:
    if _DAY.fullmatch(text):
        return "day"
    if "@" in text and " " not in text:
        return "mail"
    return "money" if field in ("price_text", "amount_text", "minimum_text") else "text"
