"""What the fields of a built-in kind must say together: no end before its beginning, no invoice below zero."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from .entities import Plain
from .moments import is_moment, moment_us

Faults = list[tuple[str, str, str]]  # (path, what is wrong, hint)


def amount_of(value: object) -> Decimal | None:
    """Return an amount as a number, in whatever way it is written; None when it is none.

    Of {minor, currency} the minor units: good for signs and for comparing like with like.
    """
    if isinstance(value, dict):
        value = value.get("minor")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _ordered(value: Plain, first: str, then: str) -> Faults:
    before, after = value.get(first), value.get(then)
    if not isinstance(before, str) or not isinstance(after, str) or not (is_moment(before) and is_moment(after)):
        return []
    if moment_us(after)[1] > moment_us(before)[0]:
        return []
    return [(then, f"{after} is before {first} {before}", "One of the two is mistaken.")]


def _not_negative(value: Plain, *names: str) -> Faults:
    found: Faults = []
    for name in names:
        amount = amount_of(value.get(name))
        if amount is not None and amount < 0:
            found.append((name, f"{amount} is below zero", 'Only a credit note is: type = "credit note".'))
    return found


def _invoice(value: Plain) -> Faults:
    credit = value.get("type") == "credit note"
    faults = [] if credit else _not_negative(value, "amount", "net", "total")
    return [*faults, *_ordered(value, "issued", "due")]


def _spanning(value: Plain) -> Faults:
    return _ordered(value, "starts", "ends")


def _client(value: Plain) -> Faults:
    return _ordered(value, "since", "until")


CHECKS: dict[str, Callable[[Plain], Faults]] = {
    "invoice": _invoice,
    "client": _client,
    "project": _spanning,
    "contract": _spanning,
    "campaign": _spanning,
    "event": _spanning,
}
