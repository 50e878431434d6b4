"""Whether two values of a field say the same, however they are written; what a new value says that an old one does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .entities import Plain
from .forms import compact, is_iban
from .kind_checks import amount_of
from .moments import is_moment, moment_us

PHONE_DIGITS = 7  # The last ones; what stands before is dialled in many ways.
NAMES = frozenset(("name", "title", "first_name"))  # People are called in many ways: another one contradicts nothing.
ACCOUNT = "iban"
DEPTH_MAX = 8


class Difference(NamedTuple):
    """A field, what is held true and what was found."""

    field: str
    held: object
    found: object


class Comparison(NamedTuple):
    """news: fields that were not known; against: those that contradict."""

    news: Plain
    against: tuple[Difference, ...]


def compare(held: Plain, found: Plain) -> Comparison:
    """What a captured value says beside or against the one that is held true."""
    news: Plain = {}
    against: list[Difference] = []
    for field, value in found.items():
        if field == ACCOUNT:
            known = list(accounts_in(held))
            if any(compact(one) == compact(str(value)) for one in known):
                continue
            against += [Difference(field, known[0], value)] if known else []
            news |= {} if known else {field: value}
            continue
        present = held.get(field)
        if present in (None, "", []):
            if not (field == "email" and _holds(held.get("contacts"), value)):
                news[field] = value
        elif not same(field, present, value) and field not in NAMES:
            against.append(Difference(field, present, value))
    return Comparison(news, tuple(against))


def accounts_in(value: object, depth: int = 0) -> Iterator[str]:
    """Every IBAN in a value, wherever it stands."""
    if isinstance(value, str):
        if is_iban(value):
            yield value
        return
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for item in inner if depth < DEPTH_MAX else ():
        yield from accounts_in(item, depth + 1)


def same(field: str, one: object, other: object) -> bool:
    """Whether both say the same of this field. A list says each of its items."""
    if one == other:
        return True
    if isinstance(one, list):
        return _holds(one, other)
    if field == "phone":
        return _digits(one)[-PHONE_DIGITS:] == _digits(other)[-PHONE_DIGITS:]
    if isinstance(one, str) and isinstance(other, str):
        if is_moment(one) and is_moment(other):
            return moment_us(one)[0] == moment_us(other)[0]
        if _plain(one) == _plain(other):
            return True
    return _same_amount(one, other)


def _same_amount(one: object, other: object) -> bool:
    first, second = _minor(one), _minor(other)
    if first is None or second is None:
        return False
    currencies = {value.get("currency") for value in (one, other) if isinstance(value, dict)} - {None}
    return first == second and len(currencies) <= 1


def _minor(value: object) -> int | None:
    """Minor units of a {minor, currency}; of a plain number its hundredfold, as nearly all currencies have it."""
    amount = amount_of(value)
    if amount is None:
        return None
    scaled = amount if isinstance(value, dict) else amount * 100
    return int(scaled) if scaled == int(scaled) else None


def _holds(values: object, value: object) -> bool:
    return isinstance(values, list) and any(_plain(one) == _plain(value) for one in values)


def _plain(value: object) -> str:
    """Text without case and punctuation at its ends, blanks folded; a reference without its kind."""
    return " ".join(str(value).casefold().rpartition("/")[2].strip(" .,;:").split())


def _digits(value: object) -> str:
    return "".join(char for char in str(value) if char.isdigit())
