"""Repetition rules of calendars (RRULE) in words: `every 2 weeks on Monday and Wednesday, until 2026-06-30`."""

from __future__ import annotations

RULE_CHARS_MAX = 1_000
NUMBERS_MAX = 12  # Of a list, said.
UNITS = {
    "SECONDLY": "second", "MINUTELY": "minute", "HOURLY": "hour", "DAILY": "day", "WEEKLY": "week",
    "MONTHLY": "month", "YEARLY": "year",
}  # fmt: skip
DAYS = {
    "MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday", "SU": "Sunday",
}  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "second last"}


def repeats(rule: str) -> str:
    """A rule that is not understood is returned as it stands."""
    parts = dict(part.upper().partition("=")[::2] for part in rule[:RULE_CHARS_MAX].split(";") if "=" in part)
    unit = UNITS.get(parts.get("FREQ", ""))
    if unit is None:
        return " ".join(rule.split())[:RULE_CHARS_MAX]
    every = _number(parts.get("INTERVAL", "1")) or 1
    words = [f"every {unit}" if every == 1 else f"every {every} {unit}s"]
    if days := _days(parts.get("BYDAY", ""), _number(parts.get("BYSETPOS", ""))):
        words.append(f"on {days}")
    if numbers := _numbers(parts.get("BYMONTHDAY", "")):
        words.append("on " + _listed([f"day {n}" if n > 0 else f"{_ordinal(n)} day" for n in numbers]))
    if months := [MONTHS[n - 1] for n in _numbers(parts.get("BYMONTH", "")) if 1 <= n <= len(MONTHS)]:
        words.append(f"in {_listed(months)}")
    return " ".join(words) + _end(parts)


def _end(parts: dict[str, str]) -> str:
    until, count = parts.get("UNTIL", "")[:8], _number(parts.get("COUNT", ""))
    if len(until) == 8 and until.isdigit():
        return f", until {until[:4]}-{until[4:6]}-{until[6:]}"
    return f", {count} times" if count else ", without end"


def _days(text: str, position: int) -> str:
    named = []
    for day in text.split(",")[:NUMBERS_MAX]:
        name, at = DAYS.get(day[-2:]), _number(day[:-2])
        if name:
            named.append(f"the {_ordinal(at)} {name}" if at else name)
    listed = _listed(named)
    return f"the {_ordinal(position)} of {listed}" if position and listed else listed


def _ordinal(number: int) -> str:
    return ORDINALS.get(number) or (f"{number}th" if number > 0 else f"{-number}th last")


def _numbers(text: str) -> list[int]:
    return [number for part in text.split(",")[:NUMBERS_MAX] if (number := _number(part))]


def _number(text: str) -> int:
    """0 for what is no number of at most four digits."""
    digits = text.strip().lstrip("+-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 4:
        return 0
    return -int(digits) if text.strip().startswith("-") else int(digits)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
