"""Asking for facts: conditions on their fields, several orders, pages that do not slip.

    where   field -> value (equal), or field -> {operator: operand, …}; all must hold
    field   `amount`, `price.minor`, `contacts.0`; `$key $version $at $source $tier` are the record's own
    order   fields; `-field` backwards. A missing field comes last either way, ties go by id

Numbers compare with numbers and with decimal text, dates with dates, text with text; things that cannot be compared
do not fit. Upper and lower case are the same for `contains` and `prefix`.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Fact, Plain
from .kind_checks import amount_of
from .kind_versions import lifted
from .moments import is_moment, moment_us

CONDITIONS_MAX = 32
ORDERS_MAX = 4
PARTS_MAX = 8  # Of a dotted path.
IN_MAX = 500
CURSOR_CHARS_MAX = 4_000
CURSOR_TEXT_CHARS = 120  # Of a text that the order goes by; longer ones are told apart by id.
MISSING = object()

Test = Callable[[object], bool]
Rank = tuple[int, Decimal, str]


class Condition(NamedTuple):
    path: tuple[str, ...]
    holds: Test


class Order(NamedTuple):
    path: tuple[str, ...]
    backwards: bool


# --- fields ---------------------------------------------------------------------------------------

_OWN: dict[str, Callable[[Fact], object]] = {
    "$key": lambda fact: fact.key,
    "$version": lambda fact: fact.version,
    "$at": lambda fact: fact.at_us,
    "$source": lambda fact: fact.source,
    "$tier": lambda fact: fact.tier,
}


def _path(name: str) -> tuple[str, ...]:
    parts = (name,) if name.startswith("$") else tuple(name.split("."))
    if not all(parts) or len(parts) > PARTS_MAX or (name.startswith("$") and name not in _OWN):
        raise QuarterdeckError(
            "bad_value",
            f"{name!r} is no field",
            hint=f"Write field, field.inner or one of {' '.join(_OWN)}.",
            details={"path": name},
        )
    return parts


def field_of(fact: Fact, value: Plain, path: tuple[str, ...]) -> object:
    """Return what stands there, MISSING when nothing does. A field whose own name has dots counts first."""
    if path[0] in _OWN:
        return _OWN[path[0]](fact)
    if len(path) > 1 and (whole := ".".join(path)) in value:
        return value[whole]
    here: object = value
    for part in path:
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            return MISSING
    return here


# --- conditions -----------------------------------------------------------------------------------


def conditions_of(where: Plain) -> list[Condition]:
    """Return the conditions. Raises QuarterdeckError `bad_value` or `out_of_range` naming field and operator."""
    found: list[Condition] = []
    for name, wanted in where.items():
        path = _path(name)
        for operator, operand in _operations(name, wanted):
            found.append(Condition(path, _OPERATORS[operator](operand, f"{name} {operator}")))
    if len(found) > CONDITIONS_MAX:
        raise QuarterdeckError("out_of_range", f"a query has at most {CONDITIONS_MAX} conditions, not {len(found)}")
    return found


_ELSEWHERE = {  # What other programs call them; as the names of a map's fields they would find nothing, silently.
    "eq": "=", "ne": "!=", "gt": ">", "gte": ">=", "ge": ">=", "lt": "<", "lte": "<=", "le": "<=", "nin": "not in",
    "not_in": "not in", "like": "contains", "startswith": "prefix", "starts_with": "prefix",
}  # fmt: skip


def _operations(name: str, wanted: object) -> list[tuple[str, object]]:
    if not isinstance(wanted, dict) or not wanted:
        return [("=", wanted)]
    words = [str(one) for one in wanted]
    foreign = any(word in _ELSEWHERE for word in words)
    if not foreign and not any(word in _OPERATORS for word in words) and all(word.isidentifier() for word in words):
        return [("=", wanted)]  # A map that the field must be equal to.
    unknown = next((word for word in words if word not in _OPERATORS), None)
    if unknown is None:
        return [(str(word), operand) for word, operand in wanted.items()]
    near = [_ELSEWHERE[unknown]] if unknown in _ELSEWHERE else difflib.get_close_matches(unknown, _OPERATORS, n=1)
    raise QuarterdeckError(
        "bad_value",
        f"{name}: there is no operator {unknown!r}",
        hint=f"Did you mean {near[0]}?" if near else f"Operators: {', '.join(_OPERATORS)}.",
        details={"path": name, "operators": list(_OPERATORS)},
    )


def matches(fact: Fact, conditions: Sequence[Condition]) -> bool:
    value = lifted(fact.fact_kind, fact.kind_version, fact.value)
    return all(condition.holds(field_of(fact, value, condition.path)) for condition in conditions)


def rank(value: object) -> Rank | None:
    """Where a value stands among its like: (group, number, text); None for what has no order."""
    if isinstance(value, bool):
        return 0, Decimal(value), ""
    if isinstance(value, str):
        return _text_rank(value)
    number = amount_of(value) if isinstance(value, int | float) else None
    return (1, number, "") if number is not None else None


@functools.lru_cache(maxsize=16_384)  # The same words and days stand in many facts.
def _text_rank(text: str) -> Rank:
    if is_moment(text):
        return 2, Decimal(moment_us(text)[0]), text
    number = amount_of(text)
    return (1, number, "") if number is not None else (3, Decimal(0), text.casefold())


def _equal(value: object, wanted: object) -> bool:
    if value is MISSING:
        return False
    if value == wanted and isinstance(value, bool) == isinstance(wanted, bool):
        return True
    if isinstance(value, str) and isinstance(wanted, str):
        return False
    one, other = rank(value), rank(wanted)
    return one is not None and other is not None and one[0] == other[0] == 1 and one[1] == other[1]


def _equals(wanted: object, _: str) -> Test:
    return lambda value: _equal(value, wanted)


def _differs(wanted: object, _: str) -> Test:
    return lambda value: not _equal(value, wanted)


def _compares(fits: Callable[[int], bool]) -> Callable[[object, str], Test]:
    def build(wanted: object, said: str) -> Test:
        limit = rank(wanted)
        if limit is None or isinstance(wanted, bool):
            raise QuarterdeckError("bad_value", f"{said} takes a number, a date or a text, not {wanted!r}")

        def test(value: object) -> bool:
            found = rank(value) if value is not MISSING else None
            if found is None or found[0] != limit[0]:
                return False
            one, other = (found[1], limit[1]) if limit[0] != 3 else (found[2], limit[2])
            return fits((one > other) - (one < other))  # type: ignore[operator]  # Both of one type: of one group.

        return test

    return build


def _in(wanted: object, said: str) -> Test:
    if not isinstance(wanted, list | tuple) or len(wanted) > IN_MAX:
        raise QuarterdeckError("bad_value", f"{said} takes a list of at most {IN_MAX} values")
    return lambda value: any(_equal(value, one) for one in wanted)


def _not_in(wanted: object, said: str) -> Test:
    inside = _in(wanted, said)
    return lambda value: not inside(value)


def _contains(wanted: object, _: str) -> Test:
    def test(value: object) -> bool:
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted.casefold() in value.casefold()
        if isinstance(value, dict):
            return wanted in value
        return isinstance(value, list) and any(_equal(one, wanted) for one in value)

    return test


def _prefix(wanted: object, said: str) -> Test:
    if not isinstance(wanted, str):
        raise QuarterdeckError("bad_value", f"{said} takes a text, not {wanted!r}")
    start = wanted.casefold()
    return lambda value: isinstance(value, str) and value.casefold().startswith(start)


def _exists(wanted: object, said: str) -> Test:
    if not isinstance(wanted, bool):
        raise QuarterdeckError("bad_value", f"{said} takes true or false, not {wanted!r}")
    return lambda value: (value is not MISSING and value is not None) == wanted


_OPERATORS: dict[str, Callable[[object, str], Test]] = {
    "=": _equals,
    "!=": _differs,
    ">": _compares(lambda sign: sign > 0),
    ">=": _compares(lambda sign: sign >= 0),
    "<": _compares(lambda sign: sign < 0),
    "<=": _compares(lambda sign: sign <= 0),
    "in": _in,
    "not in": _not_in,
    "contains": _contains,
    "prefix": _prefix,
    "exists": _exists,
}


# --- order and pages ------------------------------------------------------------------------------


class _Cursor(msgspec.Struct, array_like=True):
    orders: list[str]
    keys: list[tuple[int, str, str]]
    id: str


def orders_of(order: str | Sequence[str]) -> list[Order]:
    """Return the orders of `"-due"`, `"client,-due"` or a list of fields."""
    names = order.split(",") if isinstance(order, str) else list(order)
    words = [name.strip() for name in names if name.strip()]
    if len(words) > ORDERS_MAX:
        raise QuarterdeckError("out_of_range", f"a query orders by at most {ORDERS_MAX} fields, not {len(words)}")
    return [Order(_path(word.removeprefix("-")), word.startswith("-")) for word in words]


def page_of(
    facts: Sequence[Fact], orders: Sequence[Order], *, limit: int, cursor: str | None
) -> tuple[list[Fact], str | None]:
    """Return the facts of one page, in order, and the cursor of the next.

    A cursor says after which values and id to go on, not how many to skip: what is put or taken away meanwhile
    shifts nothing. Raises QuarterdeckError `bad_value` for a cursor of another query.
    """
    keyed = [(_keys(fact, orders), fact) for fact in facts]
    start = _decoded(cursor, orders) if cursor else None
    if start is not None:
        keyed = [one for one in keyed if _after(one[0], one[1].id, start, orders)]
    keyed.sort(key=lambda one: one[1].id)
    for index in reversed(range(len(orders))):
        _sort(keyed, index, orders[index].backwards)
    page = keyed[:limit]
    more = len(keyed) > limit
    return [fact for _, fact in page], _encoded(page[-1][0], page[-1][1].id, orders) if more and page else None


def _sort(keyed: list[tuple[list[Rank | None], Fact]], index: int, backwards: bool) -> None:
    """By one of the orders; what is equal keeps its order."""
    keyed.sort(key=lambda one: _sortable(one[0][index], backwards), reverse=backwards)


def _keys(fact: Fact, orders: Sequence[Order]) -> list[Rank | None]:
    value = lifted(fact.fact_kind, fact.kind_version, fact.value)
    return [_cut(rank(field_of(fact, value, order.path))) for order in orders]


def _cut(key: Rank | None) -> Rank | None:
    return None if key is None else (key[0], key[1], key[2][:CURSOR_TEXT_CHARS])


def _sortable(key: Rank | None, backwards: bool) -> tuple[bool, Rank]:
    """Missing last, also backwards."""
    return (key is None) != backwards, key or (0, Decimal(0), "")


def _after(keys: list[Rank | None], id: str, start: _Cursor, orders: Sequence[Order]) -> bool:
    for key, then, order in zip(keys, start.keys, orders, strict=True):
        one = _sortable(key, order.backwards)
        other = _sortable(_rank_of(then), order.backwards)
        if one != other:
            return (one < other) if order.backwards else (one > other)
    return id > start.id


def _rank_of(stored: tuple[int, str, str]) -> Rank | None:
    return None if stored[0] < 0 else (stored[0], Decimal(stored[1]), stored[2])


def _encoded(keys: list[Rank | None], id: str, orders: Sequence[Order]) -> str:
    stored = [(-1, "0", "") if key is None else (key[0], str(key[1]), key[2]) for key in keys]
    cursor = _Cursor([_said(order) for order in orders], stored, id)
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def _decoded(text: str, orders: Sequence[Order]) -> _Cursor:
    try:
        padded = text[:CURSOR_CHARS_MAX] + "=" * (-len(text[:CURSOR_CHARS_MAX]) % 4)
        cursor = msgspec.msgpack.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Cursor)
        ranks = [_rank_of(key) for key in cursor.keys]
    except (binascii.Error, msgspec.DecodeError, ValueError, ArithmeticError) as error:
        raise _no_cursor(text) from error
    if cursor.orders != [_said(order) for order in orders] or len(ranks) != len(orders):
        raise _no_cursor(text)
    return cursor


def _said(order: Order) -> str:
    return ("-" if order.backwards else "") + ".".join(order.path)


def _no_cursor(text: str) -> QuarterdeckError:
    return QuarterdeckError(
        "bad_value", f"{text[:40]!r} is no cursor of this query", hint="Hand back the `next` of its last page."
    )
